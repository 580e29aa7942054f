"""Windows for pictures of any size, planned around holes; see `repaint.data.window_pixels` for what they show.

A window larger than the network's input is downsampled. So windows are as small as their holes allow: a compact hole
gets one window with context around it; long thin holes (scratches, text) are covered by several overlapping windows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask

CONTEXT = 0.5  # known surroundings of a hole, relative to its longer side
TILE_DEPTH = 6  # side of a tile relative to the hole's depth: the largest distance of its pixels to the known part
TILE_BREADTH = 3  # maximum side of a tile relative to the picture's shorter side, so that a panorama is tiled
OVERLAP = 0.125  # border of a tile that its neighbours fill, relative to its side


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; what lies outside the picture counts as unknown.

    Attributes:
        top: first row, may be negative.
        left: first column, may be negative.
        height: in pixels.
        width: in pixels.
        fill: the part that is pasted back: (top, bottom, left, right), end exclusive.
    """

    top: int
    left: int
    height: int
    width: int
    fill: tuple[int, int, int, int]

    @property
    def rows(self) -> tuple[int, int]:
        """(first, last + 1)."""
        return self.top, self.top + self.height

    @property
    def columns(self) -> tuple[int, int]:
        """(first, last + 1)."""
        return self.left, self.left + self.width

    def moved(self, down: int, right: int) -> "Window":
        """The window on a canvas that begins so many pixels above and to the left."""
        top, bottom, first, last = self.fill
        fill = top + down, bottom + down, first + right, last + right
        return Window(self.top + down, self.left + right, self.height, self.width, fill)


def whole(height: int, width: int) -> Window:
    """One window over the whole picture; at the network's size it is squeezed to a square."""
    return Window(0, 0, height, width, (0, height, 0, width))


