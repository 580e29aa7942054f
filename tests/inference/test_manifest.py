"""The manifest: what counts as finished, and the parts of several workers."""

from pathlib import Path

import pytest

from repaint.errors import ConfigError
from repaint.inference.manifest import MANIFEST, PARTS
from tests.helpers.results import WANTED, begin, folders, manifest, write


def test_finished_pictures_are_recognised_unless_file_or_line_is_gone(tmp_path: Path) -> None:
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


def test_a_picture_of_another_seed_is_done_again(tmp_path: Path) -> None:
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
def test_lines_that_no_run_wrote_are_dropped(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / MANIFEST).write_bytes(line.encode(errors="surrogateescape") + b"\n")
    assert begin(folders(tmp_path), "d", WANTED).finished == set()
    assert manifest(tmp_path) == []


def test_files_of_others_among_the_parts_stay(tmp_path: Path) -> None:
    picture, deep = tmp_path / "log" / PARTS / "00.png", tmp_path / "log" / PARTS / "a/00000.jsonl"
    for path in (picture, deep):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    begin(folders(tmp_path), "d", WANTED)
    assert picture.exists()
    assert deep.exists()


def test_parts_of_workers_are_merged_into_the_manifest(tmp_path: Path) -> None:
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
    with pytest.raises(ConfigError, match=f"{PARTS}/00003.jsonl: holds results of another configuration"):
        begin(folders(tmp_path), "d2", WANTED)
    assert begin(folders(tmp_path), "d1", WANTED).finished == {"a.png"}
