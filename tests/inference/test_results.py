import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.examples import Example
from repaint.data.fill_state import FillState
from repaint.data.images import Photo
from repaint.data.pairing import Pair
from repaint.data.windows import whole
from repaint.errors import ConfigError, DataError
from repaint.inference.results import (
    MANIFEST,
    PARTS,
    ResultFolders,
    Results,
    check_writable,
    collect,
    manifest_path,
    remove_leftovers,
)
from tests.helpers.tiny import read_pixels


def example(name: str = "a/b.png") -> Example:
    pixels = np.random.default_rng(0).integers(1, 256, (8, 8, 3), np.uint8)
    known = np.eye(8, dtype=bool)
    return Example(Pair(0, name, "gt/x.jpg", "masks/x.png"), Photo(pixels), known, (whole(8, 8),))


def write(results: Results, name: str, filled: np.ndarray | None = None, sample: int = 0, **record: object) -> None:
    canvas = FillState(example(name), sample)
    canvas.take(example().pixels if filled is None else filled)
    results.write(name, canvas, record)


WANTED = {name: {"seed": 1} for name in ("a/b.png", "a.png", "b.png", "c.png")}


def folders(tmp_path: Path) -> ResultFolders:
    return ResultFolders(*(str(tmp_path / name) for name in ("inpainted", "log", "masked", "gt", "mask")))


def begin(
    places: ResultFolders, digest: str, wanted: dict, rank: int | None = None, overwrite: bool = False
) -> Results:
    check_writable(places)
    finished = collect(places, digest, wanted, overwrite)
    return Results(places, digest, wanted, finished, manifest_path(places, rank))


def manifest(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "log" / MANIFEST).read_text().splitlines()]


def test_a_picture_is_written_to_all_folders(tmp_path: Path) -> None:
    one = example()
    write(begin(folders(tmp_path), "d1", WANTED), "a/b.png", 255 - one.pixels, nfe=3)
    np.testing.assert_array_equal(read_pixels(tmp_path / "inpainted/a/b.png"), 255 - one.pixels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "gt/a/b.png"), one.pixels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "mask/a/b.png"), np.eye(8) * 255)
    np.testing.assert_array_equal(read_pixels(tmp_path / "masked/a/b.png"), one.pixels * np.eye(8)[:, :, None])
    assert manifest(tmp_path) == [{"name": "a/b.png", "seed": 1, "nfe": 3, "config_digest": "d1"}]


