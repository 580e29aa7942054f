"""Pictures: decoding, the published centre crop, and conversion between uint8 and [-1, 1]."""

import io
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from repaint.data import storage
from repaint.errors import DataError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's."""
    return name.lower().endswith(EXTENSIONS)


def decode(path: str) -> Image.Image:
    """Read and fully decode a picture file in its own mode.

    Raises:
        DataError: missing, damaged, or absurdly large.
    """
    content = storage.read_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content))
            picture.load()
            return picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise almost anything on damaged files
        raise DataError(f"{path}: not a readable picture ({type(error).__name__}: {error})") from None


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """A 16-bit grey picture scaled to 8 bits (Pillow's own conversion would clip it); others unchanged."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8))


def crop_to_array(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """A picture of any mode as the network sees it: uint8 [size, size, 3], cropped by `center_crop`."""
    return np.asarray(center_crop(to_eight_bits(picture).convert("RGB"), size))


def center_crop(picture: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to `size` and crop the middle, as guided-diffusion prepares its training data.

    Halved by averaging 2x2 pixels while that keeps the shorter side at `size` or more, then resized bicubically.

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
    """Cut a mask as `center_crop` cuts the picture it belongs to, by nearest neighbour.

    Args:
        mask: of the picture's aspect ratio, at any size.
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


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG file content of uint8 [H, W, 3] or [H, W]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
