"""Pixels of windows: cutting them out of a picture at the network's size, and pasting their fills back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.masks import Mask, by_channel
from repaint.data.windows import Box, Window, hole_boxes

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MOST_AT_ONCE = 2_000_000  # pixels of a window that is cut out or pasted as a whole
LEAST_CELL = 64  # in pixels; holes less than about two cells apart are pasted together
WHOLLY = 1 - 1e-4  # share of known pixels from which on a resized pixel is known


def cut_out(pixels: Pixels, known: Mask, window: Window, size: int) -> tuple[Pixels, Mask]:
    """Cut out a window at the network's size.

    Where the window is resized, a pixel is known only if all that it averages is. If no pixel is, because what is known
    is thinner than that, those count that average the most. Only known pixels are averaged: nothing of the hole's
    content leaks into the known part.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known; a coloured mask [H, W, 3] only if nothing has to be resized.
        window: what to cut out.
        size: height and width of the network's input.

    Returns:
        (pixels, mask): uint8 [size, size, 3], 0 in the hole, and bool [size, size] or [size, size, 3], True = known.
    """
    return cut_out_at(pixels, known, window, (size, size))


def cut_out_at(pixels: Pixels, known: Mask, window: Window, shape: tuple[int, int]) -> tuple[Pixels, Mask]:
    """`cut_out` at any height and width."""
    rows, columns = _inside(window, known.shape[:2])
    known, window = known[rows, columns], window.moved(-rows.start, -columns.start)
    part: Pixels = np.where(by_channel(known), pixels[rows, columns], 0).astype(np.uint8)
    if (window.height, window.width) == shape:
        return _cut(part, window), _cut(known, window)
    share = _cut_at(known, window, shape)
    counts = _most_known(share)
    colours = np.stack([_cut_at(part[..., c], window, shape) for c in range(3)], axis=-1)
    colours /= np.where(counts, share, np.inf)[..., None]
    return _to_bytes(colours), counts


def known_at(known: Mask, window: Window, shape: tuple[int, int]) -> Mask:
    """The mask of `cut_out_at`, bool of `shape`; `known` is bool [H, W]."""
    return _most_known(_cut_at(known, window, shape))


def _most_known(share: Floats) -> Mask:
    """Which pixels count as known, given the share that is: the whole ones, or else those near the largest share."""
    whole = share > WHOLLY
    return whole if whole.any() or not share.any() else share > share.max() / 2


def shows_known(known: Mask, window: Window, size: int) -> bool:
    """Whether a window at the network's size has a pixel of which all is known; `known` is bool [H, W]."""
    return bool((_cut_at(known, window, (size, size)) > WHOLLY).any())


def hole_at(known: Mask, window: Window, shape: tuple[int, int]) -> Mask:
    """Where a window at any height and width shows some of the hole, bool of `shape`; what lies outside is no hole."""
    if (window.height, window.width) != shape:
        return _cut_at(~known, window, shape) > 1 - WHOLLY
    hole: Mask = _cut(~known, window)
    return hole


def paste(pixels: Pixels, known: Mask, window: Window, filled: Pixels) -> Pixels:
    """Paste the fill of a window into the hole pixels of `window.fill`; all other pixels stay as they are.

    Args:
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known.
        window: what was cut out.
        filled: its fill at any size, uint8 [h, w, 3].

    Returns:
        A new picture, uint8 [H, W, 3].
    """
    result = pixels.copy()
    for box in _areas(known, window):
        new = _to_bytes(np.stack([_resize_part(filled[..., c], window, box) for c in range(3)], axis=-1))
        top, bottom, left, right = box
        hole = ~known[top:bottom, left:right]
        result[top:bottom, left:right][hole] = new[hole]
    return result


