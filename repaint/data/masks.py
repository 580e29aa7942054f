"""Reading masks from files, from the alpha channel, or from a colour painted in the picture.

In files 255 is known and 0 is the hole; here a mask is a bool array [H, W], True = known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor
from scipy.ndimage import binary_dilation

from repaint.data.images import center_crop, center_crop_like, has_alpha, to_eight_bits, to_rgb
from repaint.errors import DataError

Mask = NDArray[np.bool_]

THRESHOLD = 128
LEAK = 1e-3  # share of a pixel that may come from the hole without being seen


def to_grey(mask: Image.Image) -> Image.Image:
    """A mask of any mode as 8-bit grey; transparent parts count as black."""
    mask = to_eight_bits(mask)
    if has_alpha(mask):
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


def crop_mask(mask: Image.Image, picture_size: tuple[int, int], size: int) -> Mask:
    """A mask cut like its picture by nearest neighbour, thresholded at 128.

    Args:
        mask: 8-bit grey, of its picture's aspect ratio.
        picture_size: (width, height) of the picture.
        size: height and width of the result.

    Returns:
        bool [size, size], True = known.
    """
    return np.asarray(center_crop_like(mask, picture_size, size)) >= THRESHOLD


def crop_painted(mask: Image.Image, size: int) -> Mask:
    """A mask that is part of the picture itself, cut with it: known is what nothing of the hole's content mixes into.

    Args:
        mask: 8-bit grey, of the picture's size.
        size: height and width of the result.

    Returns:
        bool [size, size], True = known.
    """
    hole = Image.fromarray((np.asarray(mask) < THRESHOLD).astype(np.float32))
    known: Mask = np.abs(np.asarray(center_crop(hole, size))) < LEAK
    return known


def scale_mask(mask: Image.Image, picture_size: tuple[int, int]) -> Mask:
    """A mask (8-bit grey) at its picture's size (width, height): nearest neighbour, thresholded; bool [H, W]."""
    return np.asarray(mask.resize(picture_size, Image.Resampling.NEAREST)) >= THRESHOLD


@dataclass(frozen=True)
class MaskRule:
    """How known pixels and the hole are marked in a mask file, or in the picture itself.

    Attributes:
        hole_white: white marks the hole instead of the known part.
        channel: "grey", or "alpha": what is transparent is the hole.
        color: what is painted in this colour (any of Pillow's notations) is the hole, whatever the channel says.
    """

    hole_white: bool = False
    channel: str = "grey"
    color: str | None = None

    def read(self, picture: Image.Image, path: str) -> Image.Image:
        """The mask that a picture shows, as 8-bit grey: 255 known, 0 hole (in between: see THRESHOLD).

        Raises:
            DataError: it has no alpha channel where one is needed; `path` is named.
        """
        if self.color is not None:
            return Image.fromarray(np.where(_painted(picture, self.color), 0, 255).astype(np.uint8))
        if self.channel == "alpha":
            if not has_alpha(picture):
                raise DataError(f"{path}: has no transparent part, which mask_channel: alpha takes for the hole")
            return picture.convert("RGBA").getchannel("A")
        grey = to_grey(picture)
        return ImageChops.invert(grey) if self.hole_white else grey


COLOR_TOLERANCE = 64  # per channel: JPEG files blur a painted colour
EDGE = 2  # pixels around a painted part, where brushes mix it with the picture


def _painted(picture: Image.Image, color: str) -> Mask:
    wanted = np.array(ImageColor.getcolor(color, "RGB"), np.int16)
    pixels = np.asarray(to_rgb(picture), np.int16)
    painted = (np.abs(pixels - wanted) <= COLOR_TOLERANCE).all(axis=2)
    hole: Mask = binary_dilation(painted, iterations=EDGE) if painted.any() else painted
    return hole
