"""A picture of 8x8 pixels, and runs that write its fills and read their manifest again."""

import json
from pathlib import Path

import numpy as np

from repaint.data.conversion import Photo
from repaint.data.examples import Example
from repaint.data.pairing import Pair
from repaint.data.windows import whole
from repaint.inference.manifest import MANIFEST, Expected, manifest_path, merge_manifest
from repaint.inference.results import ResultFolders, Results, check_writable
from repaint.inference.state import FillState


def example(name: str = "a/b.png") -> Example:
    pixels = np.random.default_rng(0).integers(1, 256, (8, 8, 3), np.uint8)
    known = np.eye(8, dtype=bool)
    return Example(Pair(0, name, "gt/x.jpg", "masks/x.png"), Photo(pixels), known, (whole(8, 8),))


def write(results: Results, name: str, filled: np.ndarray | None = None, sample: int = 0, **record: object) -> None:
    state = FillState(example(name), sample, name=name)
    state.paste(0, example().pixels if filled is None else filled)
    results.write(state, record)


WANTED = {name: {"seed": 1} for name in ("a/b.png", "a.png", "b.png", "c.png")}


def folders(tmp_path: Path) -> ResultFolders:
    return ResultFolders(*(str(tmp_path / name) for name in ("inpainted", "log", "masked", "gt", "mask")))


def begin(
    places: ResultFolders, digest: str, wanted: dict, rank: int | None = None, overwrite: bool = False
) -> Results:
    check_writable(places)
    expected = Expected(digest, wanted)
    finished = merge_manifest(places.log, places.inpainted, expected, overwrite)
    return Results(places, expected, finished, manifest_path(places.log, rank))


def manifest(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "log" / MANIFEST).read_text().splitlines()]
