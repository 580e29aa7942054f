"""Order in which the windows of a picture are filled: which have to wait for which, and how many go together."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask, wholly_known
from repaint.data.windows import Box, Window

MOST_PADDED = 2  # times its own pixels that a batch of areas may have
MOST_WINDOWS = 8  # of a few pictures at a time, where nothing else is asked for: more need memory, not less time


@dataclass(frozen=True)
class FillOrder:
    """Which parts of a picture have to wait for which.

    Attributes:
        earlier: for each part the numbers of what has to be filled before it; after the parts come gates, each with
            what has to be filled before it opens. A part that waits for a gate waits for all of that, which takes far
            fewer numbers than to list it for each of many parts.
        parts: how many of `earlier` are parts.
    """

    earlier: Sequence[Sequence[int]]
    parts: int

    @cached_property
    def later(self) -> list[list[int]]:
        """For each part and gate the numbers of what waits for it; the same for all fills of a picture."""
        later: list[list[int]] = [[] for _ in self.earlier]
        for number, before in enumerate(self.earlier):
            for other in before:
                later[other].append(number)
        return later


class Waiting:
    """The parts of a picture that are not filled yet, as filling goes on.

    Args:
        order: of the picture.

    Attributes:
        ready: numbers of the parts that can be filled now, in any order or together; ascending.
        left: numbers of all parts that are not filled.
    """

    def __init__(self, order: FillOrder) -> None:
        self.ready: list[int] = []
        self.left = set(range(order.parts))
        self._parts, self._later = order.parts, order.later
        self._open = [len(before) for before in order.earlier]
        for number in [number for number, count in enumerate(self._open) if count == 0]:
            self._release(number)

    def fill(self, number: int) -> None:
        """Count a part that was ready as filled."""
        self.ready.remove(number)
        self.left.remove(number)
        self._pass(number)

    def _pass(self, number: int) -> None:
        for later in self._later[number]:
            self._open[later] -= 1
            if self._open[later] == 0:
                self._release(later)

    def _release(self, number: int) -> None:
        if number < self._parts:
            insort(self.ready, number)
        else:
            self._pass(number)


def find_earlier(windows: Sequence[Window], known: Mask) -> list[list[int]]:
    """For each window the numbers of those that have to be filled before it.

    Windows touch if one of them looks at a hole that the other fills. Of two that touch the earlier one is filled
    first; all others can be filled in any order, or in one batch, with the same result.

    Args:
        windows: in the order in which to fill them.
        known: bool [H, W], True = known, or [H, W, 3].
    """
    hole = ~wholly_known(known)
    seen = np.array([(*window.rows, *window.columns) for window in windows]).reshape(-1, 4)
    fills = np.array([window.fill for window in windows]).reshape(-1, 4)
    earlier = []
    for number, window in enumerate(windows):
        near = _overlap(seen[:number], fills[number]) | _overlap(fills[:number], seen[number])
        candidates = np.flatnonzero(near).tolist()
        earlier.append([other for other in candidates if _touch(windows[other], window, hole)])
    return earlier


def _overlap(boxes: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes [N, 4] (top, bottom, left, right) share pixels with a box [4]."""
    top, bottom, left, right = boxes.T
    overlap: NDArray[np.bool_] = (top < box[1]) & (box[0] < bottom) & (left < box[3]) & (box[2] < right)
    return overlap


def _touch(one: Window, other: Window, hole: Mask) -> bool:
    return _sees(one, other.fill, hole) or _sees(other, one.fill, hole)


def _sees(window: Window, fill: Box, hole: Mask) -> bool:
    """Whether a window shows some of the hole in the part that another one fills."""
    top, bottom = max(window.top, fill[0]), min(window.rows[1], fill[1])
    left, right = max(window.left, fill[2]), min(window.columns[1], fill[3])
    return top < bottom and left < right and bool(hole[top:bottom, left:right].any())


class Size(NamedTuple):
    """What the sampler holds of a part that starts from a fill; of one that starts from noise all are 0.

    Attributes:
        tiles: that cover it.
        height: in pixels, of all that the tiles show.
        width: likewise.
        references: squares that the network sees before the tiles, which attend to them.
    """

    tiles: int = 0
    height: int = 0
    width: int = 0
    references: int = 0

    @property
    def squares(self) -> int:
        """What the network fills of the part: its tiles, or the window."""
        return max(1, self.tiles)

    @property
    def inputs(self) -> int:
        """What the network sees of the part."""
        return self.squares + self.references


