"""Image decoding and encoding, colour conversion, the published center crop, uint8 to and from [-1, 1]."""

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from repaint.data import storage
from repaint.errors import DataError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")

# Of a picture file: PNG files of the largest pictures that Pillow opens without a warning are smaller.
MAX_BYTES = 2**30


def is_picture(name: str) -> bool:
    """Whether a file name has the extension of a picture."""
    return name.lower().endswith(EXTENSIONS)


def decode(path: str) -> Image.Image:
    """Read and fully decode a picture file in its own mode, with its EXIF orientation applied.

    Raises:
        DataError: missing, damaged, absurdly large, or of floating-point pixels.
    """
    content = storage.read_bytes(path, MAX_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content))
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise almost anything on damaged files
        raise DataError(f"{path}: not a readable picture ({type(error).__name__}: {error})") from None
    _refuse_floats(upright, path)
    return upright


def load(picture: Image.Image, name: str) -> Image.Image:
    """Force Pillow, which loads lazily, to read a picture into memory.

    Args:
        picture: of any mode.
        name: for error messages.

    Raises:
        DataError: damaged, or of floating-point pixels.
    """
    try:
        picture.load()
    except Exception as error:  # noqa: BLE001 - see `decode`
        raise DataError(f"{name}: not a readable picture ({type(error).__name__}: {error})") from None
    _refuse_floats(picture, name)
    return picture


def _refuse_floats(picture: Image.Image, name: str) -> None:
    if picture.mode == "F":
        raise DataError(f"{name}: its pixels are floats, whose range is unknown; save it with 8 or 16 bits a channel")


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale a 16-bit grey picture to 8 bits (Pillow's own conversion would clip it); others stay as they are."""
    if not picture.mode.startswith("I"):
        return picture
    return Image.fromarray((np.asarray(picture).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8))


def has_alpha(picture: Image.Image) -> bool:
    """Whether a picture has transparent parts."""
    return "A" in picture.getbands() or "transparency" in picture.info


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to RGB, 8 bits a channel; CMYK and Lab through their ICC profile, if present."""
    picture = to_eight_bits(picture)
    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("CMYK", "LAB"):
        with suppress(ImageCms.PyCMSError, OSError):  # an unusable profile is ignored
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return (picture.convert("RGBA") if has_alpha(picture) else picture).convert("RGB")


@dataclass(frozen=True)
class Photo:
    """A picture with its alpha channel and ICC colour profile.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], 255 = opaque; None without transparency.
        icc_profile: None for sRGB or unknown.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    icc_profile: bytes | None = None


def to_photo(picture: Image.Image) -> Photo:
    """Convert a decoded picture, keeping what its fill keeps: pixels, alpha channel, ICC profile."""
    alpha = np.asarray(picture.convert("RGBA").getchannel("A")) if has_alpha(picture) else None
    profile = picture.info.get("icc_profile") if picture.mode in ("RGB", "RGBA", "P") else None
    return Photo(np.asarray(to_rgb(picture)), alpha, profile)


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


LARGEST_SIDE = {"jpg": 65_500, "webp": 16_383}  # in pixels; PNG's limit is beyond any memory
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {},
    "jpg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True, "exact": True},  # exact: keep the colours of transparent pixels
}


def encode(photo: Photo, file_format: str) -> bytes:
    """Encode a picture as the content of a file.

    Args:
        photo: JPEG files drop its alpha channel.
        file_format: a key of SAVE_OPTIONS.
    """
    return encode_picture(to_picture(photo), file_format)


def encode_picture(picture: Image.Image, file_format: str) -> bytes:
    """File content of a Pillow picture (RGB or RGBA) with its colour profile; arguments as for `encode`."""
    buffer = io.BytesIO()
    if file_format == "jpg":
        picture = picture.convert("RGB")
    kind = "JPEG" if file_format == "jpg" else file_format.upper()
    picture.save(buffer, kind, icc_profile=picture.info.get("icc_profile"), **SAVE_OPTIONS[file_format])
    return buffer.getvalue()


def to_picture(photo: Photo) -> Image.Image:
    """Convert to a Pillow picture, RGB or RGBA, with the ICC profile in `info`."""
    pixels = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    picture = Image.fromarray(pixels)
    if photo.icc_profile is not None:
        picture.info["icc_profile"] = photo.icc_profile
    return picture


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode uint8 [H, W, 3] or [H, W] as the content of a PNG file."""
    return encode(Photo(pixels), "png")
