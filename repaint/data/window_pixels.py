"""Pixels of windows: cutting them out of a picture at the network's size, and pasting their fills back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.enlarged_fills import correct, reach
from repaint.data.masks import Mask, by_channel
from repaint.data.windows import Window, hole_boxes

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOST_AT_ONCE = 2_000_000  # pixels of a window that is pasted as a whole
LEAST_CELL = 64  # in pixels; holes less than about two cells apart are pasted together


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
    part: Pixels = np.where(by_channel(inside), _cut(pixels, window), 0).astype(np.uint8)
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
    two pixels of the network. In windows of more than `MOST_AT_ONCE` pixels that is computed around each hole only.

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
    for box in hole_boxes(hole, max(LEAST_CELL, rim)):  # nearer holes share most of their rims
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
