"""Warnings about files, and the file that is being read, to which Pillow's own warnings belong."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from repaint.errors import DataWarning

_current: ContextVar[str | None] = ContextVar("current", default=None)  # each thread has its own


def warn(text: str) -> None:
    """Emit a `DataWarning`: one line, which begins with the path that it is about."""
    warnings.warn(text, DataWarning, stacklevel=2)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Mark a file as the one that this thread is reading."""
    token = _current.set(path)
    try:
        yield
    finally:
        _current.reset(token)


def current_file() -> str | None:
    """Path of the file that this thread is reading; None outside of `reading`."""
    return _current.get()
