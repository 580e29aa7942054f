"""Pictures and masks to design for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.mask_generators import generate_mask
from repaint.data.masks import MaskRule
from repaint.errors import ConfigError, DataError
from repaint.theory import design_data
from repaint.theory.design_data import read_greys, read_masks


def test_pictures_become_grey_values(tmp_path: Path) -> None:
    Image.new("RGB", (32, 20), (255, 255, 255)).save(tmp_path / "a.png")
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "b.png")
    greys = read_greys(str(tmp_path), 16)
    assert greys.shape == (2, 16, 16)
    np.testing.assert_allclose(greys[0], 1)
    np.testing.assert_allclose(greys[1], 85 / 127.5 - 1)


def test_of_many_pictures_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(design_data, "MOST_PICTURES", 3)
    greys = read_greys(str(tmp_path), 8)
    np.testing.assert_allclose((greys[:, 0, 0] + 1) * 127.5, [0, 3, 6])


@pytest.mark.parametrize(("name", "kind"), [("half", "genhalf"), ("genhalf", "genhalf"), ("thick", "thick")])
def test_kinds_of_masks(name: str, kind: str) -> None:
    (mask,) = read_masks(name, 32, MaskRule(), seed=3)
    np.testing.assert_array_equal(mask, generate_mask(kind, 32, 3))


@pytest.mark.parametrize("hole_white", [False, True])
def test_mask_files(tmp_path: Path, hole_white: bool) -> None:
    white = np.zeros((32, 32), bool)
    white[:, :16] = True
    for name in ("a.png", "b.png"):
        Image.fromarray(np.where(white, 255, 0).astype(np.uint8)).save(tmp_path / name)
    rule = MaskRule(hole_white=hole_white)
    (mask,) = read_masks(str(tmp_path / "a.png"), 16, rule, seed=0)
    np.testing.assert_array_equal(mask, white[::2, ::2] != hole_white)
    assert len(read_masks(str(tmp_path), 16, rule, seed=0)) == 2


def test_neither_kind_nor_file() -> None:
    with pytest.raises(ConfigError, match=r"thikc: neither a kind of mask \(half, thin, .*\) nor a file"):
        read_masks("thikc", 16, MaskRule(), seed=0)


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        read_greys(str(tmp_path), 16)
    with pytest.raises(DataError, match="no pictures"):
        read_masks(str(tmp_path), 16, MaskRule(), seed=0)


def test_masks_are_cropped_as_pictures_are(tmp_path: Path) -> None:
    wide = np.zeros((16, 32), np.uint8)
    wide[:, 8:16] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    (mask,) = read_masks(str(tmp_path / "wide.png"), 8, MaskRule(), seed=0)
    np.testing.assert_array_equal(mask, np.tile(np.arange(8) < 4, (8, 1)))
