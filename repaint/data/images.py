"""Pictures as the network takes them: the published center crop, uint8 to and from [-1, 1]."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from repaint.data.conversion import to_rgb


def crop_to_array(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """Center-crop a picture of any mode to the network's size: uint8 [size, size, 3], see `center_crop`."""
    return np.asarray(center_crop(to_rgb(picture), size))


def center_crop(picture: Image.Image, size: int) -> Image.Image:
    """Center crop as in guided-diffusion's training data: resize the shorter side to `size`, crop the middle.

    Halved by averaging 2x2 pixels while the shorter side stays at least `size`, then resized bicubically.

    Args:
        picture: of any size.
        size: height and width of the result.
    """
    while min(picture.size) >= 2 * size:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
    scale = size / min(picture.size)
    scaled = round(picture.width * scale), round(picture.height * scale)
    return _crop_middle(picture.resize(scaled, Image.Resampling.BICUBIC), size)


def center_crop_like(mask: Image.Image, picture_size: tuple[int, int], size: int) -> Image.Image:
    """Center-crop a mask like its picture (see `center_crop`), with nearest neighbour.

    Args:
        mask: in the picture's aspect ratio, at any size.
        picture_size: (width, height) of the picture.
        size: height and width of the result.
    """
    width, height = picture_size
    while min(width, height) >= 2 * size:
        width, height = width // 2, height // 2
    scale = size / min(width, height)
    scaled = round(width * scale), round(height * scale)
    return _crop_middle(mask.resize(scaled, Image.Resampling.NEAREST), size)


def _crop_middle(picture: Image.Image, size: int) -> Image.Image:
    left, top = (picture.width - size) // 2, (picture.height - size) // 2
    return picture.crop((left, top, left + size, top + size))


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 [H, W, 3] -> uint8 [3, H, W]."""
    return torch.tensor(pixels).permute(2, 0, 1)


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 of any shape -> float32 in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_uint8(x: Tensor) -> NDArray[np.uint8]:
    """Float [3, H, W] in [-1, 1] -> uint8 [H, W, 3], clamped and rounded, so that uint8 values survive a round trip."""
    pixels = ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    array: NDArray[np.uint8] = pixels.permute(1, 2, 0).cpu().numpy()
    return array
