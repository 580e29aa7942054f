"""Fills in the gradient domain: which colours a hole shall have, and how they shall change, brought together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask

Floats = NDArray[np.float32]

STEPS = 40  # of the iteration; with a weight of 0.1 it is then off by 0.0003 of what it began with


@dataclass(frozen=True)
class Differences:
    """How a picture shall change along an edge: from each pixel to the next one below it and to the one on its right.

    Attributes:
        down: [h, w, 3].
        right: likewise.
        has_down: bool [h, w], for which pixels `down` counts; for none of the last row.
        has_right: likewise `right`; for none of the last column.
    """

    down: Floats
    right: Floats
    has_down: Mask
    has_right: Mask


def solve_screened_poisson(picture: Floats, hole: Mask, wanted: Differences, weight: float) -> Floats:
    """Let the colours of a hole change as wanted, also across its border, and stay near what they are.

    Least squares of the differences and, weighted, of the colours: the screened Poisson equation (Bhat et al. 2008,
    "Fourier Analysis of the 2D Screened Poisson Equation for Gradient Domain Problems"). A step of colour at the border
    of a hole becomes a slow change inside it.

    Args:
        picture: [h, w, 3].
        hole: bool [h, w]; all other pixels stay as they are.
        wanted: what the colours shall change by.
        weight: of the squared distance to the colours that the hole has, above 0; small ones take more steps than are
            made.

    Returns:
        [h, w, 3].
    """
    down, right = (has.astype(np.float32) for has in (wanted.has_down, wanted.has_right))
    total = _at_both_ends(down, right, 1) + np.float32(weight)
    result = picture.copy()
    for channel in range(picture.shape[2]):  # one after the other, for memory's sake
        colours = picture[..., channel]
        changes = _at_both_ends(down * wanted.down[..., channel], right * wanted.right[..., channel], -1)
        constant = np.float32(weight) * colours + changes
        # Jacobi's iteration with Chebyshev's factors. Unlike conjugate gradients it takes no sums over the picture,
        # which would have other last bits with another number of threads.
        before, now, factor = colours, _jacobi_step(colours, hole, constant, (down, right), total), 2.0
        radius = 4 / (4 + weight)  # at most that of the iteration
        for _ in range(STEPS - 1):
            factor = 1 / (1 - radius**2 * factor / 4)
            after = _jacobi_step(now, hole, constant, (down, right), total)
            before, now = now, before + np.float32(factor) * (after - before)
        result[..., channel] = now
    return result


def _at_both_ends(down: Floats, right: Floats, sign: int) -> Floats:
    """Sum over the edges of each pixel: of those that end there, and with a sign of those that begin there."""
    total: Floats = np.float32(sign) * (down + right)
    total[1:] += down[:-1]
    total[:, 1:] += right[:, :-1]
    return total


def _jacobi_step(colours: Floats, hole: Mask, constant: Floats, edges: tuple[Floats, Floats], total: Floats) -> Floats:
    """What each pixel of the hole should be if its neighbours were right."""
    down, right = edges
    around = constant.copy()
    around[:-1] += down[:-1] * colours[1:]
    around[1:] += down[:-1] * colours[:-1]
    around[:, :-1] += right[:, :-1] * colours[:, 1:]
    around[:, 1:] += right[:, :-1] * colours[:, :-1]
    return np.where(hole, around / total, colours)
