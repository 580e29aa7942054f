"""Confidence intervals of means by resampling (Efron 1979): what other sets of such pictures would have given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
CHUNK = 2**22  # drawn indices that are held at once


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures with its interval, which one picture does not give."""

    mean: float
    low: float | None = None
    high: float | None = None


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of at least one value, and its percentile interval of LEVEL; the same for the same values.

    The interval takes values that occurred, so that infinite ones (PSNR of equal pictures) do no harm.
    """
    array = np.asarray(values, np.float64)
    count = len(array)
    if count == 1:
        return Estimate(float(array[0]))
    rng = np.random.default_rng(SEED)
    step = max(1, CHUNK // count)
    sizes = [min(step, RESAMPLES - first) for first in range(0, RESAMPLES, step)]
    means = np.concatenate([array[rng.integers(count, size=(size, count))].mean(axis=1) for size in sizes])
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail], method="inverted_cdf")
    return Estimate(float(array.mean()), float(low), float(high))
