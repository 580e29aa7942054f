"""The number format that `precision: auto` stands for: measured on CPUs, known of GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from repaint.checkpoints.weights import Weights
from repaint.config.sampling import SamplingConfig
from repaint.models.conv_rates import CPU_FORMATS, choose_format, measure_rates
from repaint.models.optimize import Precision, fastest_precision
from repaint.pipeline.network import find_costly_convolution

AUTO_FORMATS = (*CPU_FORMATS, "fp16")  # which `auto` may stand for on some device

SamplingKind = TypeVar("SamplingKind", bound=SamplingConfig)


@dataclass(frozen=True)
class PrecisionChoice:
    """What `precision: auto` stands for.

    Attributes:
        precision: the number format.
        rates: of the convolutions that were measured, GFLOP/s on one core by number format; empty without measurement.
        kept: whether it is the choice of the results that are there already.
    """

    precision: Precision
    rates: Mapping[str, float] = field(default_factory=dict)
    kept: bool = False

    def apply(self, config: SamplingKind) -> SamplingKind:
        """The configuration with the number format in the place of `auto`."""
        return config.model_copy(update={"precision": self.precision})

    def describe(self) -> str:
        """The choice and its reason, in a line."""
        reasons = ["as in the results so far"] if self.kept else []
        if self.rates:
            rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in self.rates.items())
            reasons.append(f"measured: {rates} GFLOP/s a core")
        return f"precision: auto is {self.precision} ({'; '.join(reasons) or 'the fastest of this device'})"


def resolve_precision(
    config: SamplingKind, weights: Weights | None, device: torch.device
) -> tuple[SamplingKind, PrecisionChoice | None]:
    """The configuration without `precision: auto`, and what was chosen in its place or None, see `choose_precision`."""
    if config.precision != "auto":
        return config, None
    choice = choose_precision(config, weights, device)
    return choice.apply(config), choice


def choose_precision(config: SamplingConfig, weights: Weights | None, device: torch.device) -> PrecisionChoice:
    """The fastest number format of a network on a device.

    On a CPU, convolutions of the shape that costs the network most are timed, for a fraction of a second; once in a
    process for a shape.

    Args:
        config: resolved, with `precision: auto`.
        weights: of a checkpoint with a network of its own; the tensors in them are not used.
        device: where to run.
    """
    if device.type != "cpu":
        return PrecisionChoice(fastest_precision(device))
    rates = measure_rates(find_costly_convolution(config, weights))
    return PrecisionChoice(choose_format(rates), {name: round(rate, 1) for name, rate in rates.items()})
