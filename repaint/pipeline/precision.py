"""Precision and compilation that a configuration selects on a device."""

import torch

from repaint.config.sampling import SamplingConfig
from repaint.errors import ConfigError
from repaint.models.optimize import Precision

COMPILING_REPAYS = 2_000  # network calls; compiling takes about a minute


def pick_precision(config: SamplingConfig, device: torch.device) -> Precision | None:
    """The number format of the network; None for float32 as PyTorch is set. ConfigError if the device lacks it."""
    check_precision(config, device)
    assert config.precision != "auto", "`choose_precision` comes first"
    return "fp16" if config.use_fp16 else config.precision


def check_precision(config: SamplingConfig, device: torch.device) -> None:
    """Raise ConfigError if the device lacks the number format."""
    if config.precision == "tf32" and device.type != "cuda":
        raise ConfigError(
            f"precision: tf32 is a number format of NVIDIA's GPUs, not of {device.type}; use fp32 or auto"
        )


def pick_compiled(config: SamplingConfig, device: torch.device, calls: int) -> bool:
    """Whether to compile the network for a run of this many network calls.

    With `compile: auto` only on a GPU, with a precision set, and for enough calls to repay it: on CPUs compiled blocks
    measured slower, and without any setting for speed a run is the published computation.
    """
    if config.compile != "auto":
        return config.compile
    return device.type == "cuda" and config.precision not in (None, "fp32") and calls >= COMPILING_REPAYS
