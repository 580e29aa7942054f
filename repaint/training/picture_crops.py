"""Crops of one picture's known pixels, at all scales, as training data."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.data.window_pixels import cut_out
from repaint.data.windows import Window

Pixels = NDArray[np.uint8]

MOST_HOLE = 0.5  # share of a crop
_TRIES = 20  # draws until a crop shows enough known pixels; the last one is taken whatever it shows


class PictureCrops:
    """Random square crops of a picture at the network's size, from full resolution to the whole picture.

    What is unknown gets the colour of the nearest known pixel, so that the network sees no edge where it must not
    learn one.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known; at least one pixel is.
        size: height and width of the crops.
    """

    def __init__(self, pixels: Pixels, known: Mask, size: int) -> None:
        from scipy.ndimage import distance_transform_edt  # only here: it takes 0.2 s to load

        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        self._pixels: Pixels = pixels[tuple(nearest)]
        self._known, self._size = known, size
        self._all = np.ones_like(known)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Pixels, Mask]:
        """Crops uint8 [count, size, size, 3] and which of their pixels are known, bool [count, size, size]."""
        windows = [self._draw_window(rng) for _ in range(count)]
        crops = [cut_out(self._pixels, self._all, window, self._size)[0] for window in windows]
        known = [cut_out(self._pixels, self._known, window, self._size)[1] for window in windows]
        return np.stack(crops), np.stack(known)

    def _draw_window(self, rng: np.random.Generator) -> Window:
        for window in self._candidates(rng):
            (top, bottom), (left, right) = window.rows, window.columns
            hole = ~self._known[max(top, 0) : bottom, max(left, 0) : right]
            if hole.mean() <= MOST_HOLE:
                break
        return window

    def _candidates(self, rng: np.random.Generator) -> Iterator[Window]:
        height, width = self._known.shape
        for _ in range(_TRIES):
            largest = max(min(height, width) / self._size, 1)
            side = round(self._size * largest ** rng.random())  # scales are log-uniform
            top, left = (_draw_start(length, side, rng) for length in (height, width))
            yield Window(top, left, side, side, (top, top + side, left, left + side))


def _draw_start(length: int, side: int, rng: np.random.Generator) -> int:
    """Start of an interval inside [0, length); centered if it does not fit."""
    return int(rng.integers(0, length - side, endpoint=True)) if side < length else (length - side) // 2
