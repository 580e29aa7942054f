"""Mask generators: the paper's fixed masks and LaMa's random ones.

A mask generator is a function of a shape and a random generator. To add a kind of mask, write one and enter it in
GENERATORS; a test keeps the configuration's `mask.kind` in step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from repaint.data import fonts
from repaint.data.masks import Mask
from repaint.errors import DataError

Shape = tuple[int, int]  # height, width

MaskGenerator = Callable[[Shape, np.random.Generator], Mask]  # deterministic: equal generators, equal masks

MAX_ATTEMPTS = 1000  # masks drawn until one leaves enough known


def ev2li(shape: Shape, _: np.random.Generator) -> Mask:
    """Alternating lines: every second row is known, from row 1."""
    known = np.zeros(shape, bool)
    known[1::2] = True
    return known


def nn2(shape: Shape, _: np.random.Generator) -> Mask:
    """Super-resolution 2x: every second pixel of every second row is known."""
    known = np.zeros(shape, bool)
    known[1::2, 1::2] = True
    return known


def ex64(shape: Shape, _: np.random.Generator) -> Mask:
    """Expand: only the middle quarter of each side is known, 64 of 256 pixels."""
    return _middle(shape, 0.25)


@dataclass(frozen=True)
class Half:
    """Half mask: a stripe along one side is the hole, by default the right half.

    Attributes:
        side: of the hole: left, right, top or bottom.
        width: of the hole, as a share of the picture.
    """

    side: str = "right"
    width: float = 0.5

    def __call__(self, shape: Shape, _: np.random.Generator) -> Mask:
        """Generate a mask: bool [H, W], True = known."""
        known = np.ones(shape, bool)
        across = known if self.side in ("top", "bottom") else known.T
        count = round(self.width * len(across))
        across[:count] = False
        return known if self.side in ("top", "left") else known[::-1, ::-1]


@dataclass(frozen=True)
class Box:
    """Center box: a rectangle in the middle is the hole.

    Attributes:
        width: of the hole, as a share of each side.
    """

    width: float = 0.375

    def __call__(self, shape: Shape, _: np.random.Generator) -> Mask:
        """Generate a mask: bool [H, W], True = known."""
        return ~_middle(shape, self.width)


def _middle(shape: Shape, share: float) -> Mask:
    """A centered rectangle: bool [H, W], True inside."""
    inside = np.zeros(shape, bool)
    (top, height), (left, width) = ((round(length * (1 - share) / 2), round(length * share)) for length in shape)
    inside[top : top + height, left : left + width] = True
    return inside


@dataclass(frozen=True)
class Text:
    """Text mask: letters across the picture, at a random height, are the hole.

    Attributes:
        text: one line.

    Raises:
        DataError: no font here has all of its letters.
    """

    text: str = "RePaint"

    def __post_init__(self) -> None:
        lacking = fonts.find_lacking(self.text)
        if lacking:
            some = " ".join(f"{letter} (U+{ord(letter):04X})" for letter in lacking[:5])
            raise DataError(f"text {self.text!r}: the font has no {some}; draw these letters as a mask file instead")

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Mask:
        """Generate a mask: bool [H, W], True = known."""
        height, width = shape
        probe = fonts.load(self.text, 100).getbbox(fonts.compose(self.text))
        fits = min(0.9 * width / (probe[2] - probe[0]), 0.5 * height / (probe[3] - probe[1]))
        font = fonts.load(self.text, max(1.0, 100 * fits))
        known = Image.new("1", (width, height), 1)
        middle = width / 2, height * rng.uniform(0.3, 0.7)
        ImageDraw.Draw(known).text(middle, fonts.compose(self.text), 0, font, anchor="mm")
        return np.asarray(known)


@dataclass(frozen=True)
class LamaMasks:
    """Random irregular masks of LaMa: chains of strokes, or boxes (Suvorov et al. 2022, appendix).

    Lengths are in pixels of a 256x256 picture and scale with the shorter side.

    Attributes:
        chains: minimum and maximum number of stroke chains.
        max_width: of a stroke, above a minimum of 5, exclusive.
        max_length: of a stroke, above a minimum of 10, exclusive.
        max_angle: of a stroke in whole radians, exclusive.
        box_weight: odds of boxes against strokes.
        boxes: minimum and maximum number of boxes.
        box_side: minimum and maximum side of a box.
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
        """Generate a mask whose hole covers at most half of the picture: bool [H, W], True = known.

        Raises:
            DataError: the picture is too small for such holes.
        """
        for _ in range(MAX_ATTEMPTS):
            boxes = rng.random() < self.box_weight / (1 + self.box_weight)
            hole = self._draw_boxes(shape, rng) if boxes else self._draw_strokes(shape, rng)
            if hole.mean() <= 0.5:
                return ~hole
        raise DataError(f"a picture of {shape[1]}x{shape[0]} pixels is too small for strokes and boxes; leave it out")

    def _draw_strokes(self, shape: Shape, rng: np.random.Generator) -> Mask:
        scale = min(shape) / 256
        height, width = shape
        hole = Image.new("1", (width, height))
        draw = ImageDraw.Draw(hole)
        min_chains, max_chains = self.chains
        for chain in range(rng.integers(min_chains, max_chains + 2)):  # LaMa draws up to one chain more
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
        return np.asarray(hole)

    def _draw_boxes(self, shape: Shape, rng: np.random.Generator) -> Mask:
        scale = min(shape) / 256
        hole = np.zeros(shape, bool)
        margin = round(self.margin * scale)
        min_side, max_side = (max(1, round(side * scale)) for side in self.box_side)
        for _ in range(rng.integers(self.boxes[0], self.boxes[1] + 1)):
            height, width = rng.integers(min_side, max(min_side + 1, max_side), size=2)
            top = rng.integers(margin, shape[0] - margin - height + 1)
            left = rng.integers(margin, shape[1] - margin - width + 1)
            hole[top : top + height, left : left + width] = True
        return hole


def _opencv_width(thickness: int) -> float:
    """Effective width in pixels of OpenCV's lines, with which LaMa's and RePaint's masks are drawn.

    Measured on areas of lines: an odd thickness gains 1.7 pixels, an even one is drawn like the odd one below.
    """
    return thickness - (thickness % 2 == 0) + 1.7


def _stroke(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
    """Draw a line with round ends."""
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
    """Look up the mask generator of a kind and set its options.

    Args:
        kind: a key of GENERATORS.
        options: of the kind: `side` and `width` of genhalf, `width` of box, `text` of text.

    Raises:
        DataError: unknown kind, or an option that the kind does not have.
    """
    if kind not in GENERATORS:
        raise DataError(f"unknown kind of mask {kind!r}; known are {', '.join(GENERATORS)}")
    try:
        return GENERATORS[kind](**options)
    except TypeError:
        raise DataError(f"masks of the kind {kind} have no {' and '.join(options)}") from None


def generate_mask(kind: str, size: int | Shape, seed: int, **options: object) -> Mask:
    """Generate the mask of a kind and seed: bool [H, W], True = known.

    Args:
        kind: a key of GENERATORS.
        size: height and width, or one number for both.
        seed: of the mask.
        options: see `make_generator`.

    Raises:
        DataError: as in `make_generator`, or the picture is too small for this kind.
    """
    shape = (size, size) if isinstance(size, int) else size
    return make_generator(kind, **options)(shape, np.random.default_rng(seed))
