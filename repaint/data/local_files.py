"""Files on local disks: listing, atomic writes, leftovers of killed processes, limits of names, locks."""

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from repaint.errors import DataError

NAME_BYTES = 255  # of a file name, on most file systems
LOCK = ".repaint.lock"
_TEMPORARY = (".repaint-", ".part")  # prefix and suffix of files being written
_LEFTOVER_SECONDS = 60  # writing takes a moment: older temporary files are left by killed processes
_LOCK_SECONDS = 5  # a killed process may take a moment to end


def walk(folder: Path) -> Iterator[str]:
    """Relative names of all files below a folder, with / as separator; symbolic links are followed."""
    seen = set()  # resolved paths, as a link may point to a parent
    for root, folders, files in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(root, name).relative_to(folder).as_posix() for name in files)


def check_regular(path: Path) -> None:
    """Refuse pipes and devices, which could block a reader for ever; raises OSError if there is no such file."""
    if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
        raise DataError(f"{path}: not a regular file")


def write(path: Path, content: bytes) -> None:
    """Write a file atomically, creating its folder if needed; raises OSError."""
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


def append(path: Path, content: bytes) -> None:
    """Append to a file and flush it to disk, or leave it as it was; creates its folder if needed; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        if file.write(content) < len(content):  # a full disk takes a part without an error
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files that killed processes left in a folder (not below it)."""
    for path in folder.glob("*".join(_TEMPORARY)):
        with contextlib.suppress(OSError):  # another user's, or deleted meanwhile
            if path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                path.unlink()


def check_writable(folder: Path) -> None:
    """Create a folder and check that files can be written there; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def name_limit(folder: Path) -> int:
    """The longest file name, in bytes, in a folder that need not exist yet."""
    place = folder.absolute()
    for existing in (place, *place.parents):
        try:
            return os.pathconf(existing, "PC_NAME_MAX")
        except (OSError, ValueError):  # it does not exist, or sets no limit
            continue
        except AttributeError:  # Windows
            break
    return NAME_BYTES


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which this creates if needed. The system frees it when the process ends, however.

    Raises:
        DataError: another process holds it.
        OSError: it cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = filelock.FileLock(folder / LOCK, timeout=_LOCK_SECONDS, mode=0o666)  # a folder may be several users'
    try:
        holder.acquire()
    except filelock.Timeout:
        raise DataError(
            f"{folder}: another run is writing its results there; wait until it ends, or give other paths"
        ) from None
    try:
        yield
    finally:
        holder.release()
