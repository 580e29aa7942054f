from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from repaint.data.examples import Reading, load_example
from repaint.data.mask_generators import make_generator
from repaint.data.masks import MaskRule
from repaint.data.pairing import pair_pictures
from repaint.errors import DataError
from tests.helpers.tiny import write_masks, write_pictures


def test_load_example_cuts_picture_and_mask_alike(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 1, size=(60, 40))
    write_masks(tmp_path / "masks", 1, size=(30, 20))
    (pair,), _ = pair_pictures(str(tmp_path / "gt"), str(tmp_path / "masks"))
    example = load_example(pair, Reading(16))
    assert example.pixels.shape == (16, 16, 3)
    np.testing.assert_array_equal(example.known[5], [True] * 8 + [False] * 8)
    np.testing.assert_array_equal(load_example(pair, Reading(16, rule=MaskRule(hole_white=True))).known, ~example.known)


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
