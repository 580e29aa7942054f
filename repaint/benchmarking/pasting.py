"""Timing how a fill is pasted back into a large picture: the longest work beside the network."""

import statistics
import time

import numpy as np

from repaint.data.window_pixels import paste
from repaint.data.windows import whole

HEIGHT, WIDTH = 3000, 4000
HOLE = slice(1000, 2000), slice(1500, 2500)
_ROUNDS = 3


def time_pasting(size: int) -> float:
    """Seconds to enlarge a fill of a network and paste it into 12 megapixels, a hole of one.

    Args:
        size: height and width of the network's pictures.

    Returns:
        Median of a few rounds.
    """
    rng = np.random.default_rng(0)
    pixels = rng.integers(118, 138, (HEIGHT, WIDTH, 3), np.uint8)
    filled = rng.integers(118, 138, (size, size, 3), np.uint8)
    known = np.ones((HEIGHT, WIDTH), bool)
    known[HOLE] = False
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        paste(pixels, known, whole(HEIGHT, WIDTH), filled)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
