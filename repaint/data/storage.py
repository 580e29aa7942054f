"""File access on local disks and remote storage (gs://, az://, https:// of Azure) with atomic writes.

The only module that imports blobfile. A reader sees the old file or the whole new one, never a part.
"""

import contextlib
import logging
import os.path
import re
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO

import blobfile as bf

from repaint.data import local_files
from repaint.errors import DataError, WriteError

_REMOTE = re.compile(r"(gs|az)://|https://[^/]+\.blob\.core\.windows\.net(/|$)", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z\d+.-]+://", re.IGNORECASE)  # two letters at least: C:// is a drive
_LOG = logging.getLogger(__name__)

_LocalPath: type[PurePath] = PurePath  # of this system

# A machine without network is found out within seconds. Once the storage has answered, outages of minutes are survived.
_FIRST_CONTACT: dict[str, Any] = {"retry_limit": 3, "connect_timeout": 5, "log_callback": _LOG.debug}
_LATER: dict[str, Any] = {"retry_limit": 12, "retry_log_threshold": 3, "log_callback": _LOG.warning}


class _Remote:
    """Remote storage through blobfile, in a context of our own: the settings of the process stay as they are.

    Attributes:
        files: the context; its methods are blobfile's functions.
    """

    def __init__(self) -> None:
        self.files: Any = bf.create_context(**_FIRST_CONTACT)
        self._reached = False

    def mark_reached(self) -> None:
        """Be patient from now on, as the storage has answered."""
        if not self._reached:
            self._reached, self.files = True, bf.create_context(**_LATER)


_remote = _Remote()


def is_remote(path: str) -> bool:
    """Whether `path` lies in a storage that blobfile reads; all else is local, as `run:1`, `C:/x` and `//share/x`."""
    return _REMOTE.match(path) is not None


def join(folder: str, name: str) -> str:
    """Join `folder` and the relative `name` (with / as separator)."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(_LocalPath(folder, name))


def parent(path: str) -> str:
    """The folder that holds `path`."""
    return path.rstrip("/").rpartition("/")[0] if is_remote(path) else str(_LocalPath(path).parent)


def name_of(path: str) -> str:
    """The last part of `path`."""
    return path.rstrip("/").rpartition("/")[2] if is_remote(path) else _LocalPath(path).name


def contains(folder: str, path: str) -> bool:
    """Whether `path` is `folder` or lies inside it, judged by the names (local symbolic links are followed)."""
    if is_remote(folder) or is_remote(path):
        return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")
    try:
        return Path(path).resolve().is_relative_to(Path(folder).resolve())
    except (ValueError, RuntimeError):  # a zero byte, or a loop of links: there is no such place
        return False


def lists(folder: str, path: str) -> bool:
    """Whether `path` would be among the files of `list_files`: it lies inside by its name, or by where links lead."""
    if contains(folder, path):
        return True
    if is_remote(folder) or is_remote(path):
        return False
    place = Path(os.path.normpath(Path(path).absolute()))
    return any(contains(folder, str(above)) for above in place.parents)


def same(path: str, other: str) -> bool:
    """Whether two paths are those of one file or folder, judged as in `contains`."""
    return contains(path, other) and contains(other, path)


@contextlib.contextmanager
def _reporting_as_data_error(path: str, what: str, kind: type[DataError] = DataError) -> Iterator[None]:
    """Report the errors of a file operation as a DataError of one line: `path: what (reason)`."""
    try:
        _refuse_unknown_scheme(path, what)
        yield
    except (OSError, ValueError, bf.Error) as error:  # ValueError: a zero byte in a name
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        raise kind(f"{path}: {what} ({' '.join(str(reason).split())})") from None
    if is_remote(path):
        _remote.mark_reached()


def _refuse_unknown_scheme(path: str, what: str) -> None:
    """Refuse `s3://bucket` and the like, which would name a local folder `s3:` that nobody wants, unless it exists."""
    scheme = _SCHEME.match(path)
    if scheme and not is_remote(path) and not Path(scheme[0].rstrip("/")).exists():
        kinds = "gs://, az:// and https://NAME.blob.core.windows.net"
        raise DataError(f"{path}: {what} (of remote storage only {kinds} are supported)")


def exists(path: str) -> bool:
    """Whether a file or folder exists; DataError if remote storage cannot be reached or is of an unknown kind."""
    with _reporting_as_data_error(path, "cannot be read"):
        return bool(_remote.files.exists(path)) if is_remote(path) else Path(path).exists()


def is_folder(path: str) -> bool:
    """Whether `path` is a folder; DataError as in `exists`."""
    with _reporting_as_data_error(path, "cannot be read"):
        return bool(_remote.files.isdir(path)) if is_remote(path) else Path(path).is_dir()


def list_files(folder: str) -> list[str]:
    """List all files below `folder`: sorted names relative to it, with / as separator.

    Hidden files and folders are skipped; symbolic links are followed.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not is_folder(folder):
        raise DataError(f"{folder}: no such folder")
    with _reporting_as_data_error(folder, "cannot be listed"):
        names = list(_walk_remote(folder) if is_remote(folder) else local_files.walk(Path(folder)))
    return sorted(name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts))


