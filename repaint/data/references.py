"""Squares of an area that show most of what is known, for all its tiles to look at."""

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask

_STEP = 8  # squares start at every eighth of their side
_APART = 5 / 8  # of a side: squares that are nearer to one that is picked come after the others


def pick_references(known: Mask, size: int, count: int) -> list[tuple[int, int]]:
    """Top and left of squares with as many known pixels as possible, and a distance between them where there is room.

    Args:
        known: bool [H, W], True = known; neither side is below `size`.
        size: of a square.
        count: of squares.
    """
    tops, lefts = (_starts(length, size) for length in known.shape)
    sums = np.pad(known, ((1, 0), (1, 0))).cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    rows = sums[tops + size] - sums[tops]
    value = rows[:, lefts + size] - rows[:, lefts]
    picked = []
    for _ in range(count):
        row, column = divmod(int(value.argmax()), len(lefts))
        picked.append((int(tops[row]), int(lefts[column])))
        near = (abs(tops - tops[row]) < _APART * size)[:, None] & (abs(lefts - lefts[column]) < _APART * size)
        value = value - near * (size * size // 2)
    return picked


def _starts(length: int, size: int) -> NDArray[np.intp]:
    return np.arange(0, length - size + 1, max(1, size // _STEP))
