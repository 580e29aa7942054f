"""Value of the page's picture editor: the picture and the painted hole."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from repaint.data.masks import Mask
from repaint.errors import DataError


def read_editor(value: Mapping[str, Any] | None) -> tuple[Image.Image, Mask]:
    """Picture and hole of the editor: the picture, opaque where it is painted, and bool [H, W], True = painted.

    Args:
        value: of gradio's ImageEditor: background and layers; None if it is empty.

    Raises:
        DataError: there is no picture, or nothing is painted.
    """
    if value is None or value["background"] is None:
        raise DataError("there is no picture yet; load one or drop it into the field")
    picture: Image.Image = value["background"].convert("RGBA")
    painted = [np.asarray(layer.convert("RGBA").getchannel("A")) > 0 for layer in value["layers"]]
    hole: Mask = np.any([np.zeros((picture.height, picture.width), bool), *painted], axis=0)
    if not hole.any():
        raise DataError("nothing is painted yet; paint over what shall be replaced")
    alpha = np.where(hole, 255, np.asarray(picture.getchannel("A"))).astype(np.uint8)
    picture.putalpha(Image.fromarray(alpha))
    return picture.convert("RGB") if alpha.min() == 255 else picture, hole
