"""Refining enlarged fills from coarse to fine: sizes of the levels, areas of each, and their order.

A window larger than the network's input is filled at the network's size first. Then, level by level, that fill is
enlarged by about two and gets texture (see `refined_window`), until the window has its own size. A level may be sampled
again as well: the network sees it in overlapping tiles; those that touch make one area, which is sampled as a whole.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.data.window_order import FillOrder, Size, find_earlier
from repaint.data.window_pixels import hole_at, known_at
from repaint.data.windows import Window, cover_with_tiles

Pixels = NDArray[np.uint8]
Shape = tuple[int, int]
Corner = tuple[int, int]  # top and left

LEVEL_RATIO = 2  # most that a level enlarges
LEAST_RATIO = 1.2  # windows enlarged by less are not refined


@dataclass(frozen=True)
class Area:
    """A part of a window that is being refined: the holes of one level whose tiles touch.

    Attributes:
        window: number of the window.
        level: from 1; the fill of the whole window at the network's size is level 0.
        shape: height and width of the window at this level.
        tiles: squares of the network's size in the window at this level, each with the part that it fills.
        references: squares of the area that all its tiles attend to.
    """

    window: int
    level: int
    shape: Shape
    tiles: tuple[Window, ...]
    references: int = 0

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the window at this level that the tiles show."""
        return _hull([tile.rows for tile in self.tiles]), _hull([tile.columns for tile in self.tiles])

    @cached_property
    def size(self) -> Size:
        """Number of tiles, height and width of the box, and number of references."""
        rows, columns = self.box
        return Size(len(self.tiles), rows.stop - rows.start, columns.stop - columns.start, self.references)

    @property
    def corners(self) -> tuple[Corner, ...]:
        """Top and left of each tile in the box."""
        rows, columns = self.box
        return tuple((tile.top - rows.start, tile.left - columns.start) for tile in self.tiles)


def _hull(intervals: Sequence[tuple[int, int]]) -> slice:
    starts, ends = zip(*intervals, strict=True)
    return slice(min(starts), max(ends))


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


def plan_areas(
    windows: Sequence[Window],
    earlier: Sequence[Sequence[int]],
    known: Mask,
    levels: Mapping[int, Sequence[Shape]],
    size: int,
    references: int = 0,
) -> Iterator[Area]:
    """The areas of all windows and levels, in order.

    Args:
        windows: of the picture.
        earlier: see `find_earlier`.
        known: bool [H, W], True = known.
        levels: for the number of each window that is refined its `level_shapes`.
        size: of the network's input.
        references: of areas of several tiles; a single one sees all that there is.
    """
    for number, shapes in levels.items():
        window, now = windows[number], known.copy()
        for other in earlier[number]:
            top, bottom, left, right = windows[other].fill
            now[top:bottom, left:right] = True
        for level, shape in enumerate(shapes, 1):
            seen = known_at(now, window, shape)
            places = cover_with_tiles(~hole_to_fill(now, window, shape), size)
            for tiles in _connected(find_earlier(places, seen)):
                shared = references if len(tiles) > 1 else 0
                yield Area(number, level, shape, tuple(places[tile] for tile in tiles), shared)


def _connected(earlier: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of tiles that touch, if only by way of others; `earlier` has for each the ones before that it touches."""
    from scipy.sparse import csr_array  # only here: it takes 0.2 s to load
    from scipy.sparse.csgraph import connected_components

    count = len(earlier)
    touching = [(tile, other) for tile, before in enumerate(earlier) for other in before]
    edges = np.array(touching, np.int64).reshape(-1, 2).T
    found, labels = connected_components(csr_array((np.ones(len(touching)), edges), (count, count)), directed=False)
    groups: list[list[int]] = [[] for _ in range(found)]
    for tile, label in enumerate(labels):
        groups[label].append(tile)
    return groups


def hole_to_fill(known: Mask, window: Window, shape: Shape) -> Mask:
    """The hole in the part of a window that it fills, at any height and width, bool of `shape`; `known` is [H, W]."""
    top, bottom, left, right = window.fill
    part = np.zeros(shape, bool)
    tall, wide = shape[0] / window.height, shape[1] / window.width
    part[
        math.floor((top - window.top) * tall) : math.ceil((bottom - window.top) * tall),
        math.floor((left - window.left) * wide) : math.ceil((right - window.left) * wide),
    ] = True
    return part & hole_at(known, window, shape)


def order_areas(windows: Sequence[Sequence[int]], areas: Sequence[Area], candidates: Sequence[int] = ()) -> FillOrder:
    """What each window, then each area, and then each further candidate has to wait for.

    A window waits for the last areas of those before it, a level for the last one before it that has areas: the coarse
    ones of a wide window do not see a hole of a few pixels. A gate stands for all areas of a level, which do not touch.
    The first level waits for all candidates, which are filled when their window is.

    Args:
        windows: see `find_earlier`.
        areas: see `plan_areas`.
        candidates: for each further first fill of a window the number of that window.
    """
    levels: dict[tuple[int, int], list[int]] = {}
    for number, area in enumerate(areas, len(windows)):
        levels.setdefault((area.window, area.level), []).append(number)
    parts = len(windows) + len(areas)
    last = [[number] for number in range(len(windows))]  # what ends a window, so far
    for number, window in enumerate(candidates, parts):
        last[window].append(number)
    parts += len(candidates)
    begin: dict[tuple[int, int], list[int]] = {}  # what a level begins with
    for gate, (window, level) in enumerate(levels, parts):
        begin[window, level], last[window] = last[window], [gate]
    earlier = [[number for other in before for number in last[other]] for before in windows]
    earlier += [begin[area.window, area.level] for area in areas] + [earlier[window] for window in candidates]
    return FillOrder([*earlier, *levels.values()], parts)


def most_central(fills: Sequence[Pixels], hole: Mask) -> Pixels:
    """Of several fills of one hole the one nearest to all of them: the medoid by squared differences.

    The squared error of a random fill is about twice that of the mean of many, which is a blur. Of several fills this
    one comes nearest to that mean, and is hardly smoother than the others.

    Args:
        fills: uint8 [h, w, 3] each.
        hole: bool [h, w], where they are compared: what lies outside the picture is not.
    """
    values = np.stack([fill[hole] for fill in fills]).astype(np.int64).reshape(len(fills), -1)
    from_mean = len(fills) * values - values.sum(axis=0)  # whole numbers: a tie is one, and the first of them is taken
    return fills[int((from_mean**2).sum(axis=1).argmin())]
