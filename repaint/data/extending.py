"""Outpainting: a picture on a larger canvas, whose new part is one more hole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data import metadata
from repaint.data.conversion import Photo
from repaint.errors import DataError

Length = int | float  # pixels, or a share of the width or height


@dataclass(frozen=True)
class Margins:
    """Pixels beyond each side of a picture."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of a picture of this size with the margins."""
        return self.left + width + self.right, self.top + height + self.bottom

    def pad(self, array: NDArray[Any], value: int) -> NDArray[Any]:
        """An array [H, W, ...] with a border of one value."""
        widths = [(self.top, self.bottom), (self.left, self.right), *[(0, 0)] * (array.ndim - 2)]
        return np.pad(array, widths, constant_values=value)

    def inner(self, width: int, height: int) -> tuple[slice, slice]:
        """Rows and columns of the picture on a canvas of this size."""
        return slice(self.top, height - self.bottom), slice(self.left, width - self.right)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self != Margins()


@dataclass(frozen=True)
class Extension:
    """How far pictures are extended: whole numbers are pixels, floats shares of the width or height."""

    left: Length = 0
    right: Length = 0
    top: Length = 0
    bottom: Length = 0

    def margins(self, width: int, height: int, path: str) -> Margins:
        """The margins of a picture; a share adds at least a pixel.

        Args:
            width: of the picture.
            height: of the picture.
            path: for messages.

        Raises:
            DataError: the extended picture has more pixels than a picture may have.
        """
        left, right = _to_pixels(self.left, width), _to_pixels(self.right, width)
        top, bottom = _to_pixels(self.top, height), _to_pixels(self.bottom, height)
        margins = Margins(left, right, top, bottom)
        new_width, new_height = margins.canvas(width, height)
        limit = Image.MAX_IMAGE_PIXELS
        if margins and limit is not None and new_width * new_height > limit:
            raise DataError(
                f"{path}: extended to {new_width}x{new_height} it has more than {limit:,} pixels; extend it less, or "
                f"make it smaller first"
            )
        return margins


def _to_pixels(length: Length, side: int) -> int:
    return length if isinstance(length, int) else max(1, round(length * side))


def extend_photo(photo: Photo, margins: Margins) -> Photo:
    """A picture on its extended canvas: black beyond its sides, and opaque there."""
    kept: Mapping[str, Any] = photo.metadata
    pixels = margins.pad(photo.pixels, 0)
    if "exif" in kept:
        height, width = pixels.shape[:2]
        kept = {**kept, "exif": metadata.with_size(kept["exif"], width, height)}
    alpha = None if photo.alpha is None else margins.pad(photo.alpha, 255)
    return replace(photo, pixels=pixels, alpha=alpha, metadata=kept)
