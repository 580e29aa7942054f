"""Pillow's copy of libtiff, which writes its errors to stderr without the name of a file."""

import ctypes
import ctypes.util
from contextlib import suppress
from functools import cache
from pathlib import Path

import PIL


@cache
def silence() -> None:
    """Stop libtiff from writing to stderr: Pillow raises the error of a damaged file all the same.

    Its warnings Pillow switches off itself. Where the library is not found, it stays as it is.
    """
    package = Path(PIL.__file__).parent
    bundled = [*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")]
    name = str(bundled[0]) if bundled else ctypes.util.find_library("tiff")
    with suppress(OSError, AttributeError):
        if name is not None:
            handler = ctypes.CDLL(name).TIFFSetErrorHandler
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)
