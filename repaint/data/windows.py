"""Parts of a large picture at the network's size: where to cut them, how to cut them out and paste the fill back.

A window that is larger than the network's size is shown to it reduced. So windows are as small as their holes allow: a
blob gets one window around it, with context; thin holes that stretch far (scratches, text) are covered piece by piece.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import (
    binary_erosion,
    distance_transform_edt,
    find_objects,
    gaussian_filter,
    label,
    uniform_filter,
)

from repaint.data.masks import Mask

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONTEXT = 0.5  # known surroundings of a hole, relative to its longer side
DEPTH = 6  # side of a piece, in the largest distance of a hole's pixel to the known part, if above the network's size
BREADTH = 3  # a piece is not longer than so many times the picture's shorter side: of a panorama it shows a part
MEDIAN_OF_NORMAL = 0.6745  # median of the absolute value of a standard normal
LEAST_GRAIN = 0.7  # in grey levels; below it is rounding
MARGIN = 0.125  # border of a piece that is left to its neighbours, relative to its side


@dataclass(frozen=True)
class Window:
    """A rectangle in a picture's pixels; what lies outside the picture counts as unknown.

    `fill` is the part that is pasted back: (top, bottom, left, right), end exclusive.
    """

    top: int
    left: int
    height: int
    width: int
    fill: tuple[int, int, int, int]

    @property
    def rows(self) -> tuple[int, int]:
        """First row, and the one after the last."""
        return self.top, self.top + self.height

    @property
    def columns(self) -> tuple[int, int]:
        """First column, and the one after the last."""
        return self.left, self.left + self.width


def whole(height: int, width: int) -> Window:
    """The whole picture, squeezed to a square by the network's size."""
    return Window(0, 0, height, width, (0, height, 0, width))


