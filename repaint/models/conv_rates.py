"""Rates of a network's convolutions in several number formats on a core of a CPU, measured in a fraction of a second.

A processor's name and flags do not tell which format is the fastest: with instructions for bf16, convolutions were
measured at 0.5 times the rate of float32 on one machine and at 1.9 times on another; without any they are many times
slower. One core is enough for the comparison, and its time is known beside other work too, where several threads would
wait for each other.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repaint.models.optimize import Precision
from repaint.models.torch_settings import number_of_threads

CPU_FORMATS: Final[Mapping[Precision, torch.dtype]] = {"fp32": torch.float32, "bf16": torch.bfloat16}
MARGIN: Final = 1.15  # by which a format has to be ahead of float32: what is not convolution gains nothing from it

_FIRST_FLOPS = 2e7  # of the smallest probe, which a format that is a hundred times slower still does in an instant
_CALLS = 2  # at each size of the probe, after one that warms up
_TOO_SLOW = 4.0  # times slower than float32: not tried again
_SLOW_CALL = 0.02  # seconds, after which a format that is slower than float32 is not tried again either
_CALL_SECONDS = 0.005  # of the fastest format: long beside what calling costs
_LEAST_SIDE = 8  # of the probe's output, unless the map is smaller: fewer positions hardly repay reordering the weights
_ROUNDS, _ROUNDS_SECONDS = 7, 0.25
_CLOCK_STEP = 1e-4  # seconds

Timer = Callable[[Precision, int], float]  # (number format, height and width of the output) -> seconds


@dataclass(frozen=True)
class ConvShape:
    """A convolution of a network, without its position in it; its output is square."""

    channels: int
    out_channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    side: int

    def flops(self, side: int) -> int:
        """Floating-point operations for an output of another height and width, and one picture."""
        taps = self.kernel[0] * self.kernel[1] * self.channels // self.groups
        return 2 * taps * self.out_channels * side**2


def most_expensive(network: nn.Module, run: Callable[[], object]) -> ConvShape:
    """The shape of convolution that takes the most operations of a call, all convolutions of the shape together.

    Args:
        network: on the meta device, or any other.
        run: calls it once.

    Raises:
        ValueError: it has no two-dimensional convolution.
    """
    totals: dict[ConvShape, int] = {}

    def note(conv: nn.Conv2d, _inputs: object, out: Tensor) -> None:
        side = out.shape[-1]
        shape = ConvShape(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.groups, side)
        totals[shape] = totals.get(shape, 0) + shape.flops(side)

    hooks = [each.register_forward_hook(note) for each in network.modules() if isinstance(each, nn.Conv2d)]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return max(totals, key=totals.__getitem__)


@cache
def measure_rates(shape: ConvShape) -> Mapping[Precision, float]:
    """Rates in GFLOP/s of a convolution on a core, by number format; measured once in a process for a shape."""
    with number_of_threads(1):
        return compare_rates(shape, _ConvTimer(shape))


def compare_rates(shape: ConvShape, timer: Timer) -> dict[Precision, float]:
    """Rates in GFLOP/s by number format: the probe grows until its calls can be timed, then the formats take turns.

    A format that is far behind float32 on a small probe is not tried on a larger one, where it would take seconds; its
    rate is then that of the small one.

    Args:
        shape: of the convolution; the probe is it on a smaller map, unless that is too short to be timed.
        timer: times one call.
    """
    formats, side, rates = list(CPU_FORMATS), _first_side(shape), dict[Precision, float]()
    while True:
        seconds = {each: _least_seconds(timer, each, side) for each in formats}
        rates |= {each: shape.flops(side) / least / 1e9 for each, least in seconds.items()}
        formats = [each for each in formats if not _is_hopeless(seconds[each], seconds["fp32"])]
        fastest = min(seconds.values())
        if side >= min(_LEAST_SIDE, shape.side) and (fastest >= _CALL_SECONDS or side == shape.side):
            break
        side = min(2 * side, shape.side)
    spent = 0.0
    for _ in range(_ROUNDS):
        for each in formats:
            took = timer(each, side)
            rates[each] = max(rates[each], shape.flops(side) / took / 1e9)
            spent += took
        if spent > _ROUNDS_SECONDS:
            break
    return rates


def choose_format(rates: Mapping[Precision, float]) -> Precision:
    """The format with the highest rate if it is ahead of float32 by MARGIN, else float32."""
    fastest = max(rates, key=rates.__getitem__)
    return fastest if rates[fastest] >= MARGIN * rates["fp32"] else "fp32"


def _is_hopeless(seconds: float, float32: float) -> bool:
    return seconds > _TOO_SLOW * float32 or (seconds > float32 and seconds > _SLOW_CALL)


def _first_side(shape: ConvShape) -> int:
    side = 1
    while 2 * side <= shape.side and shape.flops(2 * side) <= _FIRST_FLOPS:
        side *= 2
    return side


def _least_seconds(timer: Timer, precision: Precision, side: int) -> float:
    timer(precision, side)  # prepares kernels
    return min(timer(precision, side) for _ in range(_CALLS))


class _ConvTimer:
    """A `Timer` of a shape. No random numbers are drawn: the random state of the process stays as it is."""

    def __init__(self, shape: ConvShape) -> None:
        self._shape, self._clock = shape, pick_clock()
        kernel = (shape.out_channels, shape.channels // shape.groups, *shape.kernel)
        self._weights = {each: _ones(kernel, dtype) for each, dtype in CPU_FORMATS.items()}

    @torch.no_grad()
    def __call__(self, precision: Precision, side: int) -> float:
        shape, weight = self._shape, self._weights[precision]
        x = _ones((1, shape.channels, side * shape.stride[0], side * shape.stride[1]), weight.dtype)
        padding = [width // 2 for width in shape.kernel]
        started = self._clock()
        F.conv2d(x, weight, None, shape.stride, padding, groups=shape.groups)
        return self._clock() - started


def pick_clock() -> Callable[[], float]:
    """The time that this thread has computed, which other work does not lengthen; or where it is counted in coarse
    steps, as Windows does, the time of day.
    """
    start = time.thread_time()
    while (step := time.thread_time() - start) == 0:
        pass
    return time.thread_time if step < _CLOCK_STEP else time.perf_counter


def _ones(size: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """In the memory layout of networks on CPUs, see `repaint.models.optimize.prepare`."""
    return torch.ones(size, dtype=dtype, device="cpu").to(memory_format=torch.channels_last)
