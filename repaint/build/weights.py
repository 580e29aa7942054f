"""Weights files to networks that the sampler can call."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from repaint.build.architecture import (
    build_classifier,
    build_classifier_config,
    build_unet,
    build_unet_config,
    channel_mult,
    numbers,
)
from repaint.config import Config
from repaint.data import storage
from repaint.diffusion.gaussian import CondFn, Model
from repaint.diffusion.guidance import classifier_guidance
from repaint.errors import CheckpointError, ConfigError
from repaint.models.checkpoint import (
    Flags,
    State,
    load_weights,
    read_checkpoint,
    read_classifier_flags,
    read_unet_flags,
)
from repaint.models.unet import Encoder


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


def apply_weights_to_config(config: Config, weights: Weights) -> Config:
    """Fill in, or check, what the weights file tells about the model.

    With `model: auto` the architecture comes from the file: from its metadata, or else from its keys and shapes.
    A file that names its diffusion process must agree with the configuration, as nothing else would notice.

    Raises:
        ConfigError: a key that was given contradicts the file.
        CheckpointError: `model: auto`, but the file is not a UNet's.
    """
    told: Flags = dict(weights.metadata.get("process", {}))
    if config.model == "auto":
        network = weights.metadata.get("network") or read_unet_flags(weights.state, config.image_size)
        if not network:
            raise CheckpointError(f"{weights.path}: model: auto finds no guided-diffusion UNet in this file")
        told |= network
        checked = set(config.model_fields_set)
    else:
        checked = set(told)
    wrong = [
        f"{key} {getattr(config, key)} (the file: {told[key]})"
        for key in checked & told.keys()
        if _differ(config, told, key)
    ]
    if wrong:
        raise ConfigError(f"{weights.path} was trained otherwise than configured: {', '.join(sorted(wrong))}")
    return config.model_copy(update=told)


def _differ(config: Config, told: Flags, key: str) -> bool:
    ours, theirs = getattr(config, key), told[key]
    if key == "channel_mult":
        return channel_mult(ours, config.image_size) != channel_mult(theirs, config.image_size)
    if key == "attention_resolutions":
        return set(numbers(ours)) != set(numbers(theirs))
    return bool(ours != theirs)


def _wrong_flags(config: Config, told: Flags) -> str:
    wrong = [f"{key} is {told[key]}, not {getattr(config, key)}" for key in told if _differ(config, told, key)]
    if not wrong:
        return ""
    return f": judging by its shapes, {', '.join(wrong)} (set these keys, or model: auto)"


def load_network(config: Config, weights: Weights, device: torch.device) -> Model:
    """The trained network, ready to be called by the sampler.

    Raises:
        CheckpointError: the file has another architecture.
    """
    network = build_unet(build_unet_config(config))
    _fill(network, weights, _wrong_flags(config, read_unet_flags(weights.state, config.image_size)))
    _finish(network, config.use_fp16, device)
    if config.class_cond:
        return network
    return lambda x, timesteps, _y: network(x, timesteps)


def load_cond_fn(config: Config, device: torch.device) -> CondFn | None:
    """Classifier guidance, if configured; raises CheckpointError like `load_network`."""
    if not config.guided:
        return None
    assert config.classifier_path is not None
    weights = read_weights(config.classifier_path)
    classifier = build_classifier(build_classifier_config(config))
    _fill(classifier, weights, _wrong_flags(config, read_classifier_flags(weights.state)))
    _finish(classifier, config.classifier_use_fp16, device)
    return classifier_guidance(classifier, config.classifier_scale)


def _fill(network: Encoder, weights: Weights, wrong_flags: str) -> None:
    load_weights(network, weights.state, weights.path, wrong_flags)


def _finish(network: Encoder, use_fp16: bool, device: torch.device) -> None:
    network.to(device).eval().requires_grad_(False)
    if use_fp16:
        network.convert_to_fp16()
