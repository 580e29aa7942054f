"""Files on a local disk or behind any path that blobfile reads (gs://, az://, https://...). The only blobfile import.

Writes are atomic: a reader sees the old file or the whole new one, never a part.
"""

import contextlib
import os
import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import blobfile as bf

from repaint.errors import DataError


def is_remote(path: str) -> bool:
    """Whether `path` is a URL rather than a path of this machine."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """Path of `name` (with / between its parts) inside `folder`."""
    return bf.join(folder, *PurePosixPath(name).parts) if name else folder


def parent(path: str) -> str:
    """The folder that holds `path`."""
    path = path.rstrip("/")
    return str(bf.dirname(path)) if is_remote(path) else str(Path(path).parent)


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    return bool(bf.exists(path))


def is_folder(path: str) -> bool:
    """Whether `path` is a folder."""
    return bool(bf.isdir(path))


def list_files(folder: str) -> list[str]:
    """Names of all files below `folder`, relative to it, with / between parts, in sorted order.

    Hidden files and folders are left out.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not is_folder(folder):
        raise DataError(f"{folder}: no such folder")
    names = []
    try:
        for root, _, files in bf.walk(folder):
            inside = PurePosixPath(root[len(folder) :].replace(os.sep, "/").strip("/"))
            names += [str(inside / name) for name in files]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror or error})") from None
    return sorted(name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts))


def read_bytes(path: str) -> bytes:
    """Content of a file.

    Raises:
        DataError: it is missing or cannot be read.
    """
    try:
        with bf.BlobFile(path, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, bf.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def open_binary(path: str) -> BinaryIO:
    """A file opened for reading; errors are those of `open`."""
    return bf.BlobFile(path, "rb")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file atomically, making its folder if needed.

    Raises:
        DataError: the disk is full, or the place cannot be written to.
    """
    try:
        if is_remote(path):
            with bf.BlobFile(path, "wb") as file:  # appears when complete
                file.write(content)
        else:
            _write_local(Path(path), content)
    except (OSError, bf.Error) as error:
        raise DataError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from None


def append_line(path: str, line: str) -> None:
    """Add a line to a text file, on disk when this returns. A broken last line can only come from a crash in between.

    Raises:
        DataError: it cannot be written.
    """
    content = (line + "\n").encode()
    if is_remote(path):
        write_bytes(path, (read_bytes(path) if exists(path) else b"") + content)
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None


def _write_local(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp files are private; results should not be
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(folder: str) -> None:
    """Make `folder` and prove that files can be written there, before hours of computing.

    Raises:
        DataError: they cannot.
    """
    try:
        if is_remote(folder):
            bf.makedirs(folder)
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except (OSError, bf.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{folder}: results cannot be written there ({reason})") from None
