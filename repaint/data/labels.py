"""Class labels of pictures from a text file."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from repaint.data import storage
from repaint.data.names import stem_of
from repaint.data.pairing import Pair
from repaint.errors import DataError

MAX_LABEL_BYTES = 2**26


def read_labels(path: str, pairs: Sequence[Pair]) -> list[int]:
    """Read class labels from a text file with one line `name,label` per picture.

    A name is the path relative to the folder of pictures, with or without extension, or the bare file name.

    Args:
        path: of a UTF-8 file.
        pairs: pictures that need a label.

    Returns:
        One label per pair.

    Raises:
        DataError: unreadable file, malformed line, duplicate name, or a picture without a label.
    """
    try:
        lines = storage.read_bytes(path, MAX_LABEL_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file with lines 'name,label'") from None
    labels: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, comma, digits = (part.strip() for part in line.rpartition(","))
        if not line.strip():
            continue
        if not comma or not digits.isdecimal() or len(digits) > 9:
            raise DataError(f"{path}, line {number}: {line!r} is not of the form name,label")
        if name in labels:
            raise DataError(f"{path}, line {number}: {name} has a label already")
        labels[name] = int(digits)
    return [_label_of(pair, labels, path) for pair in pairs]


def _label_of(pair: Pair, labels: Mapping[str, int], path: str) -> int:
    file = PurePosixPath(storage.name_of(pair.picture))
    stem = stem_of(pair.source or pair.name)
    # Exact names first: a file of the same name in another folder must not win.
    for spelling in (f"{stem}{file.suffix}", stem, file.name):
        if spelling in labels:
            return labels[spelling]
    raise DataError(f"{path}: no label for {pair.picture}; add the line '{stem},LABEL'")
