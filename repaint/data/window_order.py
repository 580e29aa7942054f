"""Order in which the windows of a picture are filled: which have to wait for which, and how many go together."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask, wholly_known
from repaint.data.windows import Box, Window

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


def widest_round(order: FillOrder, is_refined: Callable[[int], bool] = lambda _number: False) -> int:
    """Most parts of a picture that can be filled together.

    Args:
        order: of the picture.
        is_refined: whether a part starts from a fill; such parts and others do not go together.
    """
    waiting = Waiting(order)
    widest = 0
    while numbers := list(waiting.ready):
        refined = sum(map(is_refined, numbers))
        widest = max(widest, refined, len(numbers) - refined)
        for number in numbers:
            waiting.fill(number)
    return widest


Opened = TypeVar("Opened")
Part = TypeVar("Part")


def next_batch(
    opened: list[Opened],
    waiting: Iterator[Opened],
    ready: Callable[[Opened], Sequence[Part]],
    is_refined: Callable[[Part], bool],
    batch_size: int,
) -> list[Part]:
    """The parts to fill next; none when nothing is left.

    Parts that start from a fill run along other times than those that start from noise. Of either kind a batch is
    filled up if that can be had by opening more fills, and those that start from a fill come first, as they are of
    fills that are open for longest.

    Args:
        opened: fills in progress; those that are opened here are appended.
        waiting: fills to open.
        ready: parts of a fill that can be filled now.
        is_refined: whether a part starts from a fill.
        batch_size: most parts.
    """
    kinds: tuple[list[Part], list[Part]] = [], []
    for fill in opened:
        _sort(ready(fill), is_refined, kinds)
    while max(map(len, kinds)) < batch_size and (new := next(waiting, None)) is not None:
        opened.append(new)
        _sort(ready(new), is_refined, kinds)
    coarse, refined = kinds
    full = len(refined) >= batch_size or len(refined) >= len(coarse)
    return (refined if full else coarse)[:batch_size]


def _sort(parts: Sequence[Part], is_refined: Callable[[Part], bool], kinds: tuple[list[Part], list[Part]]) -> None:
    for part in parts:
        kinds[is_refined(part)].append(part)


class _Fill:
    """A fill to be counted: what is left of it, and which of its parts are refined."""

    def __init__(self, order: FillOrder, is_refined: Callable[[int], bool]) -> None:
        self.waiting, self.is_refined = Waiting(order), is_refined

    def ready(self) -> list[tuple["_Fill", int]]:
        return [(self, number) for number in self.waiting.ready]


def count_batches(pictures: Iterable[tuple[FillOrder, Callable[[int], bool]]], batch_size: int) -> tuple[int, int]:
    """Batches that fills take, as `repaint.inference.batch_loop` composes them: those from noise, and from a fill.

    Args:
        pictures: for each fill its order, and which of its parts start from a fill.
        batch_size: most parts in a batch.
    """
    opened: list[_Fill] = []
    fills = (_Fill(order, is_refined) for order, is_refined in pictures)
    counts = [0, 0]
    while batch := next_batch(opened, fills, _Fill.ready, lambda part: part[0].is_refined(part[1]), batch_size):
        for fill, number in batch:
            fill.waiting.fill(number)
        fill, number = batch[0]
        counts[fill.is_refined(number)] += 1
        opened[:] = [fill for fill in opened if fill.waiting.left]
    return counts[0], counts[1]
