"""From weights to networks that the sampler can call, and an estimate of the memory they need."""

from functools import lru_cache

import torch
from torch import Tensor

from repaint.checkpoints.architecture import build_classifier, build_classifier_config, build_unet, build_unet_config
from repaint.checkpoints.contradictions import explain_misfit
from repaint.checkpoints.detect import read_classifier_flags, read_unet_flags
from repaint.checkpoints.fit import check_fit, load_weights, move_weights
from repaint.checkpoints.formats import has_own_network
from repaint.checkpoints.weights import Weights
from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.diffusion.gaussian import CondFn, Model
from repaint.diffusion.guidance import classifier_guidance
from repaint.models.classifier import Classifier
from repaint.models.conv_rates import ConvShape, most_expensive
from repaint.models.memory import activation_bytes, parameter_bytes
from repaint.models.optimize import HALF_TYPES, Network, place, prepare, with_settings
from repaint.models.shapes import ShapesOnly, calling
from repaint.models.unet import UNet, UNetConfig
from repaint.pipeline.methods import method_of
from repaint.pipeline.precision import pick_compiled, pick_precision

_COPIES_IN_TRAINING = 5  # weights, gradients, moving average, and two moments of AdamW


def fill_unet(network: UNet, config: SamplingConfig | TrainConfig, weights: Weights) -> None:
    """Put weights into the configured network; CheckpointError names keys and flags that do not fit."""
    load_weights(network, weights.state, weights.path, _unet_hint(config, weights))


def check_architecture(config: SamplingConfig) -> None:
    """Raise ConfigError for keys that make no network, or no classifier where one guides."""
    if not has_own_network(config):
        _check_unet(build_unet_config(config))
    if config.guided:
        _check_classifier(build_classifier_config(config))


@lru_cache  # the settings of a page or library are checked again and again
def _check_unet(config: UNetConfig) -> None:
    _empty_unet(config)


@lru_cache
def _check_classifier(config: UNetConfig) -> None:
    _empty_classifier(config)


def check_weights(config: SamplingConfig, weights: Weights) -> None:
    """Raise CheckpointError if the file does not fit the configured network; nothing is copied."""
    check_fit(_empty_network(config, weights), weights.state, weights.path, _unet_hint(config, weights))


def _empty_network(config: SamplingConfig, weights: Weights | None) -> Network:
    """The network on the meta device: that of the configuration, or the checkpoint's own."""
    if weights is not None and weights.network is not None:
        with torch.device("meta"):
            return weights.network.build()
    return _empty_unet(build_unet_config(config))


def _empty_unet(config: UNetConfig) -> UNet:
    """The network on the meta device; ConfigError if there is none."""
    with torch.device("meta"), ShapesOnly():
        return build_unet(config)


def _empty_classifier(config: UNetConfig) -> Classifier:
    """The classifier on the meta device; ConfigError if there is none."""
    with torch.device("meta"), ShapesOnly():
        return build_classifier(config)


def _empty_inputs(config: SamplingConfig, batch: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Arguments of the network on the meta device."""
    with torch.device("meta"):
        x = torch.empty(batch, 3, config.image_size, config.image_size)
        y = torch.empty(batch, dtype=torch.int64) if config.class_cond else None
        return x, torch.empty(batch), y


def find_costly_convolution(config: SamplingConfig, weights: Weights | None) -> ConvShape:
    """The shape of convolution that costs the network most.

    Args:
        config: architecture.
        weights: needed for checkpoints with a network of their own; the tensors in them are not used.
    """
    network, inputs = _empty_network(config, weights), _empty_inputs(config, 1)
    with torch.device("meta"), calling(network):
        return most_expensive(network, lambda: network(*inputs))


def _unet_hint(config: SamplingConfig | TrainConfig, weights: Weights) -> str:
    return explain_misfit(config, read_unet_flags(weights.state, config.image_size))


def load_network(config: SamplingConfig, weights: Weights, device: torch.device, calls: int = 1) -> Model:
    """The trained network, ready to be called by the sampler.

    Args:
        config: architecture, precision and compilation.
        weights: are moved into the network: `weights.state` is empty afterwards.
        device: where to run it.
        calls: expected number of network calls, see `pick_compiled`.

    Raises:
        CheckpointError: the file has another architecture.
        ConfigError: the device lacks the precision, or PyTorch cannot compile here.
    """
    network = _empty_network(config, weights)
    move_weights(network, weights.state, weights.path, _unet_hint(config, weights))
    precision, compiled = pick_precision(config, device), pick_compiled(config, device, calls)
    fast = prepare(network, device, precision, compiled, gradients=method_of(config).gradients)
    if config.class_cond:
        return fast
    return lambda x, timesteps, _y, **attend: fast(x, timesteps, **attend)


def load_cond_fn(config: SamplingConfig, weights: Weights | None, device: torch.device) -> CondFn | None:
    """Classifier guidance from the weights at `classifier_path`; None without them.

    Raises:
        CheckpointError: the file has another architecture.
    """
    if weights is None:
        return None
    classifier = _empty_classifier(build_classifier_config(config))
    move_weights(classifier, weights.state, weights.path, explain_misfit(config, read_classifier_flags(weights.state)))
    place(classifier, device, "fp16" if config.classifier_use_fp16 else None)
    guidance = classifier_guidance(classifier, config.classifier_scale)
    return with_settings(guidance, device, pick_precision(config, device))


def estimate_memory(
    config: SamplingConfig, batch: int, device: torch.device, weights: Weights | None = None
) -> tuple[int, int]:
    """Estimate the memory of a batch: bytes of (weights, activations) on its device, without the framework's own.

    Args:
        config: architecture and precision.
        batch: pictures at a time.
        device: where to run.
        weights: needed for checkpoints with a network of their own; the tensors in them are not used.
    """
    network, (x, t, y) = _empty_network(config, weights), _empty_inputs(config, batch)
    with torch.device("meta"):
        precision = pick_precision(config, device)
        if precision in HALF_TYPES:
            network.convert(HALF_TYPES[precision])
        bytes_of_weights = parameter_bytes(network)
        keep_all = method_of(config).gradients
        activations = activation_bytes(network, lambda: network(x.requires_grad_(keep_all), t, y), keep_all)
        if config.guided:
            classifier = _empty_classifier(build_classifier_config(config))
            if config.classifier_use_fp16:
                classifier.convert(torch.float16)
            bytes_of_weights += parameter_bytes(classifier)
            activations = max(activations, activation_bytes(classifier, lambda: classifier(x, t), keep_all=True))
    return bytes_of_weights, activations


def estimate_training_memory(config: SamplingConfig, batch: int) -> int:
    """Bytes that training the network in float32 takes, with its gradients, moving average and AdamW's two moments."""
    network = _empty_network(config, None)
    with torch.device("meta"):
        x = torch.empty(batch, 3, config.image_size, config.image_size)
        activations = activation_bytes(network, lambda: network(x, torch.empty(batch), None), keep_all=True)
    return _COPIES_IN_TRAINING * parameter_bytes(network) + activations