def _walk_remote(folder: str) -> Iterator[str]:
    top = None  # as blobfile spells it: https:// comes back as az://
    for root, _, files in _remote.files.walk(folder):
        top = root if top is None else top
        inside = PurePosixPath(root[len(top) :].strip("/"))
        yield from (str(inside / name) for name in files)


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
            if max_bytes is not None and (size := _size(path)) > max_bytes:
                raise DataError(f"{path}: {size:,} bytes are more than such a file can need ({max_bytes:,})")
            with open_binary(path) as file:
                return bytes(file.read())
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None


def _size(path: str) -> int:
    return int(_remote.files.stat(path).size) if is_remote(path) else Path(path).stat().st_size


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading; raises the errors of `open`, and DataError for pipes and devices."""
    if is_remote(path):
        remote: BinaryIO = _remote.files.BlobFile(path, "rb")
        return remote
    local_files.check_regular(Path(path))
    return Path(path).open("rb")


def write_bytes(path: str, content: bytes) -> None:
    """Write a file atomically, creating its folder if needed.

    Raises:
        DataError: the disk is full, or the folder is not writable.
    """
    with _reporting_as_data_error(path, "cannot be written", WriteError):
        if is_remote(path):
            with _remote.files.BlobFile(path, "wb") as file:  # appears when complete
                file.write(content)
        else:
            local_files.write(Path(path), content)


def append_line(path: str, line: str) -> None:
    """Append a line to a text file and flush it to disk. Only a crash in between can leave a partial last line.

    Raises:
        DataError: it cannot be written.
    """
    content = (line + "\n").encode()
    if is_remote(path):
        write_bytes(path, (read_bytes(path) if exists(path) else b"") + content)
        return
    with _reporting_as_data_error(path, "cannot be written", WriteError):
        local_files.append(Path(path), content)


def remove(path: str) -> None:
    """Delete a file.

    Raises:
        DataError: it cannot be deleted.
    """
    with _reporting_as_data_error(path, "cannot be deleted"):
        if is_remote(path):
            _remote.files.remove(path)
        else:
            Path(path).unlink()


def remove_empty_folder(folder: str) -> None:
    """Delete a folder if it exists and is empty. Remote folders exist only through their files."""
    if not is_remote(folder):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()


def remove_leftovers(folder: str) -> None:
    """Delete temporary files that killed processes left in a folder (not below it). Remote writes leave none."""
    if not is_remote(folder):
        local_files.remove_leftovers(Path(folder))


def check_writable(folder: str) -> None:
    """Create `folder` and check that files can be written there, before hours of computing.

    Raises:
        DataError: the folder is not writable.
    """
    with _reporting_as_data_error(folder, "results cannot be written there"):
        if is_remote(folder):
            _remote.files.makedirs(folder)
        else:
            local_files.check_writable(Path(folder))


def name_limit(folder: str) -> int:
    """The longest file name, in bytes, in a folder that need not exist yet."""
    return local_files.NAME_BYTES if is_remote(folder) else local_files.name_limit(Path(folder))


@contextlib.contextmanager
def lock(folder: str) -> Iterator[None]:
    """Keep other runs out of a folder of results until the end of the block, or of the process.

    Remote storage has no locks: there nothing keeps two runs apart.

    Raises:
        DataError: another run is at work there, or the folder is not writable.
    """
    if is_remote(folder):
        yield
        return
    with contextlib.ExitStack() as stack:
        with _reporting_as_data_error(folder, "results cannot be written there"):
            stack.enter_context(local_files.lock(Path(folder)))
        yield
