"""Colour conversion of decoded pictures to 8-bit RGB, with their transparency and colour profile."""

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from repaint.data import metadata

_PROFILE_SPACES = {b"GRAY": ("1", "L", "LA", "I;16"), b"CMYK": ("CMYK",), b"Lab ": ("LAB",)}  # modes to be converted
_KEY_TYPES: dict[str, type | tuple[type, ...]] = {"1": int, "L": int, "I;16": int, "RGB": tuple, "P": (int, bytes)}
GREY_STEP = 257  # of 16 bits, for one of 8


@dataclass(frozen=True)
class Photo:
    """A picture with its alpha channel, ICC colour profile and metadata.

    Attributes:
        pixels: uint8 [H, W, 3].
        alpha: uint8 [H, W], 255 = opaque; None without transparency.
        icc_profile: None for sRGB or unknown.
        metadata: see `repaint.data.metadata`.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    icc_profile: bytes | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def to_photo(picture: Image.Image) -> Photo:
    """Convert a decoded picture, keeping what its fill keeps: pixels, alpha channel, ICC profile, metadata."""
    kept = {key: picture.info[key] for key in metadata.KEYS if key in picture.info}
    converted = _convert_by_profile(picture)
    if converted is not None:
        kept.pop("png_chunks", None)  # about the colours before the conversion
        return Photo(np.asarray(converted), to_alpha(picture), metadata=kept)
    return Photo(np.asarray(to_rgb_plainly(picture)), to_alpha(picture), _rgb_profile(picture), kept)


def to_picture(photo: Photo) -> Image.Image:
    """Convert to a Pillow picture, RGB or RGBA, with the ICC profile and the metadata in `info`."""
    pixels = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    picture = Image.fromarray(pixels)
    picture.info.update({**photo.metadata})
    if photo.icc_profile is not None:
        picture.info["icc_profile"] = photo.icc_profile
    return picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to RGB, 8 bits a channel; grey, CMYK and Lab through their ICC profile, if present."""
    return _convert_by_profile(picture) or to_rgb_plainly(picture)


def to_rgb_plainly(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to RGB without its profile; the colours of transparent parts are kept."""
    picture = to_eight_bits(picture)
    return picture.convert("RGBA").convert("RGB") if picture.mode in ("LA", "P", "PA", "RGBA") else _opaque(picture)


def to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale a 16-bit grey picture to 8 bits (Pillow's own conversion would clip it); others stay as they are."""
    if not picture.mode.startswith("I"):
        return picture
    levels = (np.asarray(picture).astype(np.float64) / GREY_STEP).round().clip(0, 255)
    return Image.fromarray(levels.astype(np.uint8))


# Transparency


def has_alpha(picture: Image.Image) -> bool:
    """Whether a picture has an alpha channel, a transparent colour, or a palette of which a part is transparent."""
    if picture.mode in ("LA", "PA", "RGBA") or _has_key(picture):
        return True
    return picture.mode == "P" and picture.palette is not None and picture.palette.mode.endswith("A")


def to_alpha(picture: Image.Image) -> NDArray[np.uint8] | None:
    """The alpha channel of a decoded picture, uint8 [H, W], 255 = opaque; None without transparency."""
    if not has_alpha(picture):
        return None
    if picture.mode in ("1", "L", "I;16", "RGB"):
        samples = np.asarray(picture.convert("L") if picture.mode == "1" else picture)
        transparent = samples == np.array(picture.info["transparency"])
        return np.where(transparent.all(axis=2) if picture.mode == "RGB" else transparent, 0, 255).astype(np.uint8)
    return np.asarray(picture.convert("RGBA").getchannel("A"))


def _has_key(picture: Image.Image) -> bool:
    """Whether `info` has a transparent colour, and of the kind that belongs to the mode."""
    kinds = _KEY_TYPES.get(picture.mode)
    return kinds is not None and isinstance(picture.info.get("transparency"), kinds)


# Colours


def _opaque(picture: Image.Image) -> Image.Image:
    plain = picture.copy()
    plain.info.pop("transparency", None)  # which Pillow would convert, too
    return plain.convert("RGB")


def _profile_of(picture: Image.Image) -> tuple[bytes | None, bytes]:
    """ICC profile of a picture, and its colour space by the profile's header."""
    profile = picture.info.get("icc_profile")
    return profile, profile[16:20] if isinstance(profile, bytes) else b""


def _rgb_profile(picture: Image.Image) -> bytes | None:
    """The ICC profile, if it describes the colours as `to_rgb_plainly` gives them."""
    profile, space = _profile_of(picture)
    return profile if space == b"RGB " and picture.mode not in ("CMYK", "LAB") else None


def _convert_by_profile(picture: Image.Image) -> Image.Image | None:
    """Convert grey, CMYK and Lab to sRGB through their ICC profile; None without one that is usable."""
    profile, space = _profile_of(picture)
    if profile is None or picture.mode not in _PROFILE_SPACES.get(space, ()):
        return None
    with suppress(ImageCms.PyCMSError, OSError):  # an unusable profile is ignored
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return _convert_grey(picture, source) if space == b"GRAY" else _to_srgb(picture, source)
    return None


def _to_srgb(picture: Image.Image, source: ImageCms.ImageCmsProfile, flags: int = 0) -> Image.Image | None:
    target = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(picture, source, target, outputMode="RGB", flags=ImageCms.Flags(flags))


def _convert_grey(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image | None:
    """Convert every grey level once, and exactly: the fast way of the library is up to 10 levels off in the dark."""
    if picture.mode == "I;16":
        values, count = np.asarray(picture), 65_536
        ramp = np.arange(count, dtype=np.uint16)
    else:
        values, count = np.asarray(picture.getchannel("L") if picture.mode == "LA" else picture.convert("L")), 256
        ramp = np.arange(count, dtype=np.uint8)
    colours = _to_srgb(Image.fromarray(ramp[None]), source, ImageCms.Flags.NOOPTIMIZE)
    return None if colours is None else Image.fromarray(np.asarray(colours)[0][values])
