"""File access on local disks and remote storage (gs://, az://, https://...) with atomic writes.

The only module that imports blobfile. A reader sees the old file or the whole new one, never a part.
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

_TEMPORARY = (".repaint-", ".part")  # prefix and suffix of files being written
_LEFTOVER_SECONDS = 60  # writing takes a moment: older temporary files are left by killed processes


def is_remote(path: str) -> bool:
    """Whether `path` is a URL rather than a local path."""
    return "://" in path


def join(folder: str, name: str) -> str:
    """Join `folder` and the relative `name` (with / as separator)."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def parent(path: str) -> str:
    """The folder that holds `path`."""
    return path.rstrip("/").rpartition("/")[0] if is_remote(path) else str(Path(path).parent)


def contains(folder: str, path: str) -> bool:
    """Whether `path` is `folder` or lies inside it, judged by the names (local symbolic links are followed)."""
    if is_remote(folder) or is_remote(path):
        return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


@contextlib.contextmanager
def _reporting_as_data_error(path: str, what: str) -> Iterator[None]:
    """Report the errors of a file operation as a DataError of one line: `path: what (reason)`."""
    try:
        yield
    except (OSError, ValueError, bf.Error) as error:  # ValueError: a zero byte in a name
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: {what} ({reason})") from None


def exists(path: str) -> bool:
    """Whether a file or folder exists; DataError for unsupported kinds of paths."""
    with _reporting_as_data_error(path, "cannot be read"):
        return bool(bf.exists(path))


def is_folder(path: str) -> bool:
    """Whether `path` is a folder; DataError as in `exists`."""
    with _reporting_as_data_error(path, "cannot be read"):
        return bool(bf.isdir(path))


def list_files(folder: str) -> list[str]:
    """List all files below `folder`: sorted names relative to it, with / as separator.

    Hidden files and folders are skipped; symbolic links are followed.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not is_folder(folder):
        raise DataError(f"{folder}: no such folder")
    with _reporting_as_data_error(folder, "cannot be listed"):
        names = list(_walk_remote(folder) if is_remote(folder) else _walk_local(Path(folder)))
    return sorted(name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts))


def _walk_remote(folder: str) -> Iterator[str]:
    for root, _, files in bf.walk(folder):
        inside = PurePosixPath(root[len(folder) :].strip("/"))
        yield from (str(inside / name) for name in files)


def _walk_local(folder: Path) -> Iterator[str]:
    seen = set()  # resolved paths, as a link may point to a parent
    for root, folders, files in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(root, name).relative_to(folder).as_posix() for name in files)


def read_bytes(path: str, max_bytes: int | None = None) -> bytes:
    """Read a file.

    Args:
        path: of a regular file, or a link to one.
        max_bytes: plausible limit for this kind of file.

    Raises:
        DataError: it is missing, cannot be read, or is larger.
    """
    with _reporting_as_data_error(path, "cannot be read"):
        try:
            _check_regular(path)
            if max_bytes is not None and (size := bf.stat(path).size) > max_bytes:
                raise DataError(f"{path}: {size:,} bytes are more than such a file can need ({max_bytes:,})")
            with bf.BlobFile(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None


def _check_regular(path: str) -> None:
    """Refuse pipes and devices, which could block a reader for ever."""
    if not is_remote(path) and not stat.S_ISREG(Path(path).stat().st_mode) and not Path(path).is_dir():
        raise DataError(f"{path}: not a regular file")


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading; raises the errors of `open`, and DataError for pipes and devices."""
    _check_regular(path)
    return bf.BlobFile(path, "rb")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file atomically, creating its folder if needed.

    Raises:
        DataError: the disk is full, or the folder is not writable.
    """
    with _reporting_as_data_error(path, "cannot be written"):
        if is_remote(path):
            with bf.BlobFile(path, "wb") as file:  # appears when complete
                file.write(content)
        else:
            _write_local(Path(path), content)


def append_line(path: str, line: str) -> None:
    """Append a line to a text file and flush it to disk. Only a crash in between can leave a partial last line.

    Raises:
        DataError: it cannot be written.
    """
    content = (line + "\n").encode()
    if is_remote(path):
        write_bytes(path, (read_bytes(path) if exists(path) else b"") + content)
        return
    with _reporting_as_data_error(path, "cannot be written"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            if file.write(content) < len(content):  # a full disk takes a part without an error
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())


def remove(path: str) -> None:
    """Delete a file.

    Raises:
        DataError: it cannot be deleted.
    """
    with _reporting_as_data_error(path, "cannot be deleted"):
        bf.remove(path)


def remove_empty_folder(folder: str) -> None:
    """Delete a folder if it exists and is empty. Remote folders exist only through their files."""
    if not is_remote(folder):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


def remove_leftovers(folder: str) -> None:
    """Delete temporary files that killed processes left in a folder (not below it)."""
    if is_remote(folder):
        return  # remote writes leave no temporary files
    for path in Path(folder).glob("*".join(_TEMPORARY)):
        with contextlib.suppress(OSError):  # another user's, or deleted meanwhile
            if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                path.unlink()


def _write_local(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A short temporary name, because the final name may already have the maximum length.
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY[0], suffix=_TEMPORARY[1], dir=path.parent)
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
    """Create `folder` and check that files can be written there, before hours of computing.

    Raises:
        DataError: the folder is not writable.
    """
    with _reporting_as_data_error(folder, "results cannot be written there"):
        if is_remote(folder):
            bf.makedirs(folder)
        else:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
