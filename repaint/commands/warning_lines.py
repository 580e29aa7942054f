"""Warnings about files on the command line: each is one line on stderr, with the file's name, and appears once."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from PIL import Image
from tqdm import tqdm

from repaint.data.notices import current_file
from repaint.errors import DataWarning


@contextmanager
def file_warnings_as_lines() -> Iterator[None]:
    """Print the warnings about files as `note: FILE: text`; all others stay as they are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=DataWarning)
        warnings.filterwarnings("always", module=r"PIL\b")  # Python itself would show a text once, for the first file
        warnings.showwarning = _printer(warnings.showwarning)
        yield


def _printer(show: Callable[..., Any]) -> Callable[..., None]:
    printed: set[str] = set()

    def show_warning(message: Warning | str, category: type[Warning], source: str, *rest: Any, **options: Any) -> None:
        line = _line(message, category, source)
        if line is None:
            show(message, category, source, *rest, **options)
        elif line and line not in printed:
            printed.add(line)
            tqdm.write(f"note: {line}", file=sys.stderr)

    return show_warning


def _line(message: Warning | str, category: type[Warning], filename: str) -> str | None:
    """The text of a warning about a file, empty if an error follows that explains it; None for all other warnings."""
    text = " ".join(str(message).split())
    if issubclass(category, DataWarning):
        return text
    path = current_file()
    if path is None or "PIL" not in PurePath(filename).parts:
        return None
    return "" if issubclass(category, Image.DecompressionBombWarning) else f"{path}: {text}"
