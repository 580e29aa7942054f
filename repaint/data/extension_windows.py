"""Windows of an extended picture: rings around it, filled from near to far.

A ring is at most half as deep as the picture inside of it, so that windows show enough of what is known or filled
before them; where a far extension grows on all sides, so do its windows. What is not far longer than wide is filled
through one window, which has no seam.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from repaint.data.windows import OVERLAP, TILE_DEPTH, Box, Window

Interval = tuple[int, int]  # end exclusive

ONE_WINDOW = 1.6  # ratio of a ring's sides up to which one window shows all of it: photographs have 3 to 2


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
        breadth = max(size, min(bottom - top, right - left))
        step = max(1, breadth // 2)
        grown = max(0, top - step), min(height, bottom + step), max(0, left - step), min(width, right + step)
        depth = max(abs(now - then) for now, then in zip(grown, picture, strict=True))
        shorter, longer = sorted((grown[1] - grown[0], grown[3] - grown[2]))
        if TILE_DEPTH * depth < shorter:
            windows += _strips(picture, grown, min(max(size, min(TILE_DEPTH * depth, breadth)), max(shape)))
        else:
            whole = longer if longer <= ONE_WINDOW * shorter else shorter
            windows += _squares(picture, grown, min(max(size, whole), max(shape)))
        picture = grown
    return windows


def _squares(inside: Box, outside: Box, side: int) -> list[Window]:
    """Windows over all of the outer box, one after the other along its longer side, for what the inner one leaves."""
    top, bottom, left, right = outside
    wide = right - left >= bottom - top
    pieces = _cut(left, right, side) if wide else _cut(top, bottom, side)
    fills = [(top, bottom, *piece) if wide else (*piece, left, right) for piece in pieces]
    order: list[Window] = []
    for fill in [*fills[::2], *fills[1::2]]:
        y, x = _place(fill[:2], (top, bottom), side), _place(fill[2:], (left, right), side)
        if fill[0] < inside[0] or inside[1] < fill[1] or fill[2] < inside[2] or inside[3] < fill[3]:
            order.append(Window(y, x, side, side, fill))
    return order


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


def _strips(inside: Box, outside: Box, side: int) -> list[Window]:
    """Windows along the sides of the inner box, every other one first, and at last over the corners."""
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
    """Equal pieces of an interval, of which windows inside of it overlap; one if a window shows all of it."""
    overlaps = 2 * round(OVERLAP * side)
    count = max(1, -(-(end - start - overlaps) // max(1, side - overlaps)))
    ends = [start + (end - start) * number // count for number in range(count + 1)]
    return list(pairwise(ends))


def _place(fill: Interval, view: Interval, side: int) -> int:
    """Start of a window around what it fills, shifted into what it may look at; centered there if it does not fit."""
    (start, end), (first, last) = fill, view
    if side >= last - first:
        return (first + last - side) // 2
    return min(max((start + end - side) // 2, first), last - side)
