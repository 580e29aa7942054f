"""Measuring time, memory and arithmetic."""

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

from repaint.benchmarking.variants import Side
from repaint.checkpoints.architecture import build_unet, build_unet_config
from repaint.config.run import Config

_TRIES = 8


@dataclass(frozen=True)
class Measured:
    """Seconds of the sampler's loop, and of the network within it, for one picture and call; most memory in bytes."""

    call: float
    network: float
    peak_bytes: int


@torch.no_grad()
def measure(side: Side, device: torch.device, size: int, batch: int, calls: int) -> Measured:
    """Let a side run so many calls.

    On a GPU, where waiting for each call would slow the loop down, the network is timed by itself.
    """
    inside = 0.0
    inputs: tuple[Any, ...] = ()

    def clocked(*args: Any) -> Any:
        nonlocal inside, inputs
        inputs, started = args, time.perf_counter()
        out = side.network(*args)
        inside += time.perf_counter() - started
        return out

    loop = _seconds(lambda: side.sample(clocked, size, batch, calls), device)
    if device.type != "cpu":
        inside = _seconds(lambda: [side.network(*inputs) for _ in range(calls)], device)
    return Measured(loop / calls / batch, inside / calls / batch, _peak_bytes(device))


def _seconds(job: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    job()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def _peak_bytes(device: torch.device) -> int:
    """Most memory that the process had; on CUDA, that its tensors had."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@torch.no_grad()
def machine_rates(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """What the machine does at best in a number format, in floating-point operations per second: a matrix product, a
    3x3 convolution."""
    a = torch.randn(2048, 2048, device=device, dtype=dtype)
    conv = nn.Conv2d(256, 256, 3, padding=1, device=device, dtype=dtype)
    conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(4, 256, 64, 64, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    jobs: dict[str, tuple[Callable[[], Tensor], float]] = {
        "matrix product": (lambda: a @ a, 2 * 2048**3),
        "convolution": (partial(conv, x), 2 * 9 * 256 * 256 * 64 * 64 * 4),
    }
    return {name: work / min(_seconds(job, device) for _ in range(_TRIES)) for name, (job, work) in jobs.items()}


def count_flops(config: Config) -> int:
    """Floating-point operations of one network call for one picture."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build_unet(build_unet_config(config))
        network(torch.empty(1, 3, config.image_size, config.image_size), torch.empty(1))
    return int(counter.get_total_flops())
