"""Bootstrap confidence intervals of means over pictures (Efron 1979)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
CHUNK = 2**22  # drawn indices in memory together


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures with its interval; None for a single picture."""

    mean: float
    low: float | None = None
    high: float | None = None


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of at least one value, and its percentile interval of LEVEL; the same for the same values.

    The interval takes values that occurred, so infinite ones (PSNR of equal pictures) are allowed.
    """
    array = np.asarray(values, np.float64)
    if len(array) == 1:
        return Estimate(float(array[0]))
    return Estimate(float(array.mean()), *interval(np.concatenate([array[d].mean(axis=1) for d in draws(len(array))])))


def draws(count: int) -> Iterator[NDArray[np.int64]]:
    """RESAMPLES sets of `count` numbers below `count`, [some, count] at a time; the same for the same count."""
    rng = np.random.default_rng(SEED)
    step = max(1, CHUNK // count)
    for first in range(0, RESAMPLES, step):
        yield rng.integers(count, size=(min(step, RESAMPLES - first), count))


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Lower and upper end of LEVEL of the values; ends occur among them."""
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values, [tail, 100 - tail], method="inverted_cdf")
    return float(low), float(high)
