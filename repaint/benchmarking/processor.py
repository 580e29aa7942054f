"""What a machine's processor does with a network: rates of the number formats, and which operators take the time."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from repaint.benchmarking.variants import OURS, make_variant
from repaint.config.run import Config
from repaint.models.conv_rates import measure_rates
from repaint.models.optimize import Precision
from repaint.pipeline.network import find_costly_convolution

PICTURES = 8  # of a call that is profiled
MOST_OPERATORS = 8
_CALLS = 2  # that count; one more before them prepares kernels
_SLOWEST = 0.5  # times the rate of float32: a profile of a slower format would take its time and tell nothing


def measure_processor(config: Config) -> Mapping[str, Any]:
    """Rates of a network's convolutions on a core, and shares of the operators in the time of its calls.

    Args:
        config: architecture.

    Returns:
        Rates by number format; and for float32 and each format that is not far behind, the operators that themselves
        take the most time of the processor, with their share of it.
    """
    rates = measure_rates(find_costly_convolution(config, None))
    formats = [name for name, rate in rates.items() if rate >= _SLOWEST * rates["fp32"]]
    shares = {name: operator_shares(config, name) for name in formats}
    return {"GFLOP/s a core": dict(rates), "share of the time": shares}


@torch.no_grad()
def operator_shares(config: Config, precision: Precision) -> dict[str, float]:
    """Shares of PyTorch's operators in the time of uncompiled network calls on the CPU, the largest first."""
    config = config.model_copy(update={"precision": precision, "compile": False})
    variant = make_variant(OURS, config, torch.device("cpu"))
    inputs = torch.zeros(PICTURES, 3, config.image_size, config.image_size), torch.zeros(PICTURES)
    variant.network(*inputs)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(_CALLS):
            variant.network(*inputs)
    spent = {each.key: each.self_cpu_time_total for each in profiled.key_averages()}
    largest = sorted(spent, key=spent.__getitem__, reverse=True)[:MOST_OPERATORS]
    return {name.removeprefix("aten::"): spent[name] / sum(spent.values()) for name in largest}
