from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from repaint.data.examples import Reading, load_example
from repaint.data.labels import read_labels
from repaint.data.mask_generators import make_generator
from repaint.data.masks import MaskRule
from repaint.data.pairing import check_ratios, list_pictures, pair_pictures
from repaint.data.training_images import TrainingPictures
from repaint.errors import DataError
from tests.helpers.tiny import write_masks, write_pictures


def touch(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def test_pairs_by_relative_stem(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "b.v2.jpg", "sub/ä.png", "a.webp", "notes.txt")
    masks = touch(tmp_path / "masks", "a.png", "b.v2.png", "sub/ä.png", "unused.png")
    pairs, note = pair_pictures(gt, masks)
    assert note is None
    assert [(p.index, p.name) for p in pairs] == [(0, "a.png"), (1, "b.v2.png"), (2, "sub/ä.png")]
    assert [Path(p.mask).name for p in pairs] == ["a.png", "b.v2.png", "ä.png"]
    assert [Path(p.picture).name for p in pairs] == ["a.webp", "b.v2.jpg", "ä.png"]


def test_one_mask_for_all_and_one_picture(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "b.png")
    mask = touch(tmp_path, "mask.png") + "/mask.png"
    pairs, _ = pair_pictures(gt, mask)
    assert [p.mask for p in pairs] == [mask, mask]
    pairs, _ = pair_pictures(f"{gt}/b.png", mask)
    assert [(p.index, p.name, p.picture) for p in pairs] == [(0, "b.png", f"{gt}/b.png")]


def test_same_count_without_common_names_is_paired_in_order_with_a_note(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "x.png", "y.png"), touch(tmp_path / "masks", "1.png", "2.png")
    pairs, note = pair_pictures(gt, masks)
    assert note is not None
    assert "paired 2 by sorted order" in note
    assert [Path(p.mask).name for p in pairs] == ["1.png", "2.png"]


def test_offset_and_max_len(tmp_path: Path) -> None:
    gt, mask = touch(tmp_path / "gt", *"abcd"), touch(tmp_path, "m.png") + "/m.png"
    for name in "abcd":
        (tmp_path / "gt" / name).rename(tmp_path / "gt" / f"{name}.png")
    assert [(p.index, p.name) for p in pair_pictures(gt, mask, offset=1, max_len=2)[0]] == [(0, "b.png"), (1, "c.png")]
    assert len(pair_pictures(gt, mask, max_len=1000)[0]) == 4
    with pytest.raises(DataError, match="offset 4 leaves none of the 4 pictures"):
        pair_pictures(gt, mask, offset=4)


@pytest.mark.parametrize(
    ("pictures", "masks", "says"),
    [
        (["a.png", "b.png"], ["a.png"], "b.png: no mask of this name"),
        (["a.png", "b.png", "c.png"], ["a.png", "x.png", "y.png"], "b.png .and 1 more pictures.: no mask"),
        (["a.png", "a.jpg"], ["a.png"], "would both be written to a.png"),
        (["a.png"], ["a.png", "a.jpg"], "a.jpg and a.png are both masks of a"),
        (["notes.txt"], ["a.png"], "gt: no pictures in this folder"),
        (["a.png"], ["notes.txt"], "masks: no pictures in this folder"),
    ],
)
def test_what_cannot_be_paired(tmp_path: Path, pictures: list[str], masks: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        pair_pictures(touch(tmp_path / "gt", *pictures), touch(tmp_path / "masks", *masks))


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        list_pictures(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="no such mask file or folder"):
        pair_pictures(touch(tmp_path / "gt", "a.png"), str(tmp_path / "nowhere"))


def test_load_example_cuts_picture_and_mask_alike(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 1, size=(60, 40))
    write_masks(tmp_path / "masks", 1, size=(30, 20))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    example = load_example(pair, Reading(16))
    assert example.pixels.shape == (16, 16, 3)
    np.testing.assert_array_equal(example.known[5], [True] * 8 + [False] * 8)
    np.testing.assert_array_equal(load_example(pair, Reading(16, rule=MaskRule(hole_white=True))).known, ~example.known)


def test_ratio_is_checked_on_headers_and_damaged_files_are_left_alone(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 2, size=(60, 40))
    write_masks(tmp_path / "masks", 2, size=(30, 30))
    (tmp_path / "gt/00.png").write_bytes(b"damaged")
    pairs, _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    check_ratios(pairs[:1])
    with pytest.raises(DataError, match=r"01\.png: 30x30 has another aspect ratio"):
        check_ratios(pairs)
    with pytest.raises(DataError, match="another aspect ratio"):
        load_example(pairs[1], Reading(16))


def test_labels(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.b.png", "c,d.jpg", "sub/a.b.png")
    pairs, _ = pair_pictures(gt, touch(tmp_path, "m.png") + "/m.png")
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffa.b.png, 7\n\nc,d,12\nsub/a.b,9\n", encoding="utf-8")
    assert read_labels(str(path), pairs) == [7, 12, 9]
    path.write_text("a.b.png,7\nc,d.jpg,12\n")
    assert read_labels(str(path), pairs) == [7, 12, 7]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a.b,7\n", r"no label for .*c,d\.jpg; add the line"),
        (b"a.b.png seven\n", r"line 1: .* is not of the form name,label"),
        (b"a.b,7\na.b,8\n", r"line 2: a\.b has a label already"),
        (b"a.b," + b"9" * 5000, r"is not of the form"),
        (b"\xff\xfe", r"not a text file"),
    ],
)
def test_bad_labels(tmp_path: Path, content: bytes, says: str) -> None:
    pairs, _ = pair_pictures(touch(tmp_path / "gt", "a.b.png", "c,d.jpg"), touch(tmp_path, "m.png") + "/m.png")
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_labels(str(tmp_path / "labels.csv"), pairs)


def test_accents_may_be_composed_or_not(tmp_path: Path) -> None:
    gt, masks = touch(tmp_path / "gt", "e\u0301.png"), touch(tmp_path / "masks", "\u00e9.png", "other.png")
    assert pair_pictures(gt, masks)[0][0].mask.endswith("\u00e9.png")


def test_training_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2, size=(40, 20))
    dataset = TrainingPictures(str(tmp_path), 16)
    assert len(dataset) == 2
    assert dataset[1].shape == (3, 16, 16)
    expected = np.asarray(Image.open(tmp_path / "01.png"))[2:18, 12:28].mean()
    assert abs(dataset[1].float().mean() - expected) < 10


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_mask_too_fine_to_be_seen_reduced(tmp_path: Path, fit: Literal["pad", "resize"]) -> None:
    write_pictures(tmp_path / "gt", 1, size=(64, 64))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), None)
    reading = Reading(16, fit, generator=make_generator("ev2li"))
    with pytest.raises(DataError, match=rf"00\.png: the mask is so fine that with fit: {fit} nothing known is left"):
        load_example(pair, reading)
    assert load_example(pair, replace(reading, fit="window")).windows


@pytest.mark.parametrize(("file_format", "side"), [("webp", 16_384), ("jpg", 65_501)])
def test_pictures_that_the_format_cannot_hold(tmp_path: Path, file_format: str, side: int) -> None:
    Image.new("RGB", (side, 2)).save(tmp_path / "long.png")
    (pair,), _ = pair_pictures(str(tmp_path), None)
    reading = Reading(16, "window", generator=make_generator("box"), file_format=file_format)
    with pytest.raises(DataError, match=rf"{side}x2 is more than format: {file_format} can hold .*; use format: png"):
        load_example(pair, reading)


def test_floats_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "depth.tif")
    (pair,), _ = pair_pictures(str(tmp_path), None)
    with pytest.raises(DataError, match=r"depth\.tif: its pixels are floats"):
        load_example(pair, Reading(16, generator=make_generator("box")))
