"""Masks: reading them from files, and generating the kinds of the paper's experiments and a box.

In files 255 is known and 0 is the hole; here a mask is a bool array [H, W], True = known.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from repaint.data.images import center_crop_like, to_eight_bits
from repaint.errors import DataError

Mask = NDArray[np.bool_]
MaskGenerator = Callable[[int, np.random.Generator], Mask]

THRESHOLD = 128


def to_grey(mask: Image.Image) -> Image.Image:
    """A mask of any mode as 8-bit grey; transparent parts count as black."""
    mask = to_eight_bits(mask)
    if "A" in mask.getbands() or "transparency" in mask.info:
        mask = mask.convert("RGBA")
        mask = Image.alpha_composite(Image.new("RGBA", mask.size, (0, 0, 0, 255)), mask)
    return mask.convert("L")


def mask_pixels(known: Mask) -> NDArray[np.uint8]:
    """A mask as it stands in files: uint8 [H, W], 255 known, 0 hole."""
    return np.where(known, 255, 0).astype(np.uint8)


def check_ratio(mask_size: tuple[int, int], picture_size: tuple[int, int], mask: str, picture: str) -> None:
    """Raise DataError unless (width, height) of a mask is that of its picture, scaled and rounded."""
    (mask_width, mask_height), (width, height) = mask_size, picture_size
    same = round(width * mask_height / height) == mask_width or round(height * mask_width / width) == mask_height
    if not same:
        raise DataError(
            f"{mask}: {mask_width}x{mask_height} has another aspect ratio than its picture {picture} "
            f"({width}x{height}); make the mask at the picture's size"
        )


def prepare_mask(mask: Image.Image, picture_size: tuple[int, int], size: int, hole_white: bool = False) -> Mask:
    """A mask as the sampler needs it: cut like its picture by nearest neighbour, thresholded at 128.

    Args:
        mask: any mode, of its picture's aspect ratio.
        picture_size: (width, height) of the picture.
        size: height and width of the result.
        hole_white: white marks the hole instead of the known part.

    Returns:
        bool [size, size], True = known.
    """
    known = np.asarray(center_crop_like(to_grey(mask), picture_size, size)) >= THRESHOLD
    return ~known if hole_white else known


def ev2li(size: int, _: np.random.Generator) -> Mask:
    """Every second row is known, from row 1 ("alternating lines")."""
    known = np.zeros((size, size), bool)
    known[1::2] = True
    return known


def nn2(size: int, _: np.random.Generator) -> Mask:
    """Every second pixel of every second row is known ("super-resolution 2x")."""
    known = np.zeros((size, size), bool)
    known[1::2, 1::2] = True
    return known


def ex64(size: int, _: np.random.Generator) -> Mask:
    """Only the middle quarter of each side is known, 64 of 256 pixels ("expand")."""
    known = np.zeros((size, size), bool)
    start, side = size * 3 // 8, size // 4
    known[start : start + side, start : start + side] = True
    return known


def box(size: int, _: np.random.Generator) -> Mask:
    """A square in the middle is the hole, three eighths of the side."""
    known = np.ones((size, size), bool)
    start, side = size * 5 // 16, size * 3 // 8
    known[start : start + side, start : start + side] = False
    return known


def genhalf(size: int, _: np.random.Generator) -> Mask:
    """The left half is known ("half")."""
    known = np.zeros((size, size), bool)
    known[:, : size // 2] = True
    return known


@dataclass(frozen=True)
class LamaMasks:
    """LaMa's random masks (Suvorov et al. 2022, appendix): chains of strokes, or boxes. Lengths are for 256 pixels.

    Attributes:
        chains: least and largest number of stroke chains.
        max_width, max_length: of a stroke, on top of the least 5 and 10.
        max_angle: of a stroke in whole radians, exclusive.
        box_weight: how often boxes are drawn instead, relative to strokes.
        boxes, box_side: least and largest number of boxes, and their sides.
        margin: free border around boxes.
    """

    chains: tuple[int, int]
    max_width: int
    max_length: int
    max_angle: int = 4
    box_weight: float = 0.0
    boxes: tuple[int, int] = (0, 0)
    box_side: tuple[int, int] = (0, 0)
    margin: int = 0

    def __call__(self, size: int, rng: np.random.Generator) -> Mask:
        """A mask with at most half a hole: bool [size, size], True = known."""
        while True:
            boxes = rng.random() < self.box_weight / (1 + self.box_weight)
            hole = self._draw_boxes(size, rng) if boxes else self._draw_strokes(size, rng)
            if hole.mean() <= 0.5:
                return ~hole

    def _draw_strokes(self, size: int, rng: np.random.Generator) -> Mask:
        scale = size / 256
        canvas = Image.new("1", (size, size))
        draw = ImageDraw.Draw(canvas)
        least, most = self.chains
        for chain in range(rng.integers(least, most + 2)):  # LaMa draws the largest number one higher
            x, y = rng.integers(size, size=2).tolist()
            for _ in range(rng.integers(1, 6)):
                angle = 0.01 + rng.integers(self.max_angle)
                if chain % 2 == 0:
                    angle = 2 * math.pi - angle
                length = scale * (10 + rng.integers(self.max_length))
                width = scale * (5 + rng.integers(self.max_width))
                end_x = min(max(x + length * math.sin(angle), 0), size)
                end_y = min(max(y + length * math.cos(angle), 0), size)
                _stroke(draw, (x, y), (end_x, end_y), width)
                x, y = end_x, end_y
        return np.asarray(canvas)

    def _draw_boxes(self, size: int, rng: np.random.Generator) -> Mask:
        scale = size / 256
        hole = np.zeros((size, size), bool)
        margin = round(self.margin * scale)
        least, most = (max(1, round(side * scale)) for side in self.box_side)
        for _ in range(rng.integers(self.boxes[0], self.boxes[1] + 1)):
            width, height = rng.integers(least, max(least + 1, most), size=2)
            left = rng.integers(margin, size - margin - width + 1)
            top = rng.integers(margin, size - margin - height + 1)
            hole[top : top + height, left : left + width] = True
        return hole


def _stroke(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    """A line with round ends."""
    draw.line([start, end], fill=1, width=max(1, round(width)))
    radius = width / 2
    for x, y in (start, end):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1)


GENERATORS: dict[str, MaskGenerator] = {
    "thin": LamaMasks(chains=(4, 50), max_width=10, max_length=40),
    "medium": LamaMasks((4, 5), 50, 100, box_weight=0.3, boxes=(1, 5), box_side=(10, 50)),
    "thick": LamaMasks((1, 5), 100, 200, box_weight=0.3, boxes=(1, 3), box_side=(30, 150), margin=10),
    "ev2li": ev2li,
    "nn2": nn2,
    "ex64": ex64,
    "genhalf": genhalf,
    "box": box,
}


def generate_mask(kind: str, size: int, seed: int) -> Mask:
    """Mask number `seed` of a kind: bool [size, size], True = known.

    Raises:
        DataError: unknown kind.
    """
    if kind not in GENERATORS:
        raise DataError(f"unknown kind of mask {kind!r}; known are {', '.join(GENERATORS)}")
    return GENERATORS[kind](size, np.random.default_rng(seed))
