"""What a picture file holds beside its pixels and its result keeps: EXIF data, resolution, PNG's chunks about colour.

A picture in memory has them in its `info`: `exif` (bytes), `dpi` (horizontal, vertical) and `png_chunks`
((name, content) of each). Its ICC profile lies in `icc_profile`, as usual in Pillow.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from repaint.data import notices

KEYS = ("exif", "dpi", "png_chunks")

_CHUNK_LENGTHS = {b"cHRM": 32, b"cICP": 4, b"gAMA": 4, b"sRGB": 1}  # what the values of the pixels mean
_LARGEST_JPEG_EXIF = 65_533
_SUB_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_POINTERS = (ExifTags.Base.MakerNote, ExifTags.IFD.Interop)

# The tags of a TIFF file that are about the picture; the others are about how the file stores it.
_ABOUT_THE_PICTURE = (
    ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software,
    ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.HostComputer, ExifTags.Base.Copyright,
)  # fmt: skip


class _Text(str):
    """Text of EXIF data, which Pillow decodes as Latin-1 and would write as ASCII: its bytes stay as they were."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "replace") -> bytes:
        """The bytes, whatever encoding Pillow asks for."""
        return super().encode("latin-1", "replace")


def read_png_chunks(picture: Image.Image) -> tuple[tuple[bytes, bytes], ...]:
    """The chunks about colour of a PNG file that is not decoded yet; none of other pictures."""
    file = getattr(picture, "fp", None)
    if picture.format != "PNG" or file is None or not getattr(picture, "tile", None):
        return ()
    position = file.tell()
    try:
        file.seek(8)
        return tuple(_walk_chunks(file))
    finally:
        file.seek(position)


def _walk_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks about colour, which come before the pixels."""
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in (b"IDAT", b"IEND"):
            return
        if length == _CHUNK_LENGTHS.get(name):
            yield name, file.read(length)
            length = 0
        file.seek(length + 4, 1)  # with the check sum


def read(picture: Image.Image) -> dict[str, Any]:
    """EXIF data (without the thumbnail) and resolution of a decoded picture, by their keys in `info`."""
    found = {"exif": _read_exif(picture), "dpi": _read_dpi(picture)}
    return {key: value for key, value in found.items() if value is not None}


def _read_exif(picture: Image.Image) -> bytes | None:
    exif = None
    try:
        exif = picture.getexif()
        kept = _copy_exif(exif, _ABOUT_THE_PICTURE if picture.format == "TIFF" else tuple(exif))
        return kept.tobytes() if kept else None
    except Exception:  # noqa: BLE001 - Pillow raises almost anything on damaged EXIF data, which stops no picture
        path = notices.current_file()
        if path is not None:
            notices.warn(f"{path}: its EXIF data are damaged and left out, but for the orientation")
        orientation = Image.Exif()
        if exif is not None and ExifTags.Base.Orientation in exif:
            orientation[ExifTags.Base.Orientation] = exif[ExifTags.Base.Orientation]
        return orientation.tobytes() if orientation else None


def _copy_exif(exif: Image.Exif, tags: Iterable[int]) -> Image.Exif:
    """A copy with these tags, without the thumbnail, which would show the picture as it was."""
    kept = Image.Exif()
    for tag in tags:
        if tag in exif and tag not in _SUB_IFDS:
            kept[tag] = _keep(exif[tag])
    for tag in _SUB_IFDS:
        # Maker notes and the interoperability IFD point to places in the file, which the result does not have.
        entries = {key: _keep(value) for key, value in exif.get_ifd(tag).items() if key not in _POINTERS}
        if entries:
            kept[tag] = entries
    return kept


def _keep(value: object) -> object:
    return _Text(value) if isinstance(value, str) else value


def upright(exif: bytes, width: int, height: int) -> bytes | None:
    """EXIF data of a picture that has been turned upright, to this size; None if there is nothing else in them."""
    loaded = Image.Exif()
    loaded.load(exif)
    if ExifTags.Base.Orientation in loaded:  # a value that does not exist has turned nothing, and goes too
        del loaded[ExifTags.Base.Orientation]
    return _with_size(loaded, width, height).tobytes() if loaded else None


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """EXIF data of a picture whose size has changed: their entries about it follow, where there are any."""
    loaded = Image.Exif()
    loaded.load(exif)
    return _with_size(loaded, width, height).tobytes()


def _with_size(exif: Image.Exif, width: int, height: int) -> Image.Exif:
    copied = _copy_exif(exif, tuple(exif))
    sizes = {ExifTags.Base.ImageWidth: width, ExifTags.Base.ImageLength: height}
    sizes |= {ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height}
    for entries in (copied, copied.get(ExifTags.IFD.Exif, {})):
        for tag in sizes.keys() & entries.keys():
            entries[tag] = sizes[tag]
    return copied


def _read_dpi(picture: Image.Image) -> tuple[float, float] | None:
    """The resolution, unless it is missing or one of the fillers 0 and 1."""
    try:
        horizontal, vertical = (float(value) for value in picture.info.get("dpi", (0, 0)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    usable = all(math.isfinite(value) and 1 < value < 1e5 for value in (horizontal, vertical))
    return (horizontal, vertical) if usable else None


def save_options(info: Mapping[Any, Any], kind: str) -> dict[str, Any]:
    """Options of Pillow's `save` that write what a format can hold.

    Args:
        info: of the picture.
        kind: Pillow's name of the format: PNG, JPEG or WEBP.
    """
    options: dict[str, Any] = {}
    exif, dpi = info.get("exif"), info.get("dpi")
    if exif and (kind != "JPEG" or len(exif) <= _LARGEST_JPEG_EXIF):
        options["exif"] = exif
    if dpi and kind != "WEBP":
        options["dpi"] = dpi
    if kind == "PNG" and info.get("png_chunks"):
        options["pnginfo"] = PngInfo()
        for name, content in info["png_chunks"]:
            options["pnginfo"].add(name, content)
    return options
