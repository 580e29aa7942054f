"""Refining enlarged fills from coarse to fine: sizes of the levels, tiles of each, and the pictures in between.

A window larger than the network's input is filled at the network's size first. Then, level by level, that fill is
enlarged by about two and sampled again in tiles of the network's size, until the window has its own size.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.masks import Mask
from repaint.data.window_order import FillOrder, find_earlier
from repaint.data.window_pixels import cut_out_at, hole_at, known_at
from repaint.data.windows import Window, cover_with_tiles

Pixels = NDArray[np.uint8]
Shape = tuple[int, int]

LEVEL_RATIO = 2  # most that a level enlarges
LEAST_RATIO = 1.2  # windows enlarged by less are not refined


@dataclass(frozen=True)
class Tile:
    """A square of the network's size in a window that is being refined.

    Attributes:
        window: number of the window.
        level: from 1; the fill of the whole window at the network's size is level 0.
        shape: height and width of the window at this level.
        place: the tile in the window at this level, with the part that it fills.
        earlier: numbers, among the tiles of this window and level, of those that have to be filled before.
    """

    window: int
    level: int
    shape: Shape
    place: Window
    earlier: tuple[int, ...]


def level_shapes(window: Window, size: int, most: int | None = None) -> list[Shape]:
    """Height and width of a window at each level that is refined, from coarse to fine.

    Sides grow by equal factors of at most `LEVEL_RATIO` (up to `LEAST_RATIO` more); the last level has the window's own
    size. A side shorter than the network's input keeps the input's.

    Args:
        window: in the picture.
        size: of the network's input.
        most: levels at most; None for all.
    """
    ratio = max(window.height, window.width) / size
    count = max(0, math.ceil(math.log(ratio / LEAST_RATIO, LEVEL_RATIO) - 1e-9))
    return [
        (_side(window.height, size, level / count), _side(window.width, size, level / count))
        for level in range(1, count + 1)
    ][:most]


def _side(length: int, size: int, share: float) -> int:
    return max(size, round(size * math.pow(length / size, share)))


def plan_tiles(
    windows: Sequence[Window], earlier: Sequence[Sequence[int]], known: Mask, size: int, most: int | None
) -> Iterator[Tile]:
    """The tiles of all windows and levels, in order.

    Args:
        windows: of the picture.
        earlier: see `find_earlier`.
        known: bool [H, W], True = known.
        size: of the network's input.
        most: see `level_shapes`.
    """
    for number, window in enumerate(windows):
        shapes = level_shapes(window, size, most)
        if not shapes:
            continue
        now = known.copy()
        for other in earlier[number]:
            top, bottom, left, right = windows[other].fill
            now[top:bottom, left:right] = True
        for level, shape in enumerate(shapes, 1):
            seen = known_at(now, window, shape)
            places = cover_with_tiles(~(hole_at(now, window, shape) & _fills(window, shape)), size)
            for place, before in zip(places, find_earlier(places, seen), strict=True):
                yield Tile(number, level, shape, place, tuple(before))


def _fills(window: Window, shape: Shape) -> Mask:
    """The part of a window at a level, bool of `shape`, that it fills."""
    top, bottom, left, right = window.fill
    part = np.zeros(shape, bool)
    tall, wide = shape[0] / window.height, shape[1] / window.width
    part[
        math.floor((top - window.top) * tall) : math.ceil((bottom - window.top) * tall),
        math.floor((left - window.left) * wide) : math.ceil((right - window.left) * wide),
    ] = True
    return part


def order_tiles(windows: Sequence[Sequence[int]], tiles: Sequence[Tile]) -> FillOrder:
    """What each window, and then each tile, has to wait for.

    A window waits for the last tiles of those before it, a level for the last one before it that has tiles: the coarse
    ones of a wide window do not see a hole of a few pixels. A gate stands for all tiles of a level.

    Args:
        windows: see `find_earlier`.
        tiles: see `plan_tiles`.
    """
    levels: dict[tuple[int, int], list[int]] = {}
    for number, tile in enumerate(tiles, len(windows)):
        levels.setdefault((tile.window, tile.level), []).append(number)
    parts = len(windows) + len(tiles)
    last = list(range(len(windows)))  # what ends a window, so far
    begin: dict[tuple[int, int], int] = {}  # what a level begins with
    for gate, (window, level) in enumerate(levels, parts):
        begin[window, level], last[window] = last[window], gate
    earlier = [[last[other] for other in before] for before in windows]
    for tile in tiles:
        same = levels[tile.window, tile.level]
        earlier.append([begin[tile.window, tile.level], *(same[number] for number in tile.earlier)])
    return FillOrder([*earlier, *levels.values()], parts)


class RefinedWindow:
    """A window between its levels: its fill so far, and what of it is known.

    Args:
        filled: its fill at the network's size, uint8 [size, size, 3].

    Attributes:
        pixels: uint8 [h, w, 3] at the current level; in the hole the fill of the level before, enlarged, and what is
            refined of it.
    """

    def __init__(self, filled: Pixels) -> None:
        self.pixels = filled
        self._level = 0
        self._known: Mask = np.ones(filled.shape[:2], bool)

    def cut_out(self, tile: Tile, window: Window, pixels: Pixels, known: Mask) -> tuple[Pixels, Mask]:
        """A tile as the network's input, begun from the enlarged fill.

        Args:
            tile: of this window; all tiles of the levels before are pasted.
            window: in the picture.
            pixels: the picture, uint8 [H, W, 3].
            known: bool [H, W], True = known.

        Returns:
            (pixels, mask): uint8 [size, size, 3], in the hole the enlarged fill, and bool [size, size], True = known.
        """
        if tile.level > self._level:
            seen, self._known = cut_out_at(pixels, known, window, tile.shape)
            height, width = tile.shape
            enlarged = np.asarray(Image.fromarray(self.pixels).resize((width, height), Image.Resampling.BICUBIC))
            self.pixels = np.where(self._known[..., None], seen, enlarged)
            self._level = tile.level
        rows, columns = slice(*tile.place.rows), slice(*tile.place.columns)
        return self.pixels[rows, columns].copy(), self._known[rows, columns].copy()

    def paste(self, tile: Tile, filled: Pixels) -> None:
        """Paste the fill uint8 [size, size, 3] of a tile; what it fills is known to the tiles after it."""
        top, bottom, left, right = tile.place.fill
        hole = ~self._known[top:bottom, left:right]
        new = filled[top - tile.place.top : bottom - tile.place.top, left - tile.place.left : right - tile.place.left]
        self.pixels[top:bottom, left:right][hole] = new[hole]
        self._known[top:bottom, left:right] = True
