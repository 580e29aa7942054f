import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.dataset import Example, Pair
from repaint.errors import ConfigError, DataError
from repaint.outputs import MANIFEST, ResultFolders, Results, enlarge, labelled_sheet, tile
from tests.tiny import read_pixels


def example(name: str = "a/b.png") -> Example:
    pixels = np.random.default_rng(0).integers(1, 256, (8, 8, 3), np.uint8)
    return Example(Pair(0, name, "gt/x.jpg", "masks/x.png"), pixels, np.eye(8, dtype=bool))


WANTED = {name: {"seed": 1} for name in ("a/b.png", "a.png", "b.png", "c.png")}


def folders(tmp_path: Path) -> ResultFolders:
    return ResultFolders(*(str(tmp_path / name) for name in ("inpainted", "log", "masked", "gt", "mask")))


def manifest(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "log" / MANIFEST).read_text().splitlines()]


def test_a_picture_is_written_to_all_folders(tmp_path: Path) -> None:
    one = example()
    Results(folders(tmp_path), "d1", WANTED).write(one, 255 - one.pixels, {"nfe": 3})
    np.testing.assert_array_equal(read_pixels(tmp_path / "inpainted/a/b.png"), 255 - one.pixels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "gt/a/b.png"), one.pixels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "mask/a/b.png"), np.eye(8) * 255)
    np.testing.assert_array_equal(read_pixels(tmp_path / "masked/a/b.png"), one.pixels * np.eye(8)[:, :, None])
    assert manifest(tmp_path) == [{"name": "a/b.png", "seed": 1, "nfe": 3, "config_digest": "d1"}]


def test_only_the_results_folder_is_needed(tmp_path: Path) -> None:
    results = Results(ResultFolders(str(tmp_path / "out"), str(tmp_path)), "d", WANTED)
    results.write(example(), example().pixels, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, "out"]


def test_finished_pictures_are_known_again_unless_file_or_line_is_gone(tmp_path: Path) -> None:
    results = Results(folders(tmp_path), "d1", WANTED)
    for name in ("a.png", "b.png", "c.png"):
        results.write(example(name), example().pixels, {})
    assert Results(folders(tmp_path), "d1", WANTED).finished == {"a.png", "b.png", "c.png"}
    (tmp_path / "inpainted/b.png").unlink()
    path = tmp_path / "log" / MANIFEST
    path.write_text(path.read_text()[:-30])  # a crash while the last line was written
    assert Results(folders(tmp_path), "d1", WANTED).finished == {"a.png"}
    assert [line["name"] for line in manifest(tmp_path)] == ["a.png"]


def test_other_configuration_is_refused_or_overwritten(tmp_path: Path) -> None:
    Results(folders(tmp_path), "d1", WANTED).write(example(), example().pixels, {})
    with pytest.raises(ConfigError, match="another configuration, seed or checkpoint; give other paths"):
        Results(folders(tmp_path), "d2", WANTED)
    assert Results(folders(tmp_path), "d2", WANTED, overwrite=True).finished == set()
    assert manifest(tmp_path) == []


def test_a_line_that_tells_of_another_seed_is_done_again(tmp_path: Path) -> None:
    results = Results(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        results.write(example(name), example().pixels, {})
    assert Results(folders(tmp_path), "d", WANTED | {"b.png": {"seed": 2}}).finished == {"a.png"}
    assert [line["name"] for line in manifest(tmp_path)] == ["a.png"]


def test_overwriting_some_keeps_the_lines_of_others(tmp_path: Path) -> None:
    results = Results(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        results.write(example(name), example().pixels, {})
    assert Results(folders(tmp_path), "d", {"a.png": {"seed": 1}}, overwrite=True).finished == set()
    assert [line["name"] for line in manifest(tmp_path)] == ["b.png"]


@pytest.mark.parametrize("line", ["[]", "3", '{"name": 1, "config_digest": "d"}', '{"name": "a.png"}', "\udcff", "{"])
def test_lines_of_another_hand_are_dropped(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / MANIFEST).write_bytes(line.encode(errors="surrogateescape") + b"\n")
    assert Results(folders(tmp_path), "d", WANTED).finished == set()
    assert manifest(tmp_path) == []


def test_results_changed_by_others_stay_off_the_contact_sheet(tmp_path: Path) -> None:
    results = Results(folders(tmp_path), "d", WANTED)
    for name in ("a.png", "b.png"):
        results.write(example(name), example().pixels, {})
    (tmp_path / "inpainted/a.png").write_bytes(b"damaged")
    Image.new("RGB", (9, 9)).save(tmp_path / "inpainted/b.png")
    assert results.write_contact_sheet([example("a.png"), example("b.png")]) is None


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "inpainted").touch()
    with pytest.raises(DataError, match="inpainted: results cannot be written there"):
        Results(folders(tmp_path), "d", WANTED)


def test_contact_sheet(tmp_path: Path) -> None:
    results = Results(folders(tmp_path), "d", {f"{i}.png": {} for i in range(5)})
    examples = [example(f"{i}.png") for i in range(5)]
    for one in examples:
        results.write(one, 255 - one.pixels, {})
    path = results.write_contact_sheet(examples)
    assert path is not None
    sheet = read_pixels(Path(path))
    corner = 4 + 2
    np.testing.assert_array_equal(sheet[corner : corner + 128, corner : corner + 128], enlarge(examples[0].pixels))
    filled = corner + 2 * (128 + 2)
    np.testing.assert_array_equal(
        sheet[corner : corner + 128, filled : filled + 128], enlarge(255 - examples[0].pixels)
    )


def test_tile_and_enlarge() -> None:
    pictures = [np.full((2, 3, 3), i, np.uint8) for i in range(3)]
    sheet = tile(pictures, columns=2, gap=1)
    assert sheet.shape == (2 * 3 + 1, 2 * 4 + 1, 3)
    assert (sheet[4:6, 1:4] == 2).all()
    assert (sheet[4:6, 5:8] == 255).all()
    assert enlarge(pictures[0], 128).shape == (86, 129, 3)
    assert enlarge(np.zeros((256, 256, 3), np.uint8)).shape == (256, 256, 3)


def test_labels_stand_beside_the_pictures() -> None:
    pictures = [[np.full((64, 64, 3), 10 * (3 * row + column), np.uint8) for column in range(3)] for row in range(2)]
    sheet = labelled_sheet(pictures, ["upper", "a longer lower"], ["one", "two", "three"])
    plain = tile([enlarge(pixels) for row in pictures for pixels in row], columns=3, gap=4)
    top, left = sheet.shape[0] - plain.shape[0], sheet.shape[1] - plain.shape[1]
    np.testing.assert_array_equal(sheet[top:, left:], plain)
    for row in range(2):
        beside = sheet[top + 4 + row * 132 :][:128, :left]
        assert (beside < 128).any(axis=(1, 2))[40:88].any()
    for column in range(3):
        above = sheet[:top, left + 4 + column * 132 :][:, :128]
        assert (above < 128).any()
