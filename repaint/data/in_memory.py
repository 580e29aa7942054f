"""Pictures and masks that a program hands over: Pillow pictures, arrays or paths."""

from os import PathLike

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.decoding import decode, load
from repaint.data.masks import mask_pixels
from repaint.errors import DataError

Picture = Image.Image | NDArray[np.uint8] | NDArray[np.bool_] | str | PathLike[str]
ARRAYS: dict[str, tuple[tuple[int, ...], ...]] = {
    "bool": ((),),
    "uint8": ((), (3,), (4,)),
}  # what follows height, width


def name_of(picture: Picture, role: str) -> str:
    """What messages call a picture: its path, or else its role."""
    return str(picture) if isinstance(picture, str | PathLike) else role


def open_picture(picture: Picture, name: str) -> Image.Image:
    """Decode a picture; one from a path is turned upright, a bool array becomes a mask of 0 and 255.

    Args:
        picture: of any mode and size, or an array uint8 [H, W], [H, W, 3] or [H, W, 4] or bool [H, W].
        name: of a picture without a path, for error messages.

    Raises:
        DataError: it is unreadable, or no picture.
    """
    if isinstance(picture, str | PathLike):
        return decode(str(picture))
    if isinstance(picture, Image.Image):
        return load(picture, name)
    if not isinstance(picture, np.ndarray):
        raise DataError(f"{name}: a Pillow picture, an array or a path is needed, not {type(picture).__name__}")
    shapes = ARRAYS.get(picture.dtype.name, ())
    if picture.size == 0 or picture.ndim not in (2, 3) or picture.shape[2:] not in shapes:
        raise DataError(
            f"{name}: an array must be uint8 [H, W], [H, W, 3] or [H, W, 4] (a mask also bool [H, W]), "
            f"not {picture.dtype} {list(picture.shape)}"
        )
    return Image.fromarray(mask_pixels(picture.astype(bool)) if picture.dtype == bool else picture)
