"""Encoding of pictures as the content of files."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data import metadata
from repaint.data.conversion import Photo, to_picture

_LARGEST_SIDE = {"jpg": 65_500, "webp": 16_383}  # in pixels; PNG's limit is beyond any memory
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {},
    "jpg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True, "exact": True},  # exact: keep the colours of transparent pixels
}


def why_too_large(width: int, height: int, file_format: str) -> str | None:
    """What is wrong with a picture of this size in files of this format, a key of SAVE_OPTIONS; None: nothing."""
    largest = _LARGEST_SIDE.get(file_format)
    if largest is None or max(width, height) <= largest:
        return None
    return f"{width}x{height} is more than a {file_format} file can hold ({largest} pixels a side)"


def loses_transparency(photo: Photo, file_format: str) -> bool:
    """Whether a picture has transparent parts that a file of this format cannot hold."""
    return file_format == "jpg" and photo.alpha is not None and bool(photo.alpha.min() < 255)


def transparency_note(pictures: int) -> str:
    """A line for the user about so many pictures that lose their transparency."""
    count = f"{pictures} pictures" if pictures > 1 else "1 picture"
    return f"format: jpg has no transparency; that of {count} is left out (png keeps it)"


def encode(photo: Photo, file_format: str) -> bytes:
    """Encode a picture as the content of a file.

    Args:
        photo: JPEG files drop its alpha channel.
        file_format: a key of SAVE_OPTIONS.
    """
    return encode_picture(to_picture(photo), file_format)


def encode_picture(picture: Image.Image, file_format: str) -> bytes:
    """File content of a Pillow picture (RGB or RGBA) with its colour profile and metadata; arguments as for `encode`.

    JPEG and WebP files cannot hold PNG's chunks about colour, and WebP files no resolution.
    """
    buffer = io.BytesIO()
    if file_format == "jpg":
        picture = picture.convert("RGB")
    kind = "JPEG" if file_format == "jpg" else file_format.upper()
    options = SAVE_OPTIONS[file_format] | metadata.save_options(picture.info, kind)
    picture.save(buffer, kind, icc_profile=picture.info.get("icc_profile"), **options)
    return buffer.getvalue()


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode uint8 [H, W, 3] or [H, W] as the content of a PNG file."""
    return encode(Photo(pixels), "png")
