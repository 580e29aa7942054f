"""Files on a local disk or behind any path that blobfile reads (gs://, az://, https://...). The only blobfile import.

Writes are atomic: a reader sees the old file or the whole new one, never a part.
"""

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import blobfile as bf

from repaint.errors import DataError

_UNFINISHED = (".repaint-", ".part")  # how the names of files begin and end that are being written
_LEFTOVER_SECONDS = 60  # after which an unfinished file is nobody's: writing takes a moment


def is_remote(path: str) -> bool:
    """Whether `path` is a URL rather than a path of this machine."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """Path of `name` (with / between its parts) inside `folder`."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def parent(path: str) -> str:
    """The folder that holds `path`."""
    return path.rstrip("/").rpartition("/")[0] if is_remote(path) else str(Path(path).parent)


def contains(folder: str, path: str) -> bool:
    """Whether `path` is `folder` or lies inside it, as far as the names tell (links of local paths are followed)."""
    if is_remote(folder) or is_remote(path):
        return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


@contextlib.contextmanager
def _one_line(path: str, what: str) -> Iterator[None]:
    """Turn the errors of a file operation into a DataError."""
    try:
        yield
    except (OSError, ValueError, bf.Error) as error:  # ValueError: a zero byte in a name
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: {what} ({reason})") from None


def exists(path: str) -> bool:
    """Whether a file or folder is there; DataError for a kind of path that cannot be read at all."""
    with _one_line(path, "cannot be read"):
        return bool(bf.exists(path))


def is_folder(path: str) -> bool:
    """Whether `path` is a folder; DataError like `exists`."""
    with _one_line(path, "cannot be read"):
        return bool(bf.isdir(path))


def list_files(folder: str) -> list[str]:
    """Names of all files below `folder`, relative to it, with / between parts, in sorted order.

    Hidden files and folders are left out; links to files and folders are followed.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not is_folder(folder):
        raise DataError(f"{folder}: no such folder")
    with _one_line(folder, "cannot be listed"):
        names = list(_walk_remote(folder) if is_remote(folder) else _walk_local(Path(folder)))
    return sorted(name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts))


def _walk_remote(folder: str) -> Iterator[str]:
    for root, _, files in bf.walk(folder):
        inside = PurePosixPath(root[len(folder) :].strip("/"))
        yield from (str(inside / name) for name in files)


def _walk_local(folder: Path) -> Iterator[str]:
    seen = set()  # real paths, as a link may lead back up
    for root, folders, files in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(root, name).relative_to(folder).as_posix() for name in files)


def read_bytes(path: str, most: int | None = None) -> bytes:
    """Content of a file.

    Args:
        path: of a regular file, or a link to one.
        most: bytes that are plausible for it.

    Raises:
        DataError: it is missing, cannot be read, or is larger.
    """
    with _one_line(path, "cannot be read"):
        try:
            _check_regular(path)
            if most is not None and (size := bf.stat(path).size) > most:
                raise DataError(f"{path}: {size:,} bytes are more than such a file can need ({most:,})")
            with bf.BlobFile(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None


def _check_regular(path: str) -> None:
    """A pipe or a device could keep a reader waiting for ever."""
    if not is_remote(path) and not stat.S_ISREG(Path(path).stat().st_mode) and not Path(path).is_dir():
        raise DataError(f"{path}: not a regular file")


def open_binary(path: str) -> BinaryIO:
    """A file opened for reading; errors are those of `open`, or DataError for what is no regular file."""
    _check_regular(path)
    return bf.BlobFile(path, "rb")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file atomically, making its folder if needed.

    Raises:
        DataError: the disk is full, or the place cannot be written to.
    """
    with _one_line(path, "cannot be written"):
        if is_remote(path):
            with bf.BlobFile(path, "wb") as file:  # appears when complete
                file.write(content)
        else:
            _write_local(Path(path), content)


def append_line(path: str, line: str) -> None:
    """Add a line to a text file, on disk when this returns. A broken last line can only come from a crash in between.

    Raises:
        DataError: it cannot be written.
    """
    content = (line + "\n").encode()
    if is_remote(path):
        write_bytes(path, (read_bytes(path) if exists(path) else b"") + content)
        return
    with _one_line(path, "cannot be written"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            if file.write(content) < len(content):  # what fits on a full disk is written without an error
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())


def remove(path: str) -> None:
    """Delete a file.

    Raises:
        DataError: it cannot be deleted.
    """
    with _one_line(path, "cannot be deleted"):
        bf.remove(path)


def remove_empty_folder(folder: str) -> None:
    """Delete a folder if it is there and empty; folders behind URLs only exist by their files."""
    if not is_remote(folder):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


def remove_leftovers(folder: str) -> None:
    """Delete the unfinished files that processes killed while writing have left in a folder (not below it)."""
    if is_remote(folder):
        return  # there a file appears when it is complete
    for path in Path(folder).glob("*".join(_UNFINISHED)):
        with contextlib.suppress(OSError):  # perhaps another user's, or gone meanwhile
            if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                path.unlink()


def _write_local(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name is short, as the name itself may be as long as names can be.
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED[0], suffix=_UNFINISHED[1], dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp files are private; results should not be
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
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
    with _one_line(folder, "results cannot be written there"):
        if is_remote(folder):
            bf.makedirs(folder)
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
