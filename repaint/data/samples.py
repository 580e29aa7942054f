"""Sample values of picture files, brought to the ranges that Pillow's modes stand for.

Pillow gives samples of more than 8 bits as they are stored, whatever they mean by black and white, and of colours keeps
the higher 8 bits. The key colour of transparent pixels it leaves in the units of the file.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from repaint.errors import DataError

DEEP = 65_535  # white of mode I;16

_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"}
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_GREY_KEY_UNITS = {"L;2": 85, "L;4": 17}  # grey levels that Pillow makes of one unit of the file
_OTHER_BYTE = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if np.little_endian else ";16L"}

# Tags of TIFF files.
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_RANGES = ((340, 341), (280, 281))  # smallest and largest value: of any sample format, and of integers
_SIGNED, _WHITE_IS_ZERO = 2, 0


@dataclass(frozen=True)
class _Stored:
    """What a file reports about its samples.

    Attributes:
        bits: of a sample; None if unknown.
        signed: two's complement.
        white_is_zero: the smallest value is white.
        limits: values of black and white; None if the number of bits decides.
        raw_mode: Pillow's name of the storage of a pixel; empty once the picture is decoded.
    """

    bits: int | None
    signed: bool
    white_is_zero: bool
    limits: tuple[float, float] | None
    raw_mode: str


def load(picture: Image.Image, name: str) -> Image.Image:
    """Decode a picture: a copy of one of the modes that `repaint.data.decoding.load` lists, or whatever Pillow raises.

    Args:
        picture: of any mode; one that is not decoded yet is read more exactly.
        name: for error messages.

    Raises:
        DataError: the range of the samples is unknown, or the mode.
    """
    stored = _describe(picture)
    exact = _read_16_bit_colours(picture, stored)
    picture.load()
    if exact is not None:
        loaded = _with_exact_colours(picture, exact, stored)
    elif picture.mode == "F" or picture.mode.startswith("I") or (picture.mode == "L" and stored.signed):
        loaded = _to_full_range(picture, stored, name)
    elif picture.mode in _PREMULTIPLIED:
        loaded = picture.convert(_PREMULTIPLIED[picture.mode])
    elif picture.mode == "RGBA" and stored.raw_mode.startswith("LA"):
        loaded = picture.convert("LA")  # as it is in the file
    elif picture.mode in _MODES:
        loaded = picture.copy()
    else:
        raise DataError(f"{name}: pictures of mode {picture.mode} are not supported; convert it to RGB")
    loaded.info = {key: value for key, value in picture.info.items() if exact is None or key != "transparency"}
    key = loaded.info.get("transparency")
    if stored.raw_mode in _GREY_KEY_UNITS and isinstance(key, int):
        loaded.info["transparency"] = key * _GREY_KEY_UNITS[stored.raw_mode]
    return loaded


def _describe(picture: Image.Image) -> _Stored:
    """Read what a file reports about its samples, before they are decoded."""
    tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    bits = _largest(tags.get(_BITS))
    sample_format = tags.get(_SAMPLE_FORMAT)
    return _Stored(
        None if bits is None else int(bits),
        signed=sample_format in (_SIGNED, (_SIGNED,)),
        white_is_zero=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        limits=_read_limits(tags),
        raw_mode=_raw_mode(picture),
    )


def _raw_mode(picture: Image.Image) -> str:
    """Pillow's name of the storage of a pixel, if all parts of the picture have the same."""
    modes = {tile[3][:1] if isinstance(tile[3], tuple) else (tile[3],) for tile in getattr(picture, "tile", ())}
    mode = modes.pop() if len(modes) == 1 else ()
    return mode[0] if mode and isinstance(mode[0], str) else ""


def _read_limits(tags: Mapping[int, Any]) -> tuple[float, float] | None:
    """Values of black and white by the tags of a TIFF file."""
    for smallest, largest in _RANGES:
        high = _largest(tags.get(largest))
        values = tags.get(smallest, 0)
        low = min(values) if isinstance(values, tuple) else values
        if high is not None and math.isfinite(high) and math.isfinite(low) and low < high:
            return float(low), float(high)
    return None


def _largest(values: Any) -> float | None:
    """Largest of the values of a tag, one for each channel; None without the tag."""
    if isinstance(values, tuple):
        return max(values, default=None)
    return values if isinstance(values, int | float) else None