def padded(height: int, width: int) -> Window:
    """One square window around the whole picture; the padding is unknown."""
    side = max(height, width)
    return Window((height - side) // 2, (width - side) // 2, side, side, (0, height, 0, width))


def around_holes(known: Mask, size: int, context: float = CONTEXT) -> list[Window]:
    """Plan square windows that together cover all holes, in the order in which to fill them.

    Args:
        known: bool [H, W], True = known.
        size: of the network's input; no window is smaller, unless the picture's longer side is.
        context: known surroundings of a hole, relative to its longer side.
    """
    from scipy.ndimage import distance_transform_edt  # only here: it takes 0.2 s to load

    if not known.any():
        return [padded(*known.shape)]
    depth = distance_transform_edt(~known)
    windows: list[Window] = []
    for box in sorted(hole_boxes(~known, max(1, size // 8)), key=_area):  # a hole inside a ring comes first
        top, bottom, left, right = box
        side = round(max(bottom - top, right - left) * (1 + context))
        tile = min(TILE_DEPTH * depth[top:bottom, left:right].max(), TILE_BREADTH * min(known.shape))
        tile_side = round(max(size, tile))
        if side <= tile_side:
            windows.append(_square(known.shape, box, max(side, size)))
        else:
            windows += _nearest_first(_tiles(known.shape, box, tile_side), depth)
    return list(_not_redundant(windows, known))


def _not_redundant(windows: Sequence[Window], known: Mask) -> Iterator[Window]:
    """The windows with a hole left after those before them are filled."""
    hole = ~known
    for window in windows:
        top, bottom, left, right = window.fill
        if hole[top:bottom, left:right].any():
            yield window
        hole[top:bottom, left:right] = False


Box = tuple[int, int, int, int]  # top, bottom, left, right, end exclusive


def _nearest_first(tiles: Iterator[list[Window]], depth: NDArray[np.float64]) -> list[Window]:
    """Tiles by the distance of their hole to the known part.

    Of tiles at one distance every other one of every other row comes first, so that no two of them touch.
    """
    order = {
        window: (_distance(depth, window), row % 2, column % 2)
        for row, tiles_of_row in enumerate(tiles)
        for column, window in enumerate(tiles_of_row)
    }
    return sorted(order, key=order.__getitem__)


def _distance(depth: NDArray[np.float64], window: Window) -> float:
    """Distance of a window's hole to the known part; the nearest tiles are filled first."""
    top, bottom, left, right = window.fill
    part = depth[top:bottom, left:right]
    nearest: float = part.min(where=part > 0, initial=np.inf)
    return nearest


def _area(box: Box) -> int:
    top, bottom, left, right = box
    return (bottom - top) * (right - left)


def hole_boxes(hole: Mask, cell: int) -> list[Box]:
    """Bounding boxes of connected holes; holes less than about two cells (in pixels) apart count as connected."""
    from scipy.ndimage import find_objects, label  # only here: it takes 0.2 s to load

    height, width = hole.shape
    rows, columns = -(-height // cell), -(-width // cell)
    cells = np.zeros((rows * cell, columns * cell), bool)
    cells[:height, :width] = hole
    coarse = cells.reshape(rows, cell, columns, cell).any(axis=(1, 3))
    labels, _ = label(coarse, np.ones((3, 3)))
    boxes = []
    for number, (ys, xs) in enumerate(find_objects(labels), 1):
        top, left = ys.start * cell, xs.start * cell
        component = (labels[ys, xs] == number).repeat(cell, axis=0).repeat(cell, axis=1)
        part = hole[top : top + component.shape[0], left : left + component.shape[1]]
        part = part & component[: part.shape[0], : part.shape[1]]
        y, x = (np.flatnonzero(part.any(axis)) for axis in (1, 0))
        boxes.append((top + int(y[0]), top + int(y[-1]) + 1, left + int(x[0]), left + int(x[-1]) + 1))
    return boxes


def _square(shape: tuple[int, ...], box: Box, side: int) -> Window:
    """A square window around a box, shifted into the picture as far as it fits.

    Its side is at most the picture's longer side and at least the box's.
    """
    top, bottom, left, right = box
    longest = max(bottom - top, right - left)
    side = max(longest, min(side, max(shape)))
    starts = [
        _shift_inside((first + last - side) // 2, side, length)
        for first, last, length in ((top, bottom, shape[0]), (left, right, shape[1]))
    ]
    return Window(starts[0], starts[1], side, side, box)


def _shift_inside(start: int, side: int, length: int) -> int:
    """Start of an interval of `side` pixels inside [0, length); centered if it does not fit."""
    if side >= length:
        return (length - side) // 2
    return min(max(start, 0), length - side)


def _tiles(shape: tuple[int, ...], box: Box, side: int) -> Iterator[list[Window]]:
    """Overlapping square windows over a box, row by row."""
    side = min(side, max(shape))
    step = tile_step(side)
    top, bottom, left, right = box
    for y in range(top, bottom, step):
        boxes = [(y, min(y + step, bottom), x, min(x + step, right)) for x in range(left, right, step)]
        yield [_square(shape, box, side) for box in boxes]


def tile_step(side: int) -> int:
    """Largest part of a tile, in pixels a side, that it fills itself."""
    return max(1, side - 2 * round(OVERLAP * side))


def cover_with_tiles(known: Mask, size: int) -> list[Window]:
    """Square windows of the network's size that together cover all holes, each of which is cut into equal parts.

    Args:
        known: bool [H, W], True = known; neither side is below `size`.
        size: of the network's input.
    """
    windows: list[Window] = []
    for top, bottom, left, right in sorted(hole_boxes(~known, max(1, size // 8)), key=_area):
        rows, columns = (_equal_parts(*ends, tile_step(size)) for ends in ((top, bottom), (left, right)))
        windows += [_square(known.shape, (*row, *column), size) for row in rows for column in columns]
    return list(_not_redundant(windows, known))


def _equal_parts(start: int, end: int, most: int) -> list[tuple[int, int]]:
    """An interval cut into as few equal parts, up to rounding, as there are with at most `most` pixels each."""
    count = -(-(end - start) // most)
    cuts = [start + (end - start) * number // count for number in range(count + 1)]
    return list(pairwise(cuts))