def test_only_the_results_folder_is_needed(tmp_path: Path) -> None:
    results = begin(ResultFolders(str(tmp_path / "out"), str(tmp_path)), "d", WANTED)
    write(results, "a/b.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, "out"]


def test_finished_pictures_are_known_again_unless_file_or_line_is_gone(tmp_path: Path) -> None:
    results = begin(folders(tmp_path), "d1", WANTED)
    for name in ("a.png", "b.png", "c.png"):
        write(results, name)
    assert begin(folders(tmp_path), "d1", WANTED).finished == {"a.png", "b.png", "c.png"}
    (tmp_path / "inpainted/b.png").unlink()
    path = tmp_path / "log" / MANIFEST
    path.write_text(path.read_text()[:-30])  # a crash while the last line was written
    assert begin(folders(tmp_path), "d1", WANTED).finished == {"a.png"}
    assert [line["name"] for line in manifest(tmp_path)] == ["a.png"]


def test_other_configuration_is_refused_or_overwritten(tmp_path: Path) -> None:
    write(begin(folders(tmp_path), "d1", WANTED), "a/b.png")
    with pytest.raises(ConfigError, match="another configuration, seed or checkpoint; give other paths"):
        begin(folders(tmp_path), "d2", WANTED)
    assert begin(folders(tmp_path), "d2", WANTED, overwrite=True).finished == set()
    assert manifest(tmp_path) == []


def test_a_line_that_tells_of_another_seed_is_done_again(tmp_path: Path) -> None:
    results = begin(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        write(results, name)
    assert begin(folders(tmp_path), "d", WANTED | {"b.png": {"seed": 2}}).finished == {"a.png"}
    assert [line["name"] for line in manifest(tmp_path)] == ["a.png"]


def test_overwriting_some_keeps_the_lines_of_others(tmp_path: Path) -> None:
    results = begin(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        write(results, name)
    assert begin(folders(tmp_path), "d", {"a.png": {"seed": 1}}, overwrite=True).finished == set()
    assert [line["name"] for line in manifest(tmp_path)] == ["b.png"]


@pytest.mark.parametrize(
    "line", ["[]", "3", '{"name": 1, "config_digest": "d"}', '{"name": "a.png"}', "\udcff", "{", "[" * 200_000]
)
def test_lines_of_another_hand_are_dropped(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / MANIFEST).write_bytes(line.encode(errors="surrogateescape") + b"\n")
    assert begin(folders(tmp_path), "d", WANTED).finished == set()
    assert manifest(tmp_path) == []


def test_results_changed_by_others_are_not_shown(tmp_path: Path) -> None:
    results = begin(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        write(results, name)
    np.testing.assert_array_equal(results.read_filled("a.png", example()), example().pixels)
    (tmp_path / "inpainted/a.png").write_bytes(b"damaged")
    Image.new("RGB", (9, 9)).save(tmp_path / "inpainted/b.png")
    assert results.read_filled("a.png", example()) is None
    assert results.read_filled("b.png", example()) is None


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "inpainted").touch()
    with pytest.raises(DataError, match="inpainted: results cannot be written there"):
        begin(folders(tmp_path), "d", WANTED)


def test_inputs_are_written_with_the_first_fill_that_is_done(tmp_path: Path) -> None:
    results = begin(folders(tmp_path), "d", {"a_0.png": {}, "a_1.png": {}})
    for sample in (1, 0):  # 0 may come later, or never
        canvas = FillState(example("a.png"), sample)
        canvas.take(example().pixels)
        results.write(f"a_{sample}.png", canvas, {})
        for folder in ("gt", "mask", "masked"):
            assert (tmp_path / folder / "a.png").exists() == (sample == 1)
            (tmp_path / folder / "a.png").unlink(missing_ok=True)
    assert sorted(path.name for path in (tmp_path / "inpainted").iterdir()) == ["a_0.png", "a_1.png"]


def test_files_of_others_among_the_parts_stay(tmp_path: Path) -> None:
    picture, deep = tmp_path / "log" / PARTS / "00.png", tmp_path / "log" / PARTS / "a/00000.jsonl"
    for path in (picture, deep):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    begin(folders(tmp_path), "d", WANTED)
    assert picture.exists()
    assert deep.exists()


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    names = ["a/b.png", "c.png"]
    young, foreign = tmp_path / "gt/a/.repaint-1.part", tmp_path / "gt/.other.part"
    old = [tmp_path / folder / ".repaint-0.part" for folder in ("log", "inpainted", "inpainted/a", "mask/a", "masked")]
    for path in (young, foreign, *old):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for path in (foreign, *old):
        os.utime(path, (0, 0))
    remove_leftovers(folders(tmp_path), names)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {young, foreign}


def test_lines_of_processes_are_taken_into_the_manifest(tmp_path: Path) -> None:
    results = [begin(folders(tmp_path), "d", WANTED, rank) for rank in (0, 1)]
    write(results[0], "b.png")
    write(results[1], "a.png")
    parts = tmp_path / "log" / PARTS
    assert manifest(tmp_path) == []
    assert sorted(path.name for path in parts.iterdir()) == ["00000.jsonl", "00001.jsonl"]
    assert begin(folders(tmp_path), "d", WANTED).finished == {"a.png", "b.png"}
    assert sorted(line["name"] for line in manifest(tmp_path)) == ["a.png", "b.png"]
    assert not parts.exists()
    write(begin(folders(tmp_path), "d", WANTED, 1), "c.png")
    assert begin(folders(tmp_path), "d", WANTED).finished == {"a.png", "b.png", "c.png"}


def test_parts_of_another_configuration_are_refused_and_kept(tmp_path: Path) -> None:
    write(begin(folders(tmp_path), "d1", WANTED, 3), "a.png")
    with pytest.raises(ConfigError, match=f"{PARTS}/00003.jsonl: tells of results of another configuration"):
        begin(folders(tmp_path), "d2", WANTED)
    assert begin(folders(tmp_path), "d1", WANTED).finished == {"a.png"}
