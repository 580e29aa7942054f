"""Masks through the command: generated, in the alpha channel, by color key."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.mask_generators import generate_mask
from tests.helpers.pictures import FAST, fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import read_pixels


@pytest.mark.parametrize("mask", [{"kind": "box", "width": 0.5}, {"kind": "text", "text": "Hi", "seed": 2}])
def test_boxes_and_letters_from_the_configuration(tmp_path: Path, mask: dict) -> None:
    prepare_run(tmp_path, **FAST)
    pixels = smooth(40, 60)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=None, mask=mask) / "a.png")
    options = {key: value for key, value in mask.items() if key not in ("kind", "seed")}
    known = generate_mask(mask["kind"], (40, 60), mask.get("seed", 0), **options)
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/a.png"), np.where(known, 255, 0))
    np.testing.assert_array_equal(filled[known], pixels[known])
    assert (filled[~known] != pixels[~known]).any(axis=1).mean() > 0.9
    assert 0.02 < (~known).mean() < 0.6


def test_masks_by_rule_need_no_file(tmp_path: Path) -> None:
    prepare_run(tmp_path, **FAST)
    (tmp_path / "masks").rmdir()
    pixels = smooth(40, 60)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    mask = {"kind": "genhalf", "side": "left", "width": 0.25}
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=None, mask=mask) / "a.png")
    np.testing.assert_array_equal(filled[:, 15:], pixels[:, 15:])
    assert (filled[:, :15] != pixels[:, :15]).any()


def test_masks_by_rule_in_the_published_crop_are_of_the_networks_size(tmp_path: Path) -> None:
    prepare_run(tmp_path, **FAST)
    for i in range(2):
        Image.fromarray(smooth(40, 60)).save(tmp_path / f"gt/{i}.png")
    fill(tmp_path, mask_path=None, mask={"kind": "thin", "seed": 3})
    masks = [read_pixels(tmp_path / f"out/gt_keep_mask/{i}.png") for i in range(2)]
    assert masks[0].shape == (16, 16)
    assert (masks[0] != masks[1]).any()


def test_the_transparent_part_is_filled_and_becomes_opaque(tmp_path: Path) -> None:
    prepare_run(tmp_path, **FAST)
    known = two_holes(60, 50)
    alpha = np.where(known, 200, 0).astype(np.uint8)
    Image.fromarray(np.dstack([smooth(60, 50), alpha])).save(tmp_path / "gt/a.png")
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=None, mask_channel="alpha") / "a.png")
    np.testing.assert_array_equal(filled[known], np.dstack([smooth(60, 50), alpha])[known])
    assert (filled[~known][:, 3] == 255).all()


def test_a_painted_colour_is_the_hole_in_the_picture_or_in_a_copy(tmp_path: Path) -> None:
    painted = smooth(60, 50)
    painted[20:35, 10:30] = 0, 0, 255
    for place in ("itself", "copy"):
        folder = tmp_path / place
        prepare_run(folder, **FAST)
        Image.fromarray(painted if place == "itself" else smooth(60, 50)).save(folder / "gt/a.png")
        Image.fromarray(painted).save(folder / "masks/a.png")
        mask_path = None if place == "itself" else str(folder / "masks")
        filled = read_pixels(fill(folder, fit="window", mask_path=mask_path, mask_color="#00f") / "a.png")
        hole = read_pixels(folder / "out/gt_keep_mask/a.png") == 0
        assert hole[20:35, 10:30].all()
        assert hole.sum() < 20 * 25
        np.testing.assert_array_equal(filled[~hole], painted[~hole])
        assert (filled[hole] != painted[hole]).any(axis=1).mean() > 0.9


def test_a_picture_without_transparency_is_reported_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_run(tmp_path, **FAST)
    Image.fromarray(smooth(30, 30)).save(tmp_path / "gt/a.png")
    Image.new("RGBA", (30, 30), (9, 9, 9, 0)).save(tmp_path / "gt/b.png")
    out = fill(tmp_path, code=3, fit="window", mask_path=None, mask_channel="alpha")
    assert "a.png: has no transparent part" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["b.png"]
