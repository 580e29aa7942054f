"""Inpainting masks read from grey files, an alpha channel or a color key; cropping and scaling them with the picture.

In files 255 is known and 0 is the hole. In memory a mask is a bool array [H, W], True = known, or [H, W, 3] if a
coloured file masks each channel of the picture by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor

from repaint.data.conversion import to_alpha, to_eight_bits, to_rgb, to_rgb_plainly
from repaint.data.images import center_crop, center_crop_like
from repaint.data.mask_levels import THRESHOLD, spread_levels, warn_if_none_known
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
        soft: whether all levels count, see `repaint.data.soft_masks`; the others are cut at THRESHOLD.
    """

    hole_white: bool = False
    channel: str = "grey"
    color: str | None = None
    soft: bool = False

    @property
    def in_picture(self) -> bool:
        """Whether the mask may be part of the picture itself."""
        return self.channel == "alpha" or self.color is not None

    @property
    def hole(self) -> str:
        """What the hole is, for messages."""
        if self.color is not None:
            return f"painted in {self.color}"
        if self.channel == "alpha":
            return "transparent"
        return "white" if self.hole_white else "black"

    def read(self, picture: Image.Image, path: str) -> Image.Image:
        """Extract the mask as 8-bit grey before thresholding: 255 known, 0 hole (see THRESHOLD).

        Args:
            picture: of any mode.
            path: for error messages.

        Raises:
            DataError: the alpha channel is required but missing, or all levels are black, though they differ.
        """
        if self.color is not None:
            return Image.fromarray(np.where(_color_key(picture, self.color), 0, 255).astype(np.uint8))
        if self.channel == "alpha":
            alpha = to_alpha(picture)
            if alpha is None:
                raise DataError(f"{path}: has no transparent part; mask_channel: alpha needs an alpha channel")
            levels = Image.fromarray(spread_levels(alpha, alpha, path, "opacities", self.soft))
        else:
            grey = np.asarray(to_grey(picture))
            palette = picture.mode == "P" and not (self.soft and _is_grey(picture))
            stored = np.asarray(picture) if palette or picture.mode == "I;16" else grey
            what = "palette" if palette else "grey levels"
            levels = Image.fromarray(spread_levels(grey, stored, path, what, self.soft))
            levels = ImageChops.invert(levels) if self.hole_white else levels
        if self.soft:
            warn_if_none_known(np.asarray(levels), path)
        return levels

    def read_channels(self, picture: Image.Image, path: str) -> list[Image.Image]:
        """Extract the mask of each channel, as in the published code: one for all, or three from a coloured file.

        Arguments, errors and the levels of each as in `read`.
        """
        if self.color is None and self.channel == "grey" and not _has_two_colors(picture):
            levels = _on_black(picture).convert("RGB")
            bands = levels.split()
            if len({band.tobytes() for band in bands}) > 1 and np.asarray(levels).max() >= THRESHOLD:
                return [ImageChops.invert(band) if self.hole_white else band for band in bands]
        return [self.read(picture, path)]


def _has_two_colors(picture: Image.Image) -> bool:
    """Whether a palette's picture uses two colours, which stand for known and hole whatever they are."""
    return picture.mode == "P" and len(np.unique(np.asarray(picture))) == 2


def _is_grey(picture: Image.Image) -> bool:
    """Whether a palette's picture uses greys alone, which are levels like those of other files."""
    pixels = np.asarray(to_rgb(picture))
    return bool((pixels == pixels[..., :1]).all())


def to_grey(mask: Image.Image) -> Image.Image:
    """Convert a mask of any mode to 8-bit grey; transparent parts count as black."""
    return _on_black(mask).convert("L")


def _on_black(mask: Image.Image) -> Image.Image:
    """The mask with 8 bits a channel, its transparent parts black."""
    alpha = to_alpha(mask)
    if alpha is None:
        mask = to_eight_bits(mask)
        return to_rgb(mask) if mask.mode == "LAB" else mask
    painted = to_rgb_plainly(mask)
    painted.putalpha(Image.fromarray(alpha))
    return Image.alpha_composite(Image.new("RGBA", mask.size, (0, 0, 0, 255)), painted)


def mask_pixels(known: Mask) -> NDArray[np.uint8]:
    """Convert a bool mask to the file convention: uint8 of its shape, 255 known, 0 hole."""
    return np.where(known, 255, 0).astype(np.uint8)


def by_channel(known: Mask) -> Mask:
    """A mask [H, W] or [H, W, 3] as [H, W, 1] or [H, W, 3], to be combined with pixels [H, W, 3]."""
    return known if known.ndim == 3 else known[..., None]


def wholly_known(known: Mask) -> Mask:
    """Bool [H, W]: the pixels of which a mask [H, W] or [H, W, 3] knows all channels."""
    return np.asarray(known.all(axis=2)) if known.ndim == 3 else known


def check_ratio(mask_size: tuple[int, int], picture_size: tuple[int, int], mask: str, picture: str) -> None:
    """Check that a mask has the aspect ratio of its picture, or is one of them scaled and rounded to whole pixels.

    Args:
        mask_size: (width, height).
        picture_size: (width, height).
        mask: path, for the error message.
        picture: path, for the error message.

    Raises:
        DataError: the aspect ratios differ.
    """
    (mask_width, mask_height), (width, height) = mask_size, picture_size
    if not (_is_scaled(mask_size, picture_size) or _is_scaled(picture_size, mask_size)):
        raise DataError(
            f"{mask}: {mask_width}x{mask_height} has another aspect ratio than its picture {picture} "
            f"({width}x{height}); make the mask at the picture's size"
        )


def _is_scaled(size: tuple[int, int], original: tuple[int, int]) -> bool:
    """Whether one scale for both sides makes `original` less than a pixel longer or shorter than `size`."""
    (width, height), (original_width, original_height) = size, original
    lowest = max((width - 1) / original_width, (height - 1) / original_height)
    highest = min((width + 1) / original_width, (height + 1) / original_height)
    return lowest < highest


def crop_mask(channels: Sequence[Image.Image], size: int) -> Mask:
    """Center-crop a mask by the published rule for pictures but with nearest neighbour, and threshold it.

    Args:
        channels: 8-bit grey, one for all channels of the picture or three; of any size.
        size: height and width of the result.

    Returns:
        bool [size, size], True = known; [size, size, 3] if the channels differ.
    """
    first, *others = (np.asarray(center_crop_like(mask, mask.size, size)) >= THRESHOLD for mask in channels)
    if all(np.array_equal(first, other) for other in others):
        return first
    return np.stack([first, *others], axis=-1)


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


def scale_levels(mask: Image.Image, picture_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale the grey levels of a soft mask to its picture's size, bilinearly: uint8 [H, W]; arguments as above."""
    return np.asarray(mask.resize(picture_size, Image.Resampling.BILINEAR))


def _color_key(picture: Image.Image, color: str) -> Mask:
    """The hole marked by a color key, with a margin for blended edges: bool [H, W], True = hole."""
    from scipy.ndimage import binary_dilation  # only here: it takes 0.2 s to load

    key = np.array(ImageColor.getcolor(color, "RGB"), np.int16)
    pixels = np.asarray(to_rgb(picture), np.int16)
    matches = (np.abs(pixels - key) <= COLOR_TOLERANCE).all(axis=2)
    hole: Mask = binary_dilation(matches, iterations=COLOR_EDGE) if matches.any() else matches
    return hole
