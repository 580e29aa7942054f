"""Order in which the windows of a picture are filled: which have to wait for which, and how many go together."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeVar

from repaint.data.masks import Mask, wholly_known
from repaint.data.windows import Box, Window

MOST_WINDOWS = 8  # of a few pictures at a time, where nothing else is asked for: more need memory, not less time


def find_earlier(windows: Sequence[Window], known: Mask) -> list[list[int]]:
    """For each window the numbers of those that have to be filled before it.

    Windows touch if one of them looks at a hole that the other fills. Of two that touch the earlier one is filled
    first; all others can be filled in any order, or in one batch, with the same result.

    Args:
        windows: in the order in which to fill them.
        known: bool [H, W], True = known, or [H, W, 3].
    """
    hole = ~wholly_known(known)
    return [
        [before for before in range(number) if _touch(windows[before], window, hole)]
        for number, window in enumerate(windows)
    ]


def _touch(one: Window, other: Window, hole: Mask) -> bool:
    return _sees(one, other.fill, hole) or _sees(other, one.fill, hole)


def _sees(window: Window, fill: Box, hole: Mask) -> bool:
    """Whether a window shows some of the hole in the part that another one fills."""
    top, bottom = max(window.top, fill[0]), min(window.rows[1], fill[1])
    left, right = max(window.left, fill[2]), min(window.columns[1], fill[3])
    return top < bottom and left < right and bool(hole[top:bottom, left:right].any())


def list_ready(earlier: Sequence[Sequence[int]], filled: Set[int]) -> list[int]:
    """Numbers of the windows that can be filled now, in any order or together.

    Args:
        earlier: see `find_earlier`.
        filled: numbers of the windows that are filled.
    """
    return [
        number
        for number, before in enumerate(earlier)
        if number not in filled and all(other in filled for other in before)
    ]


def widest_round(earlier: Sequence[Sequence[int]], is_refined: Callable[[int], bool] = lambda _number: False) -> int:
    """Most parts of a picture that can be filled together.

    Args:
        earlier: as in `list_ready`.
        is_refined: whether a part starts from a fill; such parts and others do not go together.
    """
    filled: set[int] = set()
    widest = 0
    while numbers := list_ready(earlier, filled):
        refined = sum(map(is_refined, numbers))
        widest = max(widest, refined, len(numbers) - refined)
        filled.update(numbers)
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


@dataclass(frozen=True)
class _Fill:
    """A fill to be counted: its order, and which of its parts are done."""

    earlier: Sequence[Sequence[int]]
    is_refined: Callable[[int], bool]
    filled: set[int] = field(default_factory=set)

    def ready(self) -> list[tuple["_Fill", int]]:
        return [(self, number) for number in list_ready(self.earlier, self.filled)]


def count_batches(
    pictures: Iterable[tuple[Sequence[Sequence[int]], Callable[[int], bool]]], batch_size: int
) -> tuple[int, int]:
    """Batches that fills take, as `repaint.inference.batch_loop` composes them: those from noise, and from a fill.

    Args:
        pictures: for each fill its order, see `find_earlier`, and which of its parts start from a fill.
        batch_size: most parts in a batch.
    """
    opened: list[_Fill] = []
    waiting = (_Fill(earlier, is_refined) for earlier, is_refined in pictures)
    counts = [0, 0]
    while batch := next_batch(opened, waiting, _Fill.ready, lambda part: part[0].is_refined(part[1]), batch_size):
        for fill, number in batch:
            fill.filled.add(number)
        fill, number = batch[0]
        counts[fill.is_refined(number)] += 1
        opened[:] = [fill for fill in opened if len(fill.filled) < len(fill.earlier)]
    return counts[0], counts[1]