# Grey pictures


def _to_full_range(picture: Image.Image, stored: _Stored, name: str) -> Image.Image:
    """Scale the grey levels of a picture to 0..65535: mode I;16."""
    values = np.asarray(picture)
    if stored.signed and picture.mode == "L":
        values = values.view(np.int8)
    elif picture.mode == "I" and stored.bits == 32 and not stored.signed:
        values = values.view(np.uint32)
    if not np.isfinite(values).all():
        raise DataError(f"{name}: some of its pixels are not finite; save it with 8 or 16 bits a channel")
    low, high = stored.limits or _default_limits(values, stored, name)
    if (low, high) != (0, DEEP):
        values = ((values.astype(np.float64) - low) * (DEEP / (high - low))).round()
    levels = values.clip(0, DEEP).astype(np.uint16)
    return Image.fromarray(DEEP - levels if stored.white_is_zero else levels)


def _default_limits(values: NDArray[Any], stored: _Stored, name: str) -> tuple[float, float]:
    """Values of black and white that the type of the samples implies."""
    if values.dtype.kind == "f":
        if values.min() < 0 or values.max() > 1:
            raise DataError(
                f"{name}: its pixels are floats beyond 0 and 1, whose range is unknown; save it with 8 or 16 bits a "
                f"channel"
            )
        return 0, 1
    if values.min() < 0:
        raise DataError(f"{name}: its pixels are below zero, so their range is unknown; save it with 8 or 16 bits")
    if stored.bits is not None and stored.bits <= 16:
        return 0, 2 ** (stored.bits - stored.signed) - 1
    if values.max() <= DEEP:  # programs store 16 bits in words of 32
        return 0, DEEP
    if stored.bits is None:
        raise DataError(f"{name}: its pixels are above {DEEP}, so their range is unknown; scale them to 16 bits")
    return 0, 2 ** (stored.bits - stored.signed) - 1


# Colours of 16 bits


def _read_16_bit_colours(picture: Image.Image, stored: _Stored) -> NDArray[np.uint16] | None:
    """All 16 bits of an RGB(A) picture, uint16 [H, W, C], if its key colour or its range depend on them; else None."""
    ending = stored.raw_mode[-4:]
    if picture.mode not in ("RGB", "RGBA") or ending not in _OTHER_BYTE or "a" in stored.raw_mode:
        return None
    keyed = picture.format == "PNG" and "transparency" in picture.info
    if not keyed and stored.limits in (None, (0, DEEP)):
        return None
    assert isinstance(picture, ImageFile.ImageFile), "only files have a raw mode"
    lower = _reopen(picture)
    # Pillow keeps the higher byte of each sample; read in the other order of bytes, that is the lower one.
    other = stored.raw_mode[:-4] + _OTHER_BYTE[ending]
    lower.tile = [(*tile[:3], _with_raw_mode(tile[3], other)) for tile in lower.tile]  # type: ignore[misc]
    picture.load()
    higher: NDArray[np.uint16] = np.asarray(picture).astype(np.uint16)
    exact: NDArray[np.uint16] = higher * np.uint16(256) + np.asarray(lower)
    return exact


def _reopen(picture: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """A second, undecoded picture of the same file."""
    assert picture.fp is not None, "a picture that is not decoded yet has its file open"
    position = picture.fp.tell()
    picture.fp.seek(0)
    content = picture.fp.read()
    picture.fp.seek(position)
    return Image.open(io.BytesIO(content))


def _with_raw_mode(args: Any, raw_mode: str) -> Any:
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def _with_exact_colours(picture: Image.Image, exact: NDArray[np.uint16], stored: _Stored) -> Image.Image:
    """A picture of 8 bits a channel: by the range of its samples, or with an alpha channel by its key colour."""
    if stored.limits is not None:
        low, high = stored.limits
        scaled = ((exact.astype(np.float64) - low) * (255 / (high - low))).round().clip(0, 255)
        return Image.fromarray(scaled.astype(np.uint8))
    keyed = picture.copy()
    transparent = (exact == np.array(picture.info["transparency"])).all(axis=2)
    keyed.putalpha(Image.fromarray(np.where(transparent, 0, 255).astype(np.uint8)))
    return keyed