def _areas(known: Mask, window: Window) -> Iterator[Box]:
    """Boxes that together hold what a window fills: all of it, or in large windows the surroundings of each hole."""
    top, bottom, left, right = window.fill
    if window.height * window.width <= MOST_AT_ONCE:
        yield window.fill
        return
    for box in hole_boxes(~known[top:bottom, left:right], LEAST_CELL):
        yield box[0] + top, box[1] + top, box[2] + left, box[3] + left


def _inside(window: Window, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of this shape that a window shows."""
    starts = max(window.top, 0), max(window.left, 0)
    ends = window.rows[1], window.columns[1]
    rows, columns = (
        slice(start, max(start, min(end, length))) for start, end, length in zip(starts, ends, shape, strict=True)
    )
    return rows, columns


def _cut(array: NDArray[Any], window: Window) -> NDArray[Any]:
    """The window's part of an array [H, W, ...], zero (unknown) outside the picture."""
    part = np.zeros((window.height, window.width, *array.shape[2:]), array.dtype)
    rows, columns = _inside(window, array.shape[:2])
    y, x = rows.start - window.top, columns.start - window.left
    inside = array[rows, columns]
    part[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return part


def _cut_at(array: NDArray[Any], window: Window, shape: tuple[int, int]) -> Floats:
    """`_cut` of an array [H, W], averaged or enlarged to any height and width: of a mask the share that is True.

    Of a large window that shrinks only strips inside the picture are cut out, as there may be far more outside. One
    axis after the other, as Pillow does it: the strips, side by side, are to the bit what all of it would be.
    """
    height, width = shape
    pixels = window.height * window.width
    if pixels <= max(MOST_AT_ONCE, height * width):
        return _resize(_cut(array, window).astype(np.float32), height, width)
    method = _method(pixels, height, width)
    narrow = np.zeros((window.height, width), np.float32)
    rows, _ = _inside(window, array.shape)
    step = max(1, MOST_AT_ONCE // window.width)
    for start in range(rows.start, rows.stop, step):
        strip = replace(window, top=start, height=min(step, rows.stop - start))
        part = Image.fromarray(_cut(array, strip).astype(np.float32))
        first = start - window.top
        narrow[first : first + strip.height] = np.asarray(part.resize((width, strip.height), method))
    return np.asarray(Image.fromarray(narrow).resize((width, height), method))


def _resize(channel: Floats, height: int, width: int) -> Floats:
    """Resize a channel: area average to shrink, bicubic to enlarge."""
    if channel.shape == (height, width):
        return channel
    return np.asarray(Image.fromarray(channel).resize((width, height), _method(channel.size, height, width)))


def _resize_part(channel: Pixels, window: Window, box: Box) -> Floats:
    """The part of a channel [h, w], resized to a window, that lies in a box of the picture.

    One axis after the other, as Pillow does it, with the cut in between: its own cuts round to float32. The second in
    strips, as a window may be far higher than the picture.
    """
    top, bottom, left, right = box
    rows, columns = slice(top - window.top, bottom - window.top), slice(left - window.left, right - window.left)
    if channel.shape == (window.height, window.width):
        return channel[rows, columns].astype(np.float32)
    method = _method(channel.size, window.height, window.width)
    wide = Image.fromarray(channel.astype(np.float32)).resize((window.width, channel.shape[0]), method)
    part = np.asarray(wide)[:, columns]
    step = max(1, MOST_AT_ONCE // window.height)
    strips = (part[:, start : start + step] for start in range(0, right - left, step))
    resized = (np.asarray(Image.fromarray(strip).resize((strip.shape[1], window.height), method)) for strip in strips)
    return np.hstack([strip[rows].copy() for strip in resized])  # a view would keep all of it


def _method(pixels: int, height: int, width: int) -> Image.Resampling:
    """Area average to shrink so many pixels, bicubic to enlarge them."""
    return Image.Resampling.BOX if height * width < pixels else Image.Resampling.BICUBIC


def _to_bytes(values: Floats) -> Pixels:
    return values.round().clip(0, 255).astype(np.uint8)
