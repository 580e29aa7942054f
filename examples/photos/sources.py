"""The list of photographs, and what the command lines of this folder share."""

import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

LIST = Path(__file__).resolve().parent / "sources.csv"
WHEELS = ("scikit-image", "scikit-learn")  # packages of Python; all others are Debian's


class PhotosError(Exception):
    """The command cannot go on; the message says why."""


@dataclass(frozen=True)
class Source:
    """A photograph: where it is found, whose it is, how it is used."""

    file: str  # its name in the folder of sources
    package: str
    path: str  # in the package; CONTAINER.rcc:ENTRY for one in a container
    title: str
    author: str
    licence: str
    source: str  # address of the original, where the package tells it
    weight: float  # how many crops are cut from it, relative to the others
    shrink: int  # it is first made smaller by this factor: at full size it is blurred or noisy
    sha256: str

    def is_genuine(self, data: bytes) -> bool:
        """Whether these are the bytes of the listed picture."""
        return hashlib.sha256(data).hexdigest() == self.sha256


def read_list(path: Path = LIST) -> list[Source]:
    """All photographs of the list, sorted by their file names."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sources = [Source(**{**row, "weight": float(row["weight"]), "shrink": int(row["shrink"])}) for row in rows]
    return sorted(sources, key=lambda source: source.file)


class Parser(argparse.ArgumentParser):
    """Reports mistakes in one line."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)

    def error(self, message: str) -> NoReturn:
        """Exit with code 2, as argparse does, but without the usage."""
        self.exit(2, f"{self.prog}: error: {message}\n")


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Argument type: an integer in low..high."""

    def parse(text: str) -> int:
        number = int(text) if text.strip("-").isdecimal() else None
        if number is None or number < low or (high is not None and number > high):
            limits = f"of at least {low}" if high is None else f"in {low}..{high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return number

    return parse


def some_names(names: Sequence[str], limit: int = 3) -> str:
    """The first names of a sequence, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
