"""The networks of a training: the one that learns, as it starts, and its teacher."""

from collections.abc import Sequence

import torch
from torch import Tensor

from repaint.checkpoints.architecture import attention_note, build_unet, build_unet_config
from repaint.checkpoints.contradictions import check_process
from repaint.checkpoints.formats import read_weights_to_train
from repaint.checkpoints.weights import Weights
from repaint.config.training import TrainConfig
from repaint.diffusion.gaussian import Model
from repaint.errors import ConfigError
from repaint.models.unet import UNet
from repaint.pipeline.network import fill_unet
from repaint.training.optimisation import with_autocast
from repaint.training.teacher import Guide, Teacher


def build_network(config: TrainConfig) -> UNet:
    """The configured network with random weights, a function of the seed; ConfigError if it cannot be built."""
    torch.manual_seed(config.seed)
    unet_config = build_unet_config(config)
    misfit = attention_note("attention_resolutions", unet_config)
    if misfit is not None:
        raise ConfigError(misfit)
    return build_unet(unet_config)


def start_from(network: UNet, config: TrainConfig, path: str) -> str | None:
    """Load the checkpoint to fine-tune but for the layers `init_skip`.

    Returns:
        What is assumed about the checkpoint, if anything is.

    Raises:
        RepaintError: it cannot be read or belongs to another network or process, or there is no such layer.
    """
    kept = _weights_of(network, config.init_skip)
    weights = _load(network, config, path, "init_path")
    network.load_state_dict(kept, strict=False)
    return None if weights.note is None else weights.note.partition(";")[0]  # the rest is about a key of sampling


def build_teacher(config: TrainConfig, path: str, device: torch.device) -> Teacher:
    """The teacher on its device; errors as of `start_from`."""
    model, digest = _build_constant(config, path, "teacher_path", device)
    guide = None
    if config.guide_path is not None:
        weaker, guide_digest = _build_constant(config, config.guide_path, "guide_path", device)
        guide = Guide(weaker, config.guide_scale, config.guide_below)
        digest += f" guided by {guide_digest} x {guide.scale:g} below {guide.below:g}"
    return Teacher(model, digest, config.image_size, memory_format(config), guide)


def _build_constant(config: TrainConfig, path: str, key: str, device: torch.device) -> tuple[Model, str]:
    """A trained network that stays as it is, of the file that `key` names, and the file's digest."""
    network = build_unet(build_unet_config(config))
    weights = _load(network, config, path, key)
    place_network(network, config, device)
    return with_autocast(network.eval(), device, config.precision == "bf16"), weights.digest


def place_network(network: UNet, config: TrainConfig, device: torch.device) -> None:
    """Move a network to its device and into the configured memory layout."""
    network.to(device)
    network.to(memory_format=memory_format(config))  # type: ignore[call-overload]


def memory_format(config: TrainConfig) -> torch.memory_format:
    """Memory layout of feature maps."""
    return torch.channels_last if config.channels_last else torch.contiguous_format


def _load(network: UNet, config: TrainConfig, path: str, key: str) -> Weights:
    """Put the weights of the file that `key` names into a network of the configuration."""
    weights = read_weights_to_train(path, key)
    check_process(config, weights)
    fill_unet(network, config, weights)
    return weights


def _weights_of(network: UNet, layers: Sequence[str]) -> dict[str, Tensor]:
    """Copies of the weights of layers, such as `middle_block` or `input_blocks.8`; ConfigError if one is missing."""
    state = network.state_dict()
    copies: dict[str, Tensor] = {}
    for layer in layers:
        found = {key: value.clone() for key, value in state.items() if key.startswith(f"{layer}.")}
        if not found:
            names = sorted({key.partition(".")[0] for key in state})
            raise ConfigError(f"init_skip: the network has no layer {layer!r}; they begin with {', '.join(names)}")
        copies |= found
    return copies
