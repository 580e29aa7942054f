"""Windows for pictures of any size: planning them around holes, cutting them out, and pasting the fill back.

A window larger than the network's input is downsampled. So windows are as small as their holes allow: a compact hole
gets one window with context around it; long thin holes (scratches, text) are covered by several overlapping windows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, find_objects, label

from repaint.data.enlarged_fills import correct, reach
from repaint.data.masks import Mask, by_channel

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONTEXT = 0.5  # known surroundings of a hole, relative to its longer side
TILE_DEPTH = 6  # side of a tile relative to the hole's depth: the largest distance of its pixels to the known part
TILE_BREADTH = 3  # maximum side of a tile relative to the picture's shorter side, so that a panorama is tiled
OVERLAP = 0.125  # border of a tile that its neighbours fill, relative to its side
MOST_AT_ONCE = 2_000_000  # pixels of a window that is pasted as a whole
LEAST_CELL = 64  # in pixels; holes less than about two cells apart are pasted together


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
    if not known.any():
        return [padded(*known.shape)]
    depth = distance_transform_edt(~known)
    windows: list[Window] = []
    for box in sorted(_hole_boxes(~known, max(1, size // 8)), key=_area):  # a hole inside a ring comes first
        top, bottom, left, right = box
        side = round(max(bottom - top, right - left) * (1 + context))
        tile = min(TILE_DEPTH * depth[top:bottom, left:right].max(), TILE_BREADTH * min(known.shape))
        tile_side = round(max(size, tile))
        if side <= tile_side:
            windows.append(_square(known.shape, box, max(side, size)))
        else:
            windows += sorted(_tiles(known.shape, box, tile_side), key=lambda window: _distance(depth, window))
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


def _distance(depth: NDArray[np.float64], window: Window) -> float:
    """Distance of a window's hole to the known part; the nearest tiles are filled first."""
    top, bottom, left, right = window.fill
    part = depth[top:bottom, left:right]
    nearest: float = part.min(where=part > 0, initial=np.inf)
    return nearest


def _area(box: Box) -> int:
    top, bottom, left, right = box
    return (bottom - top) * (right - left)


def _hole_boxes(hole: Mask, cell: int) -> list[Box]:
    """Bounding boxes of connected holes; holes less than about two cells (in pixels) apart count as connected."""
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


def _tiles(shape: tuple[int, ...], box: Box, side: int) -> Iterator[Window]:
    """Overlapping square windows over a box, row by row."""
    side = min(side, max(shape))
    step = max(1, side - 2 * round(OVERLAP * side))
    top, bottom, left, right = box
    for y in range(top, bottom, step):
        for x in range(left, right, step):
            yield _square(shape, (y, min(y + step, bottom), x, min(x + step, right)), side)


def cut_out(pixels: Pixels, known: Mask, window: Window, size: int) -> tuple[Pixels, Mask]:
    """Cut out a window at the network's size.

    Where the window is downsampled, a pixel is known only if all the pixels it averages are, so that nothing of the
    hole's content leaks into the known part.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known; a coloured mask [H, W, 3] only if nothing has to be resized.
        window: what to cut out.
        size: height and width of the network's input.

    Returns:
        (pixels, mask): uint8 [size, size, 3], 0 in the hole, and bool [size, size] or [size, size, 3], True = known.
    """
    inside: Mask = _cut(known, window)
    part: Pixels = _cut(np.where(by_channel(known), pixels, 0).astype(np.uint8), window)
    if inside.shape[:2] == (size, size):
        return part, inside
    share = _resize(inside.astype(np.float32), size, size)
    full = share > 1 - 1e-4
    colours = np.stack([_resize(part[..., c].astype(np.float32), size, size) for c in range(3)], axis=-1)
    colours /= np.where(full, share, np.inf)[..., None]
    return _to_bytes(colours), full


