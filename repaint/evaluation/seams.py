"""Seams: whether the border of a hole shows in its fill, by the gradient across it against the gradient along it."""

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask


def seam(truth: NDArray[np.uint8], filled: NDArray[np.uint8], known: Mask) -> float | None:
    """How much more a fill changes across the border of its hole than the true picture does, against along it.

    The gradient is the mean absolute difference of neighbouring pixels: across the border one of them is known and
    the other a hole, along it both touch the border from the same side. Where light or colour jump at the border, the
    gradient across it grows and that along it does not; where the picture is rough, both are large.

    Args:
        truth: uint8 [H, W, 3].
        filled: likewise.
        known: bool [H, W], True = known.

    Returns:
        The ratio of the two gradients in the fill over that in the truth: 1 without a seam, more with one. None where
        the truth has no gradient to compare with, or the hole no border.
    """
    expected, found = (_across_over_along(pixels, known) for pixels in (truth, filled))
    return found / expected if expected and found is not None else None


def _across_over_along(pixels: NDArray[np.uint8], known: Mask) -> float | None:
    across, along = [], []
    border = _touches_other(known)
    for axis in (0, 1):
        first, second = _neighbours(known, axis)
        change = np.abs(np.diff(pixels.astype(np.int16), axis=axis)).mean(axis=2)
        across.append(change[first != second])
        along.append(change[(first == second) & np.logical_and(*_neighbours(border, axis))])
    beside, through = np.concatenate(along), np.concatenate(across)
    return float(through.mean() / beside.mean()) if through.size and beside.any() else None


def _touches_other(known: Mask) -> Mask:
    """Pixels with a neighbour of the other kind."""
    border = np.zeros_like(known)
    for axis in (0, 1):
        first, second = _neighbours(known, axis)
        for side in _neighbours(border, axis):
            side |= first != second
    return border


def _neighbours(values: Mask, axis: int) -> tuple[Mask, Mask]:
    """All pairs of neighbours along an axis, as two views."""
    moved = np.moveaxis(values, axis, 0)
    return np.moveaxis(moved[:-1], 0, axis), np.moveaxis(moved[1:], 0, axis)
