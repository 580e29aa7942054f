"""Inpainting masks read from grey files, an alpha channel or a color key; cropping and scaling them with the picture.

In files 255 is known and 0 is the hole. In memory a mask is a bool array [H, W], True = known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor
from scipy.ndimage import binary_dilation

from repaint.data.conversion import to_alpha, to_eight_bits, to_rgb, to_rgb_plainly
from repaint.data.images import center_crop, center_crop_like
from repaint.data.mask_levels import THRESHOLD, spread_levels
from repaint.errors import DataError

Mask = NDArray[np.bool_]

MAX_LEAK = 1e-3  # share of the hole in a resampled pixel that still counts as known
COLOR_TOLERANCE = 64  # per channel: JPEG compression blurs a color key
COLOR_EDGE = 2  # pixels around a color key, where brushes blend it with the picture


@dataclass(frozen=True)
class MaskRule:
    """Mask format: polarity, alpha channel or color key, for a mask file or for the picture itself.

    Attributes:
        hole_white: polarity; True if white marks the hole instead of the known part.
        channel: "grey", or "alpha": transparent pixels are the hole.
        color: color key in any of Pillow's notations: pixels of this colour are the hole; overrides `channel`.
    """

    hole_white: bool = False
    channel: str = "grey"
    color: str | None = None

    def read(self, picture: Image.Image, path: str) -> Image.Image:
        """Extract the mask as 8-bit grey before thresholding: 255 known, 0 hole (see THRESHOLD).

        Args:
            picture: of any mode.
            path: for error messages.

        Raises:
            DataError: the alpha channel is required but missing, or all levels mean hole, though they differ.
        """
        if self.color is not None:
            return Image.fromarray(np.where(_color_key(picture, self.color), 0, 255).astype(np.uint8))
        if self.channel == "alpha":
            alpha = to_alpha(picture)
            if alpha is None:
                raise DataError(f"{path}: has no transparent part; mask_channel: alpha needs an alpha channel")
            return Image.fromarray(spread_levels(alpha, alpha, path, "opacities"))
        grey = np.asarray(to_grey(picture))
        stored = np.asarray(picture) if picture.mode in ("I;16", "P") else grey
        levels = Image.fromarray(spread_levels(grey, stored, path, "palette" if picture.mode == "P" else "grey levels"))
        return ImageChops.invert(levels) if self.hole_white else levels


def to_grey(mask: Image.Image) -> Image.Image:
    """Convert a mask of any mode to 8-bit grey; transparent parts count as black."""
    alpha = to_alpha(mask)
    if alpha is None:
        mask = to_eight_bits(mask)
        return (to_rgb(mask) if mask.mode == "LAB" else mask).convert("L")
    painted = to_rgb_plainly(mask)
    painted.putalpha(Image.fromarray(alpha))
    return Image.alpha_composite(Image.new("RGBA", mask.size, (0, 0, 0, 255)), painted).convert("L")


def mask_pixels(known: Mask) -> NDArray[np.uint8]:
    """Convert a bool mask to the file convention: uint8 [H, W], 255 known, 0 hole."""
    return np.where(known, 255, 0).astype(np.uint8)


def check_ratio(mask_size: tuple[int, int], picture_size: tuple[int, int], mask: str, picture: str) -> None:
    """Check that a mask has the aspect ratio of its picture, up to rounding.

    Args:
        mask_size: (width, height).
        picture_size: (width, height).
        mask: path, for the error message.
        picture: path, for the error message.

    Raises:
        DataError: the aspect ratios differ.
    """
    (mask_width, mask_height), (width, height) = mask_size, picture_size
    same = round(width * mask_height / height) == mask_width or round(height * mask_width / width) == mask_height
    if not same:
        raise DataError(
            f"{mask}: {mask_width}x{mask_height} has another aspect ratio than its picture {picture} "
            f"({width}x{height}); make the mask at the picture's size"
        )


def crop_mask(mask: Image.Image, picture_size: tuple[int, int], size: int) -> Mask:
    """Center-crop a mask like its picture with nearest neighbour, and threshold it.

    Args:
        mask: 8-bit grey, in its picture's aspect ratio.
        picture_size: (width, height) of the picture.
        size: height and width of the result.

    Returns:
        bool [size, size], True = known.
    """
    return np.asarray(center_crop_like(mask, picture_size, size)) >= THRESHOLD


def crop_embedded_mask(mask: Image.Image, size: int) -> Mask:
    """Center-crop a mask that is part of the picture (alpha channel, color key) without leaking the hole.

    The crop resamples the picture, so a pixel counts as known only if no pixel of the hole contributes to it.

    Args:
        mask: 8-bit grey, of the picture's size.
        size: height and width of the result.

    Returns:
        bool [size, size], True = known.
    """
    hole = Image.fromarray((np.asarray(mask) < THRESHOLD).astype(np.float32))
    known: Mask = np.abs(np.asarray(center_crop(hole, size))) < MAX_LEAK
    return known


def scale_mask(mask: Image.Image, picture_size: tuple[int, int]) -> Mask:
    """Scale a mask to its picture's size with nearest neighbour, and threshold it.

    Args:
        mask: 8-bit grey.
        picture_size: (width, height) of the picture.

    Returns:
        bool [H, W], True = known.
    """
    return np.asarray(mask.resize(picture_size, Image.Resampling.NEAREST)) >= THRESHOLD


def _color_key(picture: Image.Image, color: str) -> Mask:
    """The hole marked by a color key, with a margin for blended edges: bool [H, W], True = hole."""
    key = np.array(ImageColor.getcolor(color, "RGB"), np.int16)
    pixels = np.asarray(to_rgb(picture), np.int16)
    matches = (np.abs(pixels - key) <= COLOR_TOLERANCE).all(axis=2)
    hole: Mask = binary_dilation(matches, iterations=COLOR_EDGE) if matches.any() else matches
    return hole