def paste(pixels: Pixels, known: Mask, window: Window, filled: Pixels) -> Pixels:
    """Paste the fill of a window into the hole pixels of `window.fill`; all other pixels stay as they are.

    An upsampled fill is corrected to the colours of the known pixels along the hole's border, fading out within about
    two pixels of the network, and gets the film grain of the known pixels, which downsampling has removed. In windows
    of more than `MOST_AT_ONCE` pixels both are computed around each hole only.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known.
        window: what was cut out.
        filled: the network's fill, uint8 [size, size, 3].

    Returns:
        A new picture, uint8 [H, W, 3].
    """
    scale = max(window.height / filled.shape[0], window.width / filled.shape[1])
    result = pixels.copy()
    for area in _areas(known, window, scale):
        fill = np.stack([_resize_part(filled[..., c].astype(np.float32), window, area) for c in range(3)], axis=-1)
        top, bottom, left, right = area.fill
        box = slice(top - area.top, bottom - area.top), slice(left - area.left, right - area.left)
        if scale > 1:
            fill = correct(fill, _cut(pixels, area).astype(np.float32), _cut(known, area), scale, box)
        else:
            fill = fill[box]
        new = _to_bytes(fill)
        hole = ~known[top:bottom, left:right]
        result[top:bottom, left:right][hole] = new[hole]
    return result


def _areas(known: Mask, window: Window, scale: float) -> Iterator[Window]:
    """Parts of a window that together hold its holes, each with a rim: what pasting an enlarged fill has to look at."""
    if scale <= 1 or window.height * window.width <= MOST_AT_ONCE:
        yield window
        return
    rim = reach(scale)
    first_row, last_row, first_column, last_column = window.fill
    hole = ~known[first_row:last_row, first_column:last_column]
    for box in _hole_boxes(hole, max(LEAST_CELL, rim)):  # nearer holes share most of their rims
        top, bottom, left, right = box[0] + first_row, box[1] + first_row, box[2] + first_column, box[3] + first_column
        y, x = max(window.top, top - rim), max(window.left, left - rim)
        height = min(window.rows[1], bottom + rim) - y
        width = min(window.columns[1], right + rim) - x
        yield Window(y, x, height, width, (top, bottom, left, right))


def _cut(array: NDArray[Any], window: Window) -> NDArray[Any]:
    """The window's part of an array [H, W, ...], zero (unknown) outside the picture."""
    part = np.zeros((window.height, window.width, *array.shape[2:]), array.dtype)
    (top, bottom), (left, right) = window.rows, window.columns
    y, x = max(top, 0), max(left, 0)
    inside = array[y:bottom, x:right]
    part[y - top : y - top + inside.shape[0], x - left : x - left + inside.shape[1]] = inside
    return part


def _resize(channel: Floats, height: int, width: int) -> Floats:
    """Resize a channel: area average to shrink, bicubic to enlarge."""
    if channel.shape == (height, width):
        return channel
    return np.asarray(Image.fromarray(channel).resize((width, height), _method(channel, height, width)))


def _resize_part(channel: Floats, window: Window, area: Window) -> Floats:
    """The part of a channel [size, size], resized to a window, that lies in an area of the window.

    One axis after the other, as Pillow does it, with the cut in between: its own cuts round to float32.
    """
    method = _method(channel, window.height, window.width)
    wide = np.asarray(Image.fromarray(channel).resize((window.width, channel.shape[0]), method))
    top, left = area.top - window.top, area.left - window.left
    columns = Image.fromarray(wide[:, left : left + area.width]).resize((area.width, window.height), method)
    return np.asarray(columns.crop((0, top, area.width, top + area.height)))


def _method(channel: Floats, height: int, width: int) -> Image.Resampling:
    """Area average to shrink, bicubic to enlarge."""
    return Image.Resampling.BOX if height * width < channel.size else Image.Resampling.BICUBIC


def _to_bytes(values: Floats) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)