def padded(height: int, width: int) -> Window:
    """The smallest square around the picture; nothing is known beside the picture."""
    side = max(height, width)
    return Window((height - side) // 2, (width - side) // 2, side, side, (0, height, 0, width))


def around_holes(known: Mask, size: int, context: float = CONTEXT) -> list[Window]:
    """Square windows that together cover all holes, to be filled one after the other.

    Args:
        known: bool [H, W], True = known.
        size: of the network; no window is smaller, unless the picture is on its longer side.
        context: known surroundings of a hole, relative to its longer side.
    """
    if not known.any():
        return [padded(*known.shape)]
    depth = distance_transform_edt(~known)
    windows: list[Window] = []
    for box in sorted(_hole_boxes(~known, max(1, size // 8)), key=_area):  # a hole inside a ring comes first
        top, bottom, left, right = box
        wanted = round(max(bottom - top, right - left) * (1 + context))
        deep = min(DEPTH * depth[top:bottom, left:right].max(), BREADTH * min(known.shape))
        enough = round(max(size, deep))
        if wanted <= enough:
            windows.append(_square(known.shape, box, max(wanted, size)))
        else:
            windows += sorted(_pieces(known.shape, box, enough), key=lambda piece: _distance(depth, piece))
    return list(_needed(windows, known))


def _needed(windows: Sequence[Window], known: Mask) -> Iterator[Window]:
    """The windows that still find a hole when those before them are filled."""
    rest = ~known
    for window in windows:
        top, bottom, left, right = window.fill
        if rest[top:bottom, left:right].any():
            yield window
        rest[top:bottom, left:right] = False


Box = tuple[int, int, int, int]  # top, bottom, left, right, end exclusive


def _distance(depth: NDArray[np.float64], window: Window) -> float:
    """How far what a window fills is from the known part; pieces near to it come first."""
    top, bottom, left, right = window.fill
    part = depth[top:bottom, left:right]
    nearest: float = part.min(where=part > 0, initial=np.inf)
    return nearest


def _area(box: Box) -> int:
    top, bottom, left, right = box
    return (bottom - top) * (right - left)


def _hole_boxes(hole: Mask, cell: int) -> list[Box]:
    """Boxes around groups of holes; holes less than about two cells apart belong together."""
    height, width = hole.shape
    rows, columns = -(-height // cell), -(-width // cell)
    cells = np.zeros((rows * cell, columns * cell), bool)
    cells[:height, :width] = hole
    coarse = cells.reshape(rows, cell, columns, cell).any(axis=(1, 3))
    labels, _ = label(coarse, np.ones((3, 3)))
    boxes = []
    for number, (ys, xs) in enumerate(find_objects(labels), 1):
        top, left = ys.start * cell, xs.start * cell
        mine = (labels[ys, xs] == number).repeat(cell, axis=0).repeat(cell, axis=1)
        part = hole[top : top + mine.shape[0], left : left + mine.shape[1]]
        part = part & mine[: part.shape[0], : part.shape[1]]
        y, x = (np.flatnonzero(part.any(axis)) for axis in (1, 0))
        boxes.append((top + int(y[0]), top + int(y[-1]) + 1, left + int(x[0]), left + int(x[-1]) + 1))
    return boxes


def _square(shape: tuple[int, ...], box: Box, side: int) -> Window:
    """A square around a box, moved into the picture as far as it fits, no larger than box and picture ask for."""
    top, bottom, left, right = box
    longest = max(bottom - top, right - left)
    side = max(longest, min(side, max(shape)))
    starts = [
        _place((first + last - side) // 2, side, length)
        for first, last, length in ((top, bottom, shape[0]), (left, right, shape[1]))
    ]
    return Window(starts[0], starts[1], side, side, box)


def _place(start: int, side: int, length: int) -> int:
    if side >= length:
        return (length - side) // 2
    return min(max(start, 0), length - side)


def _pieces(shape: tuple[int, ...], box: Box, side: int) -> Iterator[Window]:
    """Overlapping squares over a box, row by row."""
    side = min(side, max(shape))
    step = max(1, side - 2 * round(MARGIN * side))
    top, bottom, left, right = box
    for y in range(top, bottom, step):
        for x in range(left, right, step):
            yield _square(shape, (y, min(y + step, bottom), x, min(x + step, right)), side)


def cut_out(pixels: Pixels, known: Mask, window: Window, size: int) -> tuple[Pixels, Mask]:
    """What the network sees of a window: uint8 [size, size, 3] and bool [size, size].

    Where the window is reduced, a pixel is known only if all that it stands for is, so that nothing of the hole's
    content leaks into the known part.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known.
        window: what to cut out.
        size: of the network.
    """
    inside: Mask = _cut(known, window)
    part: Pixels = _cut(np.where(known[..., None], pixels, 0).astype(np.uint8), window)
    if inside.shape == (size, size):
        return part, inside
    share = _resize(inside.astype(np.float32), size, size)
    full = share > 1 - 1e-4
    colours = np.stack([_resize(part[..., c].astype(np.float32), size, size) for c in range(3)], axis=-1)
    colours /= np.where(full, share, np.inf)[..., None]
    return _to_bytes(colours), full


def paste(pixels: Pixels, known: Mask, window: Window, filled: Pixels) -> Pixels:
    """The picture with the hole pixels of `window.fill` replaced; all others stay as they are.

    Where the fill is enlarged, it is brought to the colours of the known pixels along the hole's border, fading out
    within about two pixels of the network, and gets their grain, which the network could not see.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known.
        window: what was cut out.
        filled: the network's fill, uint8 [size, size, 3].
    """
    height, width = window.height, window.width
    fill = np.stack([_resize(filled[..., c].astype(np.float32), height, width) for c in range(3)], axis=-1)
    inside, part = _cut(known, window), _cut(pixels, window).astype(np.float32)
    scale = max(window.height / filled.shape[0], window.width / filled.shape[1])
    if scale > 1:
        fill += _border_correction(part - fill, inside, 1.5 * scale) + _missing_grain(part, inside, fill)[..., None]
    result = pixels.copy()
    top, bottom, left, right = window.fill
    area = result[top:bottom, left:right]
    new = _to_bytes(fill[top - window.top : bottom - window.top, left - window.left : right - window.left])
    hole = ~known[top:bottom, left:right]
    area[hole] = new[hole]
    return result


def _border_correction(difference: Floats, inside: Mask, sigma: float) -> Floats:
    """Difference to the known pixels, carried over the border and fading out: float32 [H, W, 3]."""
    weight = gaussian_filter(inside.astype(np.float32), sigma)
    carried = [gaussian_filter(difference[..., c] * inside, sigma) for c in range(3)]
    correction: Floats = np.stack(carried, axis=-1) / np.maximum(weight, 0.5)[..., None]
    return correction


def _missing_grain(part: Floats, inside: Mask, fill: Floats) -> Floats:
    """Noise that brings the fill's grain to that of the known pixels: float32 [H, W], the same at every call.

    In all channels alike, as most of a photo's grain is in its brightness.
    """
    wanted = _grain(part, binary_erosion(inside, np.ones((3, 3))))
    own = _grain(fill, np.ones_like(inside))
    spread = max(0.0, wanted**2 - own**2) ** 0.5
    if spread < LEAST_GRAIN:
        return np.zeros(inside.shape, np.float32)
    return np.random.default_rng(0).normal(0, spread, inside.shape).astype(np.float32)


def _grain(pixels: Floats, where: Mask) -> float:
    """Standard deviation of the fine noise of [H, W, 3] in grey levels.

    From the median of what a pixel differs from the mean of its 3x3 neighbourhood, which edges hardly touch.
    """
    if not where.any():
        return 0.0
    grey = pixels.mean(axis=2)
    difference = np.abs(grey - uniform_filter(grey, 3))[where]
    spread: float = np.median(difference).item() / (MEDIAN_OF_NORMAL * (8 / 9) ** 0.5)
    return spread


def _cut(array: NDArray[Any], window: Window) -> NDArray[Any]:
    """The window's part of an array [H, W, ...]; zeros (unknown) outside of it."""
    part = np.zeros((window.height, window.width, *array.shape[2:]), array.dtype)
    (top, bottom), (left, right) = window.rows, window.columns
    y, x = max(top, 0), max(left, 0)
    found = array[y:bottom, x:right]
    part[y - top : y - top + found.shape[0], x - left : x - left + found.shape[1]] = found
    return part


def _resize(channel: Floats, height: int, width: int) -> Floats:
    """Mean over areas where it shrinks, cubic where it grows."""
    if channel.shape == (height, width):
        return channel
    shrinks = height * width < channel.size
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(channel).resize((width, height), method))


def _to_bytes(values: Floats) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)