class Planned(Protocol):
    """A picture whose parts are planned."""

    @property
    def order(self) -> FillOrder:
        """What each part has to wait for."""

    def size_of(self, part: int) -> Size:
        """Of a part, by its number in the order."""


def widest_round(picture: Planned) -> int:
    """Most that the network sees of a picture at a time: windows, or tiles of areas. They do not go together."""
    waiting = Waiting(picture.order)
    widest = 0
    while numbers := list(waiting.ready):
        tiles = [picture.size_of(number).tiles for number in numbers]
        widest = max(widest, sum(tiles), tiles.count(0))
        for number in numbers:
            waiting.fill(number)
    return widest


def count_rounds(sizes: Sequence[Size], batch_size: int) -> int:
    """Batches that the network takes for each of its calls, given the parts that it sees together.

    The references of each part are a batch of their own, or several.
    """
    counts = sum(size.squares for size in sizes), *(size.references for size in sizes)
    return sum(-(-count // batch_size) for count in counts)


Opened = TypeVar("Opened")
Part = TypeVar("Part")


def next_batch(
    opened: list[Opened],
    waiting: Iterator[Opened],
    ready: Callable[[Opened], Sequence[Part]],
    size_of: Callable[[Part], Size],
    batch_size: int,
) -> list[Part]:
    """The parts to fill next; none when nothing is left.

    Parts that start from a fill run along other times than those that start from noise. Of either kind a batch is
    filled up if that can be had by opening more fills, and those that start from a fill come first, as they are of
    fills that are open for longest. An area with more tiles than a batch takes several batches for each call.

    Args:
        opened: fills in progress; those that are opened here are appended.
        waiting: fills to open.
        ready: parts of a fill that can be filled now.
        size_of: of a part.
        batch_size: most windows, or tiles, that the network sees at a time.
    """
    coarse: list[Part] = []
    areas: list[tuple[Part, Size]] = []
    tiles = 0

    def take(fill: Opened) -> int:
        for part in ready(fill):
            if (size := size_of(part)).tiles:
                areas.append((part, size))
            else:
                coarse.append(part)
        return sum(size.tiles for _, size in areas)

    for fill in opened:
        tiles = take(fill)
    while max(len(coarse), tiles) < batch_size and (new := next(waiting, None)) is not None:
        opened.append(new)
        tiles = take(new)
    if tiles >= min(batch_size, max(1, len(coarse))):
        return list(_fit(areas, batch_size))
    return coarse[:batch_size]


def _fit(areas: Iterable[tuple[Part, Size]], batch_size: int) -> Iterator[Part]:
    """The first area, and the others whose tiles find room in the batches that it takes, with as many references.

    Stacked areas are padded to the largest, which may take twice the memory of them all at most.
    """
    room = pixels = count = height = width = references = 0
    for part, size in areas:
        if count == 0:
            room, references = -(-size.tiles // batch_size) * batch_size, size.references
        tall, wide = max(height, size.height), max(width, size.width)
        own = pixels + size.height * size.width
        fits = size.tiles <= room and size.references == references
        if fits and (count + 1) * tall * wide <= MOST_PADDED * own:
            room, pixels, count, height, width = room - size.tiles, own, count + 1, tall, wide
            yield part


class _Fill:
    """A fill to be counted: its picture, and what is left of it."""

    def __init__(self, picture: Planned) -> None:
        self.picture, self.waiting = picture, Waiting(picture.order)

    def ready(self) -> list[tuple["_Fill", int]]:
        return [(self, number) for number in self.waiting.ready]


def _size_of(part: tuple[_Fill, int]) -> Size:
    fill, number = part
    return fill.picture.size_of(number)


def count_batches(pictures: Iterable[Planned], batch_size: int) -> tuple[int, int]:
    """Batches that fills take, as `repaint.inference.batch_loop` composes them: those from noise, and from a fill.

    Args:
        pictures: that of each fill.
        batch_size: most windows, or tiles, in a batch.
    """
    opened: list[_Fill] = []
    fills = map(_Fill, pictures)
    counts = [0, 0]
    while batch := next_batch(opened, fills, _Fill.ready, _size_of, batch_size):
        sizes = [_size_of(part) for part in batch]
        for fill, number in batch:
            fill.waiting.fill(number)
        counts[sizes[0].tiles > 0] += count_rounds(sizes, batch_size)
        opened[:] = [fill for fill in opened if fill.waiting.left]
    return counts[0], counts[1]
