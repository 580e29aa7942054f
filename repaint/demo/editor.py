"""The page's picture and its hole, from the picture editor and an uploaded mask, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.decoding import decode
from repaint.data.mask_levels import KNOWN_FROM, THRESHOLD
from repaint.data.masks import Mask, MaskRule, check_ratio, mask_pixels, scale_levels, scale_mask
from repaint.demo.choices import Choices
from repaint.errors import DataError

Levels = NDArray[np.uint8]


def read_editor(value: Mapping[str, Any] | None, choices: Choices) -> tuple[Image.Image, Levels]:
    """Picture and mask of a job: the hole is what is painted or what the mask file marks.

    Args:
        value: of gradio's ImageEditor: background and layers; None if it is empty.
        choices: whose mask file is joined, and may be all there is, as with an extension.

    Returns:
        (picture, mask): the picture, opaque in the hole, and uint8 [H, W], 255 = known; 0 and 255 unless it is soft.

    Raises:
        DataError: there is no picture, nothing to fill, or the mask file does not fit.
    """
    if value is None or value["background"] is None:
        raise DataError("there is no picture yet; load one or drop it into the field")
    picture, painted = read_painting(value)
    levels = mask_pixels(~painted)
    if choices.mask_file is not None:
        levels = np.minimum(levels, _read_mask_file(choices.mask_file, picture.size, choices))
    hole: Mask = levels < (KNOWN_FROM if choices.soft else THRESHOLD)
    if not hole.any() and not choices.sides:
        raise DataError("nothing is painted yet; paint over what shall be replaced, load a mask file or extend a side")
    alpha = np.where(hole, 255, np.asarray(picture.getchannel("A"))).astype(np.uint8)
    picture.putalpha(Image.fromarray(alpha))
    return picture.convert("RGB") if alpha.min() == 255 else picture, levels


def read_painting(value: Mapping[str, Any]) -> tuple[Image.Image, Mask]:
    """Picture of an editor that is not empty, RGBA, and what is painted on it, bool [H, W]."""
    picture: Image.Image = value["background"].convert("RGBA")
    layers = [np.asarray(layer.convert("RGBA").getchannel("A")) > 0 for layer in value["layers"]]
    painted: Mask = np.any([np.zeros((picture.height, picture.width), bool), *layers], axis=0)
    return picture, painted


def _read_mask_file(path: str, size: tuple[int, int], choices: Choices) -> Levels:
    """Levels of a mask file at the size (width, height) of its picture, with the checks of mask files everywhere."""
    name, file = Path(path).name, decode(path)
    check_ratio(file.size, size, name, "picture")
    mask = MaskRule(choices.hole_white, soft=choices.soft).read(file, name)
    return scale_levels(mask, size) if choices.soft else mask_pixels(scale_mask(mask, size))


def editor_value(picture: Image.Image, hole: Mask | None, color: tuple[int, int, int]) -> dict[str, Any]:
    """Value of the editor that shows a picture.

    Args:
        picture: of any mode.
        hole: what is painted, bool [H, W]; None for nothing.
        color: of the paint.
    """
    layers = []
    if hole is not None and hole.any():
        paint = np.zeros((*hole.shape, 4), np.uint8)
        paint[hole] = (*color, 255)
        layers.append(Image.fromarray(paint))
    return {"background": picture, "layers": layers, "composite": None}
