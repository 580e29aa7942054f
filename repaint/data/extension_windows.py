"""Windows of an extended picture: rings around it, filled from near to far.

A window shows at least as much of what is known, or filled before it, as of what it fills. So a ring is at most half a
window deep, and a far extension grows ring by ring, each with larger windows than the one before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from repaint.data.windows import OVERLAP, Box, Window

DEPTHS = 3  # side of a window relative to the depth of what is left to fill
Interval = tuple[int, int]  # end exclusive


def around_picture(shape: tuple[int, ...], picture: Box, size: int) -> list[Window]:
    """Plan square windows that cover a canvas around a picture, in the order in which to fill them.

    Args:
        shape: (height, width) of the canvas.
        picture: what is known, or filled before: (top, bottom, left, right).
        size: of the network's input; no window is smaller, unless the canvas's longer side is.
    """
    height, width = shape
    windows: list[Window] = []
    while picture != (0, height, 0, width):
        top, bottom, left, right = picture
        depth = max(top, height - bottom, left, width - right)
        side = min(max(size, min(round(DEPTHS * depth), bottom - top, right - left)), max(shape))
        step = max(1, side // 2)
        grown = max(0, top - step), min(height, bottom + step), max(0, left - step), min(width, right + step)
        windows += _ring(picture, grown, side)
        picture = grown
    return windows


@dataclass(frozen=True)
class _Band:
    """Rows or columns of a ring: those before the picture, beside it, or after it.

    Attributes:
        pieces: what single windows fill.
        view: what they may look at.
        beside: whether the band is that of the picture itself.
    """

    pieces: list[Interval]
    view: Interval
    beside: bool = False


def _ring(inside: Box, outside: Box, side: int) -> list[Window]:
    """Windows between two boxes: every other one beside the inner box, those between them, at last the corners."""
    order: dict[Window, tuple[bool, int]] = {}
    bands = [_bands(inside[axis : axis + 2], outside[axis : axis + 2], side) for axis in (0, 2)]
    for rows, columns in product(*bands):
        if rows.beside and columns.beside:
            continue
        corner = not (rows.beside or columns.beside)
        for (i, (top, bottom)), (j, (left, right)) in product(enumerate(rows.pieces), enumerate(columns.pieces)):
            y, x = _place((top, bottom), rows.view, side), _place((left, right), columns.view, side)
            order[Window(y, x, side, side, (top, bottom, left, right))] = corner, (i + j) % 2
    return sorted(order, key=order.__getitem__)


def _bands(inside: tuple[int, ...], outside: tuple[int, ...], side: int) -> Iterator[_Band]:
    (start, end), (first, last) = inside, outside
    if first < start:
        yield _Band([(first, start)], (first, end))
    yield _Band(_cut(start, end, side), (start, end), beside=True)
    if end < last:
        yield _Band([(end, last)], (start, last))


def _cut(start: int, end: int, side: int) -> list[Interval]:
    """Equal pieces of an interval, so short that windows over neighbours overlap."""
    count = -(-(end - start) // max(1, side - 2 * round(OVERLAP * side)))
    ends = [start + (end - start) * number // count for number in range(count + 1)]
    return list(pairwise(ends))


def _place(fill: Interval, view: Interval, side: int) -> int:
    """Start of a window around what it fills, shifted into what it may look at; centered there if it does not fit."""
    (start, end), (first, last) = fill, view
    if side >= last - first:
        return (first + last - side) // 2
    return min(max((start + end - side) // 2, first), last - side)
