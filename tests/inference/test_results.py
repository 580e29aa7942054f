"""Files of results: folders, formats, leftovers of killed workers."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.errors import DataError
from repaint.inference.manifest import MANIFEST
from repaint.inference.results import ResultFolders, remove_leftovers
from repaint.inference.state import FillState
from tests.helpers.command import run
from tests.helpers.results import WANTED, begin, example, folders, manifest, write
from tests.helpers.tiny import make_run, read_pixels


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
        state = FillState(example("a.png"), sample, name=f"a_{sample}.png")
        state.paste(0, example().pixels)
        results.write(state, {})
        for folder in ("gt", "mask", "masked"):
            assert (tmp_path / folder / "a.png").exists() == (sample == 1)
            (tmp_path / folder / "a.png").unlink(missing_ok=True)
    assert sorted(path.name for path in (tmp_path / "inpainted").iterdir()) == ["a_0.png", "a_1.png"]


def test_a_folder_named_after_the_run_is_filled_without_sampling_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = make_run(tmp_path)
    later = {"lrs": "gt_masked", "gts": "gt", "gt_keep_masks": "gt_keep_mask"}
    without = [word for key in later for word in ("--set", f"data.eval.tiny.paths.{key}=null")]
    assert run(conf, *without) == 0
    assert not [name for name in later.values() if (tmp_path / "out" / name).exists()]
    (tmp_path / "masks/01.png").write_bytes(b"damaged since")
    capsys.readouterr()
    assert run(conf) == 0
    assert "0 pictures filled" in capsys.readouterr().out
    for name in later.values():
        assert sorted(path.name for path in (tmp_path / "out" / name).iterdir()) == ["00.png", "02.png"]
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt/02.png"), read_pixels(tmp_path / "gt/02.png"))


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
