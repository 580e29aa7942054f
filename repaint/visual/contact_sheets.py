"""Pictures of pictures: results beside each other, small enough to look at."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from repaint.data.examples import Example
from repaint.data.masks import Mask

Pixels = NDArray[np.uint8]

LEAST, MOST = 128, 256  # sides of a picture on a sheet
CAPTION = 20  # height of a line of text
GAP = 4
CHUNK = 2**22  # values that `spread` sorts at once


def masked_pixels(example: Example) -> Pixels:
    """The picture with its hole in black."""
    return np.where(example.known[:, :, None], example.pixels, 0).astype(np.uint8)


def enlarge(pixels: Pixels, least: int = LEAST) -> Pixels:
    """Repeat the pixels of a small picture so that people can see it: at least `least` pixels wide."""
    factor = -(-least // pixels.shape[1])
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def tile(pictures: Sequence[Pixels], columns: int, gap: int = 2) -> Pixels:
    """Arrange pictures of one size in rows on white.

    Args:
        pictures: uint8 [H, W, 3] each, at least one.
        columns: pictures per row.
        gap: pixels between and around them.

    Returns:
        uint8 [rows * (H + gap) + gap, columns * (W + gap) + gap, 3].
    """
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def contact_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], columns: Sequence[str]) -> Pixels:
    """Rows of pictures with a name under each row and a word over each column; many rows stand in several blocks.

    Args:
        rows: (name, pictures uint8 [H, W, 3] of any sizes, one for each column), at least one.
        columns: what the columns show.

    Returns:
        uint8 [H', W', 3].
    """
    largest = max(max(pixels.shape) for _, pictures in rows for pixels in pictures)
    side = LEAST if largest <= LEAST else MOST
    strips = [_strip(name, [fit_square(pixels, side) for pixels in pictures]) for name, pictures in rows]
    header = _header(columns, side)
    blocks = max(1, round((len(rows) / 3) ** 0.5))
    height = -(-len(strips) // blocks)
    blank = np.full_like(strips[0], 255)
    stacks = []
    for first in range(0, len(strips), height):
        block = strips[first : first + height]
        stacks.append(np.concatenate([header, *block, *[blank] * (height - len(block))]))
    return np.concatenate(stacks, axis=1)


def picture_sheet(title: str, words: Sequence[str], pictures: Sequence[Pixels], columns: int = 6) -> Pixels:
    """One picture in several versions, each with a word over it, under a common title.

    Args:
        title: one line.
        words: one for each version.
        pictures: uint8 [H, W, 3] each.
        columns: versions in a row.
    """
    columns = min(columns, len(pictures))
    side = LEAST if max(max(pixels.shape) for pixels in pictures) <= LEAST else MOST
    blank = np.full((side, side, 3), 255, np.uint8)
    rows = []
    for first in range(0, len(pictures), columns):
        row = [fit_square(pixels, side) for pixels in pictures[first : first + columns]]
        labels = [*words[first : first + columns], *[""] * (columns - len(row))]
        rows += [_header(labels, side), tile([*row, *[blank] * (columns - len(row))], columns, gap=GAP)]
    return np.concatenate([_caption(title, rows[0].shape[1], muted=True), *rows])


def spread(fills: Sequence[Pixels]) -> NDArray[np.float32]:
    """How much the fills of one picture differ, pixel by pixel.

    Sorted, the value at place i of k is the larger one in i pairs and the smaller one in k - 1 - i: that gives the sum
    over all pairs without going through them.

    Args:
        fills: the same n pixels of each fill, uint8 [n, 3], at least two.

    Returns:
        float32 [n]: mean absolute difference of two different fills, from 0 to 1.
    """
    count = len(fills)
    weights = 2.0 * np.arange(count) - (count - 1)
    total = np.empty(fills[0].size, np.float32)
    flat = [pixels.reshape(-1) for pixels in fills]
    step = max(1, CHUNK // count)
    for first in range(0, len(total), step):
        values = np.sort(np.stack([pixels[first : first + step] for pixels in flat], axis=1), axis=1)
        total[first : first + step] = values @ weights
    differences: NDArray[np.float32] = total.reshape(-1, 3).mean(axis=1) / (255 * math.comb(count, 2))
    return differences


def spread_map(differences: NDArray[np.float32], known: Mask) -> Pixels:
    """`spread` of a picture's hole as a picture, uint8 [H, W, 3]: white is the largest value, black is none, or known.

    Args:
        differences: float32 [n] for the n pixels of the hole, in the order of `picture[~known]`.
        known: bool [H, W], True = known.
    """
    grey = np.zeros(known.shape, np.uint8)
    grey[~known] = (255 * differences / max(differences.max(initial=0), 1 / 255)).round()
    return grey[..., None].repeat(3, axis=2)


def shrink(pixels: Pixels, side: int = MOST) -> Pixels:
    """A picture [H, W, 3] whose longer side is at most `side`; by default as small as sheets show it anyhow."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def fit_square(pixels: Pixels, side: int) -> Pixels:
    """A picture on a white square, uint8 [side, side, 3]: reduced if larger, repeated if less than half as large."""
    pixels = shrink(pixels, side)
    factor = max(1, side // max(pixels.shape[:2]))
    pixels = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    square = np.full((side, side, 3), 255, np.uint8)
    top, left = (side - pixels.shape[0]) // 2, (side - pixels.shape[1]) // 2
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square


def _strip(name: str, pictures: Sequence[Pixels]) -> Pixels:
    strip = tile(pictures, columns=len(pictures), gap=GAP)
    return np.concatenate([strip, _caption(name, strip.shape[1], muted=True)])


def _header(columns: Sequence[str], side: int) -> Pixels:
    margin = np.full((CAPTION, GAP, 3), 255, np.uint8)
    cells = [np.concatenate([margin, _caption(word, side)], axis=1) for word in columns]
    return np.concatenate([*cells, margin], axis=1)


def _caption(text: str, width: int, muted: bool = False) -> Pixels:
    """A line of text in the middle, shortened at the front if it is too long."""
    font = ImageFont.load_default(size=13)
    while font.getlength(text) > width - 4 and len(text) > 1:
        text = "…" + text[2:]
    canvas = Image.new("RGB", (width, CAPTION), "white")
    ink = "#66727f" if muted else "#1f2933"
    ImageDraw.Draw(canvas).text((width / 2, CAPTION / 2), text, ink, font, anchor="mm")
    return np.asarray(canvas)
