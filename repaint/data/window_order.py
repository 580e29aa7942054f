"""Order in which the windows of a picture are filled: which have to wait for which, and how many go together."""

from collections.abc import Sequence, Set

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


def widest_round(earlier: Sequence[Sequence[int]]) -> int:
    """Most windows of a picture that can be filled together; `earlier` as in `list_ready`."""
    filled: set[int] = set()
    widest = 0
    while numbers := list_ready(earlier, filled):
        widest = max(widest, len(numbers))
        filled.update(numbers)
    return widest


def count_batches(earlier: Sequence[Sequence[int]], fills: int, batch_size: int) -> int:
    """Batches that some fills of a picture take, as `repaint.inference.batch_loop` composes them.

    Args:
        earlier: see `find_earlier`.
        fills: of the picture.
        batch_size: most windows in a batch.
    """
    filled: list[set[int]] = [set() for _ in range(fills)]
    batches = 0
    while tasks := [(fill, number) for fill in filled for number in list_ready(earlier, fill)][:batch_size]:
        for fill, number in tasks:
            fill.add(number)
        batches += 1
    return batches
