"""Weights files to networks that the sampler can call."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError

from repaint.build.architecture import (
    build_classifier,
    build_classifier_config,
    build_unet,
    build_unet_config,
    channel_mult,
    sizes,
)
from repaint.build.speed import pick_compiled, pick_precision
from repaint.config import NetworkConfig, ProcessConfig, SamplingConfig, TrainConfig
from repaint.data import storage
from repaint.diffusion.gaussian import CondFn, Model
from repaint.diffusion.guidance import classifier_guidance
from repaint.errors import CheckpointError, ConfigError
from repaint.models.checkpoint import (
    Flags,
    State,
    check_fit,
    load_weights,
    move_weights,
    read_checkpoint,
    read_classifier_flags,
    read_unet_flags,
)
from repaint.models.runtime import place, prepare
from repaint.models.unet import UNet

SamplingKind = TypeVar("SamplingKind", bound=SamplingConfig)
_SHAPELESS_FLAGS = {"num_heads", "num_head_channels", "num_heads_upsample", "use_new_attention_order"}
_TRAINING_FLAGS = {"dropout", "use_checkpoint"}  # no matter to a finished model


@dataclass(frozen=True)
class Weights:
    """A weights file in memory: its tensors, its metadata, and the SHA-256 of its bytes."""

    path: str
    state: State
    metadata: Flags
    digest: str


def read_weights(path: str) -> Weights:
    """Read a weights file from a local or blobfile path; raises CheckpointError or DataError."""
    if storage.is_remote(path):
        content = storage.read_bytes(path)
        state, metadata = read_checkpoint(path, content)
        return Weights(path, state, metadata, hashlib.sha256(content).hexdigest())
    state, metadata = read_checkpoint(path)
    with Path(path).open("rb") as file:
        return Weights(path, state, metadata, hashlib.file_digest(file, "sha256").hexdigest())


def apply_weights_to_config(config: SamplingKind, weights: Weights) -> SamplingKind:
    """Fill in, or check, what the weights file tells about the model.

    With `model: auto` the architecture comes from the file: from its metadata, or else from its keys and shapes.

    Raises:
        ConfigError: a key that was given contradicts the file.
        CheckpointError: `model: auto`, but the file is not a UNet's; metadata of another program.
    """
    network = _metadata(weights, "network", NetworkConfig)
    if config.model != "auto":
        check_process(config, weights)
        _refuse_contradiction(config, network, _SHAPELESS_FLAGS, weights.path)
        return config
    told = _metadata(weights, "process", ProcessConfig) | (network or read_unet_flags(weights.state, config.image_size))
    if "num_channels" not in told:
        raise CheckpointError(f"{weights.path}: model: auto finds no guided-diffusion UNet in this file")
    _refuse_contradiction(config, told, config.model_fields_set, weights.path)
    return config.model_copy(update=told)


def check_process(config: SamplingConfig | TrainConfig, weights: Weights) -> None:
    """Raise ConfigError if the file names a diffusion process that contradicts the configuration.

    Nothing else would notice: the shapes are the same, and the pictures merely bad.
    """
    told = _metadata(weights, "process", ProcessConfig)
    _refuse_contradiction(config, told, told.keys(), weights.path)


def _metadata(weights: Weights, part: str, kind: type[NetworkConfig] | type[ProcessConfig]) -> Flags:
    told = weights.metadata.get(part, {})
    try:
        checked = kind.model_validate(told)
    except ValidationError:
        raise CheckpointError(
            f"{weights.path}: its metadata is not understood; was it written by a newer version?"
        ) from None
    return checked.model_dump(include=told.keys() - _TRAINING_FLAGS)


def _refuse_contradiction(config: SamplingConfig | TrainConfig, told: Flags, keys: Set[str], path: str) -> None:
    wrong = [
        f"{key} {getattr(config, key)} (the file: {told[key]})"
        for key in told
        if key in keys and _differ(config, told, key)
    ]
    if wrong:
        raise ConfigError(f"{path} was trained otherwise than configured: {', '.join(sorted(wrong))}")


def _differ(config: SamplingConfig | TrainConfig, told: Flags, key: str) -> bool:
    ours, theirs = getattr(config, key), told[key]
    if key == "channel_mult":
        return channel_mult(ours, config.image_size) != channel_mult(theirs, config.image_size)
    if key.endswith("attention_resolutions"):
        return set(sizes(ours)) != set(sizes(theirs))
    return bool(ours != theirs)


def _wrong_flags(config: SamplingConfig | TrainConfig, told: Flags) -> str:
    wrong = [f"{key} is {told[key]}, not {getattr(config, key)}" for key in told if _differ(config, told, key)]
    if not wrong:
        return ""
    return f": judging by its shapes, {', '.join(wrong)} (set these keys, or model: auto)"


def fill_unet(network: UNet, config: SamplingConfig | TrainConfig, weights: Weights) -> None:
    """Put weights into the configured network; CheckpointError names keys and flags that do not fit."""
    load_weights(network, weights.state, weights.path, _unet_hint(config, weights))


def check_weights(config: SamplingConfig, weights: Weights) -> None:
    """Raise CheckpointError if the file does not fit the configured network; nothing is copied."""
    with torch.device("meta"):
        network = build_unet(build_unet_config(config))
    check_fit(network, weights.state, weights.path, _unet_hint(config, weights))


def _unet_hint(config: SamplingConfig | TrainConfig, weights: Weights) -> str:
    return _wrong_flags(config, read_unet_flags(weights.state, config.image_size))


def load_network(config: SamplingConfig, weights: Weights, device: torch.device, calls: int = 1) -> Model:
    """The trained network, ready to be called by the sampler.

    Args:
        config: tells the architecture and how to run it.
        weights: are moved into the network: `weights.state` is empty afterwards.
        device: where to run it.
        calls: about how many network calls are to come, see `pick_compiled`.

    Raises:
        CheckpointError: the file has another architecture.
        ConfigError: the device lacks the precision, or PyTorch cannot compile here.
    """
    with torch.device("meta"):
        network = build_unet(build_unet_config(config))
    move_weights(network, weights.state, weights.path, _unet_hint(config, weights))
    fast = prepare(network, device, pick_precision(config, device), pick_compiled(config, device, calls))
    if config.class_cond:
        return fast
    return lambda x, timesteps, _y: fast(x, timesteps)


def load_cond_fn(config: SamplingConfig, weights: Weights | None, device: torch.device) -> CondFn | None:
    """Classifier guidance from the weights at `classifier_path`; raises CheckpointError like `load_network`."""
    if weights is None:
        return None
    with torch.device("meta"):
        classifier = build_classifier(build_classifier_config(config))
    move_weights(classifier, weights.state, weights.path, _wrong_flags(config, read_classifier_flags(weights.state)))
    place(classifier, device, "fp16" if config.classifier_use_fp16 else None)
    return classifier_guidance(classifier, config.classifier_scale)


def read_classifier_weights(config: SamplingConfig) -> Weights | None:
    """The classifier's weights file, if the configuration uses one."""
    return read_weights(config.classifier_path) if config.guided and config.classifier_path else None
