"""Contradictions between a configuration and what a checkpoint specifies, by flags of network and process."""

from collections.abc import Mapping, Set
from typing import Any

from pydantic import ValidationError

from repaint.checkpoints.architecture import channel_mult, sizes
from repaint.checkpoints.weights import Flags, Weights
from repaint.config.network import NetworkConfig
from repaint.config.process import ProcessConfig, describe_betas
from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.errors import CheckpointError, ConfigError

SCHEDULE = {"noise_schedule", "betas"}  # two ways to specify one thing

_TRAINING_FLAGS = {"dropout", "use_checkpoint"}  # without effect on a trained model


def check_process(config: SamplingConfig | TrainConfig, weights: Weights) -> None:
    """Raise ConfigError if the metadata name a diffusion process that contradicts the configuration.

    Nothing else would notice: the shapes are the same, and the pictures merely bad.
    """
    process = read_process_metadata(weights)
    refuse_contradictions(config, process, process.keys(), weights.path)


def read_network_metadata(weights: Weights) -> Flags:
    """Flags of the network by the keys of `NetworkConfig`; CheckpointError if they are not valid."""
    return _validate(weights, "network", NetworkConfig)


def read_process_metadata(weights: Weights) -> Flags:
    """Flags of the diffusion process by the keys of `ProcessConfig`; CheckpointError if they are not valid."""
    return _validate(weights, "process", ProcessConfig)


def _validate(weights: Weights, part: str, kind: type[NetworkConfig] | type[ProcessConfig]) -> Flags:
    flags = weights.metadata.get(part, {})
    try:
        checked = kind.model_validate(flags)
    except ValidationError:
        raise CheckpointError(
            f"{weights.path}: its metadata is not understood; was it written by a newer version?"
        ) from None
    return checked.model_dump(include=flags.keys() - _TRAINING_FLAGS)


def refuse_contradictions(config: SamplingConfig | TrainConfig, flags: Flags, keys: Set[str], path: str) -> None:
    """Raise ConfigError if the configuration differs from the flags of a checkpoint.

    Args:
        config: what is configured.
        flags: what the checkpoint specifies.
        keys: the flags to compare; others may differ.
        path: of the checkpoint, for the message.
    """
    keys = keys | SCHEDULE if keys & SCHEDULE else keys
    wrong = [
        f"{_describe(key, vars(config))} (the file: {_describe(key, flags, short=True)})"
        for key in flags
        if key in keys and _differ(config, flags, key)
    ]
    if wrong:
        raise ConfigError(f"{path} was trained otherwise than configured: {', '.join(sorted(wrong))}")


def _describe(key: str, values: Mapping[str, Any], short: bool = False) -> str:
    """A flag in a message: 'key value', or only its value."""
    if key in SCHEDULE and values.get("betas") is not None:
        return f"betas of its own, {describe_betas(values['betas'])}"
    if key == "betas":
        key = "noise_schedule"
    return str(values[key]) if short else f"{key} {values[key]}"


def _differ(config: SamplingConfig | TrainConfig, flags: Flags, key: str) -> bool:
    ours, theirs = getattr(config, key), flags[key]
    if key in SCHEDULE:
        return bool((config.betas or config.noise_schedule) != (flags.get("betas") or flags.get("noise_schedule")))
    if key == "channel_mult":
        size = flags.get("image_size", config.image_size)
        return channel_mult(ours, size) != channel_mult(theirs, size)
    if key == "attention_resolutions":
        size = flags.get("image_size", config.image_size)
        levels = len(channel_mult(flags.get("channel_mult", config.channel_mult), size))
        return _attention_depths(ours, size, levels) != _attention_depths(theirs, size, levels)
    return bool(ours != theirs)


def _attention_depths(text: str, image_size: int, levels: int) -> set[int]:
    """Down-sampling factors at which attention is applied, see `UNetConfig.attention_depths`."""
    return {image_size // size for size in sizes(text)} & {2**level for level in range(levels)}


def explain_misfit(config: SamplingConfig | TrainConfig, detected: Flags) -> str:
    """The part of a message about weights that do not fit that names the wrong flags of the configuration.

    Args:
        config: what is configured.
        detected: flags found in the shapes, see `repaint.checkpoints.detect`.
    """
    wrong = [key for key in detected if _differ(config, detected, key)]
    if not wrong:
        return ""
    corrections = ", ".join(f"{key} is {detected[key]}, not {getattr(config, key)}" for key in wrong)
    return f": judging by its shapes, {corrections} (set these keys, or model: auto)"
