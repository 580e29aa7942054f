"""Soft and feathered masks through the command with a configuration, and through its resume."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.soft_masks import blend
from tests.helpers.command import manifest, run, user_error
from tests.helpers.pictures import fill, prepare_run, smooth
from tests.helpers.tiny import read_pixels

PICTURE = np.random.default_rng(5).integers(0, 256, (40, 60, 3), np.uint8)


def soft_levels() -> np.ndarray:
    """A hole whose right side fades out over 20 pixels."""
    levels = np.full((40, 60), 255, np.uint8)
    levels[10:20, 10:20] = 0
    levels[10:20, 20:40] = np.linspace(0, 255, 20).astype(np.uint8)
    return levels


def prepare(folder: Path, levels: np.ndarray, name: str = "mask.png") -> None:
    prepare_run(folder)
    Image.fromarray(PICTURE).save(folder / "gt/a.png")
    Image.fromarray(levels).save(folder / name)


@pytest.mark.parametrize("fit", ["window", "pad", "resize"])
def test_grey_levels_blend_what_a_hard_mask_fills(tmp_path: Path, fit: str) -> None:
    levels = soft_levels()
    prepare(tmp_path / "soft", levels)
    soft = read_pixels(
        fill(tmp_path / "soft", fit=fit, mask_path=str(tmp_path / "soft/mask.png"), mask_soft=True) / "a.png"
    )
    hard_mask = np.where(levels >= 240, 255, 0).astype(np.uint8)
    prepare(tmp_path / "hard", hard_mask)
    hard = read_pixels(fill(tmp_path / "hard", fit=fit, mask_path=str(tmp_path / "hard/mask.png")) / "a.png")
    share = ((levels.astype(float) - 15) / 225 * 255).round().clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(soft, blend(PICTURE, hard, share))
    np.testing.assert_array_equal(soft[levels >= 240], PICTURE[levels >= 240])
    np.testing.assert_array_equal(soft[levels <= 15], hard[levels <= 15])
    between = (levels > 15) & (levels < 240)
    assert (soft[between] != hard[between]).any(axis=1).mean() > 0.8
    np.testing.assert_array_equal(read_pixels(tmp_path / "soft/out/gt_keep_mask/a.png"), hard_mask)


def test_a_feathered_hole_is_all_new_and_fades_out_around_it(tmp_path: Path) -> None:
    levels = np.full((40, 60), 255, np.uint8)
    levels[12:24, 20:36] = 0
    results = []
    for content in (0, 255):
        folder = tmp_path / str(content)
        prepare(folder, levels)
        Image.fromarray(np.where(levels[..., None] == 255, PICTURE, content).astype(np.uint8)).save(folder / "gt/a.png")
        out = fill(folder, fit="window", mask_path=str(folder / "mask.png"), mask_feather=4)
        results.append(read_pixels(out / "a.png"))
    np.testing.assert_array_equal(*results)  # nothing of what was in the hole shows
    known = read_pixels(tmp_path / "0/out/gt_keep_mask/a.png") == 255
    assert 0 < (levels == 255).sum() - known.sum() < 2 * 4 * (12 + 16 + 8)
    np.testing.assert_array_equal(results[0][known], PICTURE[known])
    rim = (levels == 255) & ~known
    assert (results[0][rim] != PICTURE[rim]).any()


def test_the_mask_decides_whether_a_run_is_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, soft_levels())
    data = {"fit": "window", "mask_path": str(tmp_path / "mask.png")}
    fill(tmp_path, **data, mask_soft=True)
    lines = manifest(tmp_path)
    fill(tmp_path, **data, mask_soft=True)
    assert manifest(tmp_path) == lines
    capsys.readouterr()
    fill(tmp_path, 2, **data, mask_soft=False)
    assert "holds results of another configuration" in capsys.readouterr().err
    fill(tmp_path, 2, **data, mask_feather=2)


def test_a_feather_that_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, soft_levels())
    fill(tmp_path, 3, fit="window", mask_path=str(tmp_path / "mask.png"), mask_feather=500)
    assert "a.png: mask_feather: 500 leaves nothing known of it; make it smaller" in capsys.readouterr().err


def test_masks_by_rule_and_by_colour_can_be_feathered(tmp_path: Path) -> None:
    prepare_run(tmp_path)
    pixels = smooth(60, 60)
    pixels[20:30, 20:30] = (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    out = fill(tmp_path, fit="window", mask_path=None, mask_color="#00f", mask_feather=3)
    assert not np.array_equal(read_pixels(out / "a.png")[16:34, 16:34], pixels[16:34, 16:34])
    paths = {"srs": str(tmp_path / "rule/inpainted"), "gt_keep_masks": str(tmp_path / "rule/masks")}
    fill(tmp_path, fit="window", mask_color=None, mask={"kind": "box"}, mask_feather=3, paths=paths)
    known = read_pixels(tmp_path / "rule/masks/a.png") == 255
    filled = read_pixels(tmp_path / "rule/inpainted/a.png")
    np.testing.assert_array_equal(filled[known], pixels[known])
    assert (filled[~known] != pixels[~known]).any()


def test_a_dry_run_shows_the_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, soft_levels())
    arguments = ["--set", "data.eval.tiny.fit=window", "--set", "data.eval.tiny.mask_feather=-1"]
    user_error(
        capsys, run(tmp_path / "conf.yml", "--dry_run", *arguments), "mask_feather", "greater than or equal to 0"
    )
