"""Contact sheets of results, and the pixelwise diversity of several fills."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from repaint.data import fonts
from repaint.data.examples import Example
from repaint.data.masks import Mask, by_channel

Pixels = NDArray[np.uint8]

MIN_SIDE, MAX_SIDE = 128, 256  # of a picture on a sheet, in pixels
CAPTION = 20  # height of a line of text
GAP = 4
CHUNK = 2**22  # number of values that `spread` sorts at a time


def masked_pixels(example: Example) -> Pixels:
    """The picture with a black hole: uint8 [H, W, 3]."""
    return np.where(by_channel(example.known), example.pixels, 0).astype(np.uint8)


def enlarge(pixels: Pixels, min_width: int = MIN_SIDE) -> Pixels:
    """Upscale a small picture by an integer factor with nearest neighbour, to at least `min_width` pixels."""
    factor = -(-min_width // pixels.shape[1])
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def tile(pictures: Sequence[Pixels], columns: int, gap: int = 2) -> Pixels:
    """Arrange pictures of one size in a grid on white.

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
    """Contact sheet with a name under each row and a label over each column; many rows form several blocks.

    Args:
        rows: (name, pictures uint8 [H, W, 3] of any sizes, one for each column), at least one.
        columns: labels.

    Returns:
        uint8 [H', W', 3].
    """
    largest = max(max(pixels.shape) for _, pictures in rows for pixels in pictures)
    side = MIN_SIDE if largest <= MIN_SIDE else MAX_SIDE
    strips = [_strip(name, [fit_square(pixels, side) for pixels in pictures]) for name, pictures in rows]
    header = _header(columns, side)
    blocks = max(1, round((len(rows) / 3) ** 0.5))
    height = -(-len(strips) // blocks)
    blank = np.full_like(strips[0], 255)
    columns_of_strips = []
    for first in range(0, len(strips), height):
        block = strips[first : first + height]
        columns_of_strips.append(np.concatenate([header, *block, *[blank] * (height - len(block))]))
    return np.concatenate(columns_of_strips, axis=1)


def picture_sheet(title: str, labels: Sequence[str], pictures: Sequence[Pixels], columns: int = 6) -> Pixels:
    """Contact sheet of one picture's versions, each with a label over it, under a common title.

    Args:
        title: one line.
        labels: one for each version.
        pictures: uint8 [H, W, 3] each.
        columns: versions per row.

    Returns:
        uint8 [H', W', 3].
    """
    columns = min(columns, len(pictures))
    side = MIN_SIDE if max(max(pixels.shape) for pixels in pictures) <= MIN_SIDE else MAX_SIDE
    blank = np.full((side, side, 3), 255, np.uint8)
    rows = []
    for first in range(0, len(pictures), columns):
        row = [fit_square(pixels, side) for pixels in pictures[first : first + columns]]
        header = _header([*labels[first : first + columns], *[""] * (columns - len(row))], side)
        rows += [header, tile([*row, *[blank] * (columns - len(row))], columns, gap=GAP)]
    return np.concatenate([_caption(title, rows[0].shape[1], muted=True), *rows])


def spread(fills: Sequence[Pixels]) -> NDArray[np.float32]:
    """Diversity of fills: mean absolute pairwise difference, pixel by pixel.

    The value of rank i among k is the larger one in i pairs and the smaller one in k - 1 - i; so a weighted sum of the
    sorted values is the sum over all pairs.

    Args:
        fills: the same n pixels of each fill, uint8 [n, 3], at least two fills.

    Returns:
        float32 [n] in [0, 1].
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
    """Diversity map of a hole as a picture: white is the largest difference, black is none or known.

    Args:
        differences: of `spread`, float32 [n] for the n pixels of the hole, in the order of `picture[~known]`.
        known: bool [H, W], True = known.

    Returns:
        uint8 [H, W, 3].
    """
    grey = np.zeros(known.shape, np.uint8)
    grey[~known] = (255 * differences / max(differences.max(initial=0), 1 / 255)).round()
    return grey[..., None].repeat(3, axis=2)


def shrink(pixels: Pixels, side: int = MAX_SIDE) -> Pixels:
    """Downscale a picture [H, W, 3] so that its longer side is at most `side`, by default the maximum on a sheet."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def fit_square(pixels: Pixels, side: int) -> Pixels:
    """Fit a picture into a white square, uint8 [side, side, 3]: downscaled, or upscaled by an integer factor."""
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
    cells = [np.concatenate([margin, _caption(label, side)], axis=1) for label in columns]
    return np.concatenate([*cells, margin], axis=1)


def _caption(text: str, width: int, muted: bool = False) -> Pixels:
    """A centered line of text, truncated at the front if it is too long."""
    text = fonts.spell_out(text)
    font = fonts.load(text, 13)
    while font.getlength(text) > width - 4 and len(text) > 1:
        text = "…" + text[2:]
    line = Image.new("RGB", (width, CAPTION), "white")
    ink = "#66727f" if muted else "#1f2933"
    ImageDraw.Draw(line).text((width / 2, CAPTION / 2), text, ink, font, anchor="mm")
    return np.asarray(line)
