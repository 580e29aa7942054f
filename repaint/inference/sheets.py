"""Contact sheets of a run's results: its first pictures on one, and all fills of a picture on one each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile

import numpy as np
from numpy.typing import NDArray

from repaint.data import storage
from repaint.data.encoding import encode_png
from repaint.data.examples import ReadSettings, load_example
from repaint.data.masks import Mask, wholly_known
from repaint.data.pairing import Pair
from repaint.errors import DataError
from repaint.inference.results import CONTACT_SHEET, Results
from repaint.inference.targets import Target
from repaint.visual.contact_sheets import contact_sheet, masked_pixels, picture_sheet, shrink, spread, spread_map

Pixels = NDArray[np.uint8]

SHEET_PICTURES = 60  # most pictures on a contact sheet
SHEET_FILLS = 6  # most fills of each


@dataclass(frozen=True)
class _View:
    """What sheets show of a picture and its fills; of whole fills only the hole is kept, they may be large."""

    name: str
    known: Mask
    inputs: list[Pixels]
    fills: list[Pixels] = field(default_factory=list)
    holes: list[Pixels] = field(default_factory=list)


def write_sheets(reading: ReadSettings, targets: Sequence[Target], results: Results) -> tuple[str | None, float | None]:
    """Write the contact sheet of the first pictures, and for each picture with several fills a sheet of its own.

    Args:
        reading: of the pictures.
        targets: of the run, those of one picture next to each other.
        results: what of them is finished; a picture that is not, or was changed since, is left out.

    Returns:
        (path of the contact sheet, or None without a picture to show;
        mean difference of two fills of a picture, from 0 to 1, or None if no picture has several finished fills).
    """
    rows, spreads = [], []
    for number, (pair, group) in enumerate(groupby(targets, key=lambda target: target.pair)):
        names = [target.name for target in group]
        on_contact_sheet = number < SHEET_PICTURES
        if not on_contact_sheet and len(names) == 1:
            break
        view = _view(pair, names, min(len(names), SHEET_FILLS) if on_contact_sheet else len(names), reading, results)
        if view is None:
            continue
        if on_contact_sheet:
            rows.append((view.name, [*view.inputs, *view.fills[:SHEET_FILLS]]))
        if len(view.fills) == len(names) > 1:
            spreads.append(_write_fill_sheet(view, results.folders.log))
    sheet = _write_contact_sheet(rows, results.folders.log) if rows else None
    return sheet, sum(spreads) / len(spreads) if spreads else None


def _view(pair: Pair, names: Sequence[str], needed: int, reading: ReadSettings, results: Results) -> _View | None:
    """A pair with its finished fills up to the first that is missing; None if they are fewer than `needed`."""
    finished = list(takewhile(results.finished.__contains__, names))
    if len(finished) < needed:
        return None
    try:
        example = load_example(pair, reading)
    except DataError:  # changed since
        return None
    known = wholly_known(example.known)
    view = _View(pair.name, known, [shrink(example.pixels), shrink(masked_pixels(example))])
    for name in finished:
        pixels = results.read_filled(name, example)
        if pixels is None:
            break
        view.fills.append(shrink(pixels))
        view.holes.append(pixels[~known])
    return view if len(view.fills) >= needed else None


def _write_fill_sheet(view: _View, log: str) -> float:
    """Write a sheet of all fills of a picture and of where they differ; returns how much they do."""
    differences = spread(view.holes)
    mean = float(differences.mean()) if differences.size else 0.0
    words = ["Truth", "Masked", *_numbered(len(view.fills)), "Differences"]
    pictures = [*view.inputs, *view.fills, shrink(spread_map(differences, view.known))]
    title = f"{view.name}: two fills differ by {mean:.3f} on average"
    storage.write_bytes(storage.join(log, f"sheets/{view.name}"), encode_png(picture_sheet(title, words, pictures)))
    return mean


def _write_contact_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], log: str) -> str:
    fills = len(rows[0][1]) - 2
    words = ["Filled"] if fills == 1 else _numbered(fills)
    path = storage.join(log, CONTACT_SHEET)
    storage.write_bytes(path, encode_png(contact_sheet(rows, ["Truth", "Masked", *words])))
    return path


def _numbered(fills: int) -> list[str]:
    return [f"Fill {number + 1}" for number in range(fills)]
