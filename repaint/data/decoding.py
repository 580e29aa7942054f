"""Picture files and pictures of other programs, decoded, turned upright, and brought to few modes.

What later steps need to know of a file travels in the picture's `info`: see `repaint.data.metadata`.
"""

import io
import re
from contextlib import suppress

from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from repaint.data import libtiff, metadata, notices, samples, storage
from repaint.errors import DataError

EXTENSIONS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga",
)  # fmt: skip

# Pictures too, but to be converted first: of cameras, of other programs, or of lines instead of pixels.
UNREAD_EXTENSIONS = (
    ".heic", ".heif", ".jxl", ".psd", ".xcf", ".kra", ".svg", ".eps", ".pdf", ".exr", ".hdr", ".pfm", ".fits", ".dcm",
    ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".ico", ".icns", ".pcx", ".qoi", ".sgi",
)  # fmt: skip

# Of a picture file: PNG files of the largest pictures that Pillow opens without a warning are smaller.
MAX_BYTES = 2**30

# Formats that hold one picture after the other; the parts of a PSD file, for example, are layers.
_SEQUENCES = ("AVIF", "GIF", "MPO", "PNG", "TIFF", "WEBP")

# Formats that Pillow itself leaves as they are stored: the header has the sides of the picture before it is turned.
_STORED_AS_IN_HEADER = ("JPEG", "MPO", "PNG", "WEBP")


def is_picture(name: str) -> bool:
    """Whether a file name has the extension of a picture."""
    return name.lower().endswith(EXTENSIONS)


def warn_of_unread(folder: str, names: list[str]) -> None:
    """Emit a warning if files of a folder look like pictures, but are of a kind that is not read."""
    unread = [name for name in names if name.lower().endswith(UNREAD_EXTENSIONS)]
    if unread:
        what = unread[0] if len(unread) == 1 else f"{unread[0]} and {len(unread) - 1} more files"
        notices.warn(f"{folder}: {what} left out, of a kind that is not read; convert to PNG what belongs to the work")


def decode(path: str) -> Image.Image:
    """Read and fully decode a picture file, with its EXIF orientation applied; of several frames the first.

    Returns:
        A picture of one of the modes of `load`.

    Raises:
        DataError: missing, damaged, absurdly large, or of sample values whose range is unknown.
    """
    content = storage.read_bytes(path, MAX_BYTES)
    try:
        with notices.reading(path):
            stored = _load(Image.open(io.BytesIO(content)), path)
            upright = ImageOps.exif_transpose(stored)
            upright.info.pop("exif", None)  # Pillow has lost letters of a turned picture's
            exif = stored.info.get("exif")
            kept = None if exif is None else metadata.upright(exif, *upright.size)
            if kept is not None:
                upright.info["exif"] = kept
            return upright
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise almost anything on damaged files
        raise _explain(error, path) from None


def load(picture: Image.Image, name: str) -> Image.Image:
    """Decode a picture of another program, as it is: Pillow loads lazily.

    Args:
        picture: of any mode.
        name: for error messages.

    Returns:
        A copy of mode 1, L, LA, P, PA, RGB, RGBA, RGBX, CMYK, YCbCr, HSV, LAB, or I;16 with values from 0 to 65535.

    Raises:
        DataError: damaged, or of sample values whose range is unknown.
    """
    try:
        return _load(picture, name)
    except Exception as error:  # noqa: BLE001 - see `decode`
        raise _explain(error, name) from None


def upright_size(path: str) -> tuple[int, int] | None:
    """(width, height) that `decode` gives a picture file, from its header alone if possible; None if unreadable."""
    try:
        with notices.reading(path), storage.open_binary(path) as file, Image.open(file) as picture:
            size, kind = picture.size, picture.format
            turned = picture.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        if turned and kind not in _STORED_AS_IN_HEADER:
            return decode(path).size
        return size[::-1] if turned else size
    except Exception:  # noqa: BLE001 - Pillow's parsers raise almost anything on damaged files
        return None


def _load(picture: Image.Image, name: str) -> Image.Image:
    """Decode a picture, with its metadata in `info`; raises DataError, or whatever Pillow raises."""
    limit = Image.MAX_IMAGE_PIXELS
    if isinstance(picture, ImageFile.ImageFile) and limit is not None and picture.width * picture.height > limit:
        raise Image.DecompressionBombError
    if picture.format == "TIFF":
        libtiff.silence()
    chunks = metadata.read_png_chunks(picture)
    loaded = samples.load(picture, name)
    for key in metadata.KEYS:
        loaded.info.pop(key, None)
    loaded.info.update({**metadata.read(picture), **({"png_chunks": chunks} if chunks else {})})
    _warn_of_frames(picture, name)
    return loaded


def _warn_of_frames(picture: Image.Image, name: str) -> None:
    if picture.format not in _SEQUENCES or getattr(picture, "tell", int)() > 0:  # the caller chose a frame
        return
    with suppress(Exception):  # damage after the first frame matters to nobody
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            notices.warn(f"{name}: {frames} frames, of which only the first is used")


def _explain(error: Exception, name: str) -> DataError:
    """One line for an error of Pillow's."""
    if isinstance(error, DataError):
        return error
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return DataError(f"{name}: more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first")
    if isinstance(error, UnidentifiedImageError):
        return DataError(f"{name}: not a readable picture (of no format that is known here)")
    text = " ".join(re.sub(r"<[^<>]* at 0x\w+>", "", str(error)).split())
    return DataError(f"{name}: not a readable picture ({type(error).__name__}{f': {text}' if text else ''})")
