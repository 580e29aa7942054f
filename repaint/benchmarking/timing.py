"""Timing of network calls, peak memory, and floating-point operations."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from repaint.benchmarking.variants import Variant
from repaint.checkpoints.architecture import build_unet, build_unet_config
from repaint.config.run import Config
from repaint.models.optimize import HALF_TYPES, Precision, with_settings

MATRIX_SIDE, CONV_SHAPE = 2048, (4, 256, 64)  # of the peak rates: batch, channels, height and width
REPEATS, LONGEST = 8, 2.0
_GPU_SHARE = 4  # times as much for a GPU, which small shapes do not fill


@dataclass(frozen=True)
class Measurement:
    """Cost of one network call for one picture.

    Attributes:
        call: seconds of the sampler's loop.
        network: seconds of the network within it.
        peak_bytes: largest memory of the process; on CUDA, of its tensors.
    """

    call: float
    network: float
    peak_bytes: int


@torch.no_grad()
def measure(variant: Variant, device: torch.device, size: int, batch: int, calls: int) -> Measurement:
    """Time the sampling loop of a variant.

    On a GPU, where synchronizing after each call would slow the loop down, the network is timed separately.

    Args:
        variant: what to time.
        device: to run on.
        size: height and width of the pictures.
        batch: pictures at a time.
        calls: network calls.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        variant.sample(variant.network, size, batch, 1)  # its memory, which is given back at the end
    inside = 0.0
    inputs: tuple[Any, ...] = ()

    def timed(*args: Any) -> Any:
        nonlocal inside, inputs
        inputs, started = args, time.perf_counter()
        out = variant.network(*args)
        inside += time.perf_counter() - started
        return out

    loop = _seconds(lambda: variant.sample(timed, size, batch, calls), device)
    if device.type != "cpu":
        inside = _seconds(lambda: [variant.network(*inputs) for _ in range(calls)], device)
    return Measurement(loop / calls / batch, inside / calls / batch, _peak_bytes(device))


def _seconds(job: Callable[[], object], device: torch.device) -> float:
    _synchronize(device)
    start = time.perf_counter()
    job()
    _synchronize(device)
    return time.perf_counter() - start


def _synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def _peak_bytes(device: torch.device) -> int:
    """Largest memory of the process so far; on CUDA, of its tensors during this measurement."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@torch.no_grad()
def machine_rates(device: torch.device, precision: Precision | None) -> dict[str, float]:
    """Peak rates of the device in floating-point operations per second, of a matrix product and a 3x3 convolution.

    Args:
        device: to measure.
        precision: number format; None is float32 as PyTorch is set, by which GPUs round in convolutions.
    """
    n, batch, channels, side = MATRIX_SIDE, *CONV_SHAPE
    dtype = HALF_TYPES.get(precision, torch.float32)
    if device.type != "cpu":
        n, batch = _GPU_SHARE * n, _GPU_SHARE * batch
    a = torch.randn(n, n, device=device, dtype=dtype)
    conv = nn.Conv2d(channels, channels, 3, padding=1, device=device, dtype=dtype)
    conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(batch, channels, side, side, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    jobs: dict[str, tuple[Callable[[], Tensor], float]] = {
        "matrix product": (lambda: a @ a, 2 * n**3),
        "convolution": (partial(conv, x), 2 * 9 * channels**2 * side**2 * batch),
    }
    return {
        name: operations / _least_seconds(with_settings(job, device, precision), device)
        for name, (job, operations) in jobs.items()
    }


def _least_seconds(job: Callable[[], object], device: torch.device) -> float:
    """Of REPEATS, or fewer where they would take longer than LONGEST seconds."""
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < LONGEST:
        seconds.append(_seconds(job, device))
    return min(seconds)


def count_flops(config: Config) -> int:
    """Floating-point operations (FLOPs) of one network call for one picture."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build_unet(build_unet_config(config))
        network(torch.empty(1, 3, config.image_size, config.image_size), torch.empty(1))
    return int(counter.get_total_flops())
