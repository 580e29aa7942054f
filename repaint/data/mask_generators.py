"""Mask generators: the paper's fixed masks and LaMa's random ones, as functions of size and random generator."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from repaint.data.masks import Mask
from repaint.errors import DataError

Shape = tuple[int, int]  # height, width

MaskGenerator = Callable[[Shape, np.random.Generator], Mask]

TRIES = 1000  # random masks to draw before giving up


def ev2li(shape: Shape, _: np.random.Generator) -> Mask:
    """Every second row is known, from row 1 ("alternating lines")."""
    known = np.zeros(shape, bool)
    known[1::2] = True
    return known


def nn2(shape: Shape, _: np.random.Generator) -> Mask:
    """Every second pixel of every second row is known ("super-resolution 2x")."""
    known = np.zeros(shape, bool)
    known[1::2, 1::2] = True
    return known


def ex64(shape: Shape, _: np.random.Generator) -> Mask:
    """Only the middle quarter of each side is known, 64 of 256 pixels ("expand")."""
    return _middle(shape, 0.25)


@dataclass(frozen=True)
class Half:
    """A stripe along one side is the hole; by default the right half ("half").

    Attributes:
        side: left, right, top or bottom.
        width: share of the picture.
    """

    side: str = "right"
    width: float = 0.5

    def __call__(self, shape: Shape, _: np.random.Generator) -> Mask:
        """The mask: bool [H, W], True = known."""
        known = np.ones(shape, bool)
        across = known if self.side in ("top", "bottom") else known.T
        count = round(self.width * len(across))
        across[:count] = False
        return known if self.side in ("top", "left") else known[::-1, ::-1]


@dataclass(frozen=True)
class Box:
    """A rectangle in the middle is the hole.

    Attributes:
        width: share of each side.
    """

    width: float = 0.375

    def __call__(self, shape: Shape, _: np.random.Generator) -> Mask:
        """The mask: bool [H, W], True = known."""
        return ~_middle(shape, self.width)


def _middle(shape: Shape, share: float) -> Mask:
    inside = np.zeros(shape, bool)
    (top, height), (left, width) = ((round(length * (1 - share) / 2), round(length * share)) for length in shape)
    inside[top : top + height, left : left + width] = True
    return inside


@dataclass(frozen=True)
class Text:
    """Letters across the picture are the hole, at a random height.

    Attributes:
        text: one line.
    """

    text: str = "RePaint"

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Mask:
        """The mask: bool [H, W], True = known."""
        height, width = shape
        probe = ImageFont.load_default(size=100).getbbox(self.text)
        fits = min(0.9 * width / (probe[2] - probe[0]), 0.5 * height / (probe[3] - probe[1]))
        font = ImageFont.load_default(size=max(1.0, 100 * fits))
        canvas = Image.new("1", (width, height), 1)
        ImageDraw.Draw(canvas).text((width / 2, height * rng.uniform(0.3, 0.7)), self.text, 0, font, anchor="mm")
        return np.asarray(canvas)


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

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Mask:
        """A mask with at most half a hole: bool [H, W], True = known. Lengths follow the shorter side.

        Raises:
            DataError: the picture is too small for such holes.
        """
        for _ in range(TRIES):
            boxes = rng.random() < self.box_weight / (1 + self.box_weight)
            hole = self._draw_boxes(shape, rng) if boxes else self._draw_strokes(shape, rng)
            if hole.mean() <= 0.5:
                return ~hole
        raise DataError(f"a picture of {shape[1]}x{shape[0]} pixels is too small for strokes and boxes; leave it out")

    def _draw_strokes(self, shape: Shape, rng: np.random.Generator) -> Mask:
        scale = min(shape) / 256
        height, width = shape
        canvas = Image.new("1", (width, height))
        draw = ImageDraw.Draw(canvas)
        least, most = self.chains
        for chain in range(rng.integers(least, most + 2)):  # LaMa draws the largest number one higher
            x, y = float(rng.integers(width)), float(rng.integers(height))
            for _ in range(rng.integers(1, 6)):
                angle = 0.01 + rng.integers(self.max_angle)
                if chain % 2 == 0:
                    angle = 2 * math.pi - angle
                length = scale * (10 + rng.integers(self.max_length))
                thickness = scale * _opencv_width(5 + int(rng.integers(self.max_width)))
                end_x = min(max(x + length * math.sin(angle), 0), width)
                end_y = min(max(y + length * math.cos(angle), 0), height)
                _stroke(draw, (x, y), (end_x, end_y), thickness)
                x, y = end_x, end_y
        return np.asarray(canvas)

    def _draw_boxes(self, shape: Shape, rng: np.random.Generator) -> Mask:
        scale = min(shape) / 256
        hole = np.zeros(shape, bool)
        margin = round(self.margin * scale)
        least, most = (max(1, round(side * scale)) for side in self.box_side)
        for _ in range(rng.integers(self.boxes[0], self.boxes[1] + 1)):
            sides = rng.integers(least, max(least + 1, most), size=2)
            top, left = (
                rng.integers(margin, length - margin - side + 1) for length, side in zip(shape, sides, strict=True)
            )
            hole[top : top + sides[0], left : left + sides[1]] = True
        return hole


def _opencv_width(thickness: int) -> float:
    """How wide, in pixels, OpenCV draws lines of a thickness; LaMa's and RePaint's masks are drawn with it.

    Measured on areas of lines: odd numbers get 1.7 pixels more, even ones are drawn like the odd number below.
    """
    return thickness - (thickness % 2 == 0) + 1.7


def _stroke(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    """A line with round ends."""
    draw.line([start, end], fill=1, width=max(1, round(width)))
    radius = width / 2
    for x, y in (start, end):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1)


GENERATORS: dict[str, Callable[..., MaskGenerator]] = {
    "thin": lambda: LamaMasks(chains=(4, 50), max_width=10, max_length=40),
    "medium": lambda: LamaMasks((4, 5), 50, 100, box_weight=0.3, boxes=(1, 5), box_side=(10, 50)),
    "thick": lambda: LamaMasks((1, 5), 100, 200, box_weight=0.3, boxes=(1, 3), box_side=(30, 150), margin=10),
    "ev2li": lambda: ev2li,
    "nn2": lambda: nn2,
    "ex64": lambda: ex64,
    "genhalf": Half,
    "box": Box,
    "text": Text,
}


def make_generator(kind: str, **options: object) -> MaskGenerator:
    """The generator of a kind of mask.

    Args:
        kind: a key of GENERATORS.
        options: of the kind: `side` and `width` of genhalf, `width` of box, `text` of text.

    Raises:
        DataError: unknown kind, or an option that it does not have.
    """
    if kind not in GENERATORS:
        raise DataError(f"unknown kind of mask {kind!r}; known are {', '.join(GENERATORS)}")
    try:
        return GENERATORS[kind](**options)
    except TypeError:
        raise DataError(f"masks of the kind {kind} have no {' and '.join(options)}") from None


def generate_mask(kind: str, size: int | Shape, seed: int, **options: object) -> Mask:
    """Mask number `seed` of a kind: bool [H, W], True = known.

    Args:
        kind: a key of GENERATORS.
        size: height and width, or one number for both.
        seed: of the mask.
        options: see `make_generator`.

    Raises:
        DataError: unknown kind, or an option that it does not have.
    """
    shape = (size, size) if isinstance(size, int) else size
    return make_generator(kind, **options)(shape, np.random.default_rng(seed))
