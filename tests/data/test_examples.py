from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from repaint.data import mask_generators
from repaint.data.examples import ReadSettings, load_example
from repaint.data.mask_generators import make_generator
from repaint.data.masks import MaskRule
from repaint.data.pairing import check_ratios, pair_pictures
from repaint.errors import DataError
from tests.helpers.files import exif_block
from tests.helpers.tiny import write_masks, write_pictures


def test_load_example_cuts_picture_and_mask_alike(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 1, size=(60, 40))
    write_masks(tmp_path / "masks", 1, size=(30, 20))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    example = load_example(pair, ReadSettings(16))
    assert example.pixels.shape == (16, 16, 3)
    np.testing.assert_array_equal(example.known[5], [True] * 8 + [False] * 8)
    np.testing.assert_array_equal(
        load_example(pair, ReadSettings(16, rule=MaskRule(hole_white=True))).known, ~example.known
    )


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_mask_too_fine_to_be_seen_reduced(tmp_path: Path, fit: Literal["pad", "resize"]) -> None:
    write_pictures(tmp_path / "gt", 1, size=(64, 64))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), None)
    reading = ReadSettings(16, fit, generator=make_generator("ev2li"))
    with pytest.raises(DataError, match=rf"00\.png: the mask is so fine that with fit: {fit} nothing known is left"):
        load_example(pair, reading)
    assert load_example(pair, replace(reading, fit="window")).windows


def test_a_picture_too_long_and_thin_to_be_seen_padded(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 1, size=(640, 20))
    write_masks(tmp_path / "masks", 1, size=(640, 20))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    message = r"gt/00\.png: the picture is so long and thin that with fit: pad nothing known is left at 16x16"
    with pytest.raises(DataError, match=message):
        load_example(pair, ReadSettings(16, "pad"))
    assert load_example(pair, ReadSettings(16, "resize")).windows


@pytest.mark.parametrize(("file_format", "side"), [("webp", 16_384), ("jpg", 65_501)])
def test_pictures_that_the_format_cannot_hold(tmp_path: Path, file_format: str, side: int) -> None:
    Image.new("RGB", (side, 2)).save(tmp_path / "long.png")
    (pair,), _ = pair_pictures(str(tmp_path), None)
    reading = ReadSettings(16, "window", generator=make_generator("box"), file_format=file_format)
    with pytest.raises(DataError, match=rf"{side}x2 is more than a {file_format} file can hold .*; use format: png"):
        load_example(pair, reading)


def test_a_picture_too_small_for_its_mask_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_generators, "MAX_ATTEMPTS", 5)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    (pair,), _ = pair_pictures(str(tmp_path), None)
    with pytest.raises(DataError, match=r"dot\.png: a picture of 1x1 pixels is too small"):
        load_example(pair, ReadSettings(16, "window", generator=make_generator("thick")))


def test_a_turned_tiff_file_and_its_mask_fit(tmp_path: Path) -> None:
    for folder in ("gt", "masks"):
        (tmp_path / folder).mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8))
    picture.save(tmp_path / "gt/a.tif", compression="tiff_lzw", exif=b"Exif\0\0" + exif_block(6))
    Image.new("L", (64, 96), 255).save(tmp_path / "masks/a.png")
    pairs, _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    check_ratios(pairs)
    assert load_example(pairs[0], ReadSettings(16, "window")).pixels.shape == (96, 64, 3)
