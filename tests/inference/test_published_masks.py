"""Masks as the published code takes them: cropped by themselves, each channel by its own mask."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.images import center_crop
from tests.helpers.command import run
from tests.helpers.tiny import SIZE, make_run, read_pixels, write_masks, write_pictures


def published_crop(mask: Image.Image, size: int) -> np.ndarray:
    """The published center crop of a mask, thresholded; it resizes bicubically, so edges may differ by a pixel."""
    return np.asarray(center_crop(mask, size)) >= 128


@pytest.mark.parametrize(("picture", "mask"), [((64, 48), (32, 32)), ((50, 33), (25, 17)), ((48, 96), (40, 30))])
def test_a_mask_of_any_ratio_is_cropped_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], picture: tuple[int, int], mask: tuple[int, int]
) -> None:
    conf = make_run(tmp_path, count=2)
    write_pictures(tmp_path / "gt", 2, size=picture)
    write_masks(tmp_path / "masks", 2, size=mask)
    assert run(conf) == 0
    differ = picture[0] * mask[1] != picture[1] * mask[0] and mask != (25, 17)
    note = "masks of another aspect ratio than their picture: 2; fit: crop takes the middle of each"
    assert (note in capsys.readouterr().out) == differ
    known = read_pixels(tmp_path / "out/gt_keep_mask/00.png") == 255
    wanted = published_crop(Image.open(tmp_path / "masks/00.png"), SIZE)
    assert (known != wanted).any(axis=0).sum() <= 1
    truth, filled = (read_pixels(tmp_path / f"out/{name}/00.png") for name in ("gt", "inpainted"))
    np.testing.assert_array_equal(filled[known], truth[known])


def write_coloured_mask(path: Path) -> np.ndarray:
    """A mask whose channels know the left half, the upper half, and all but a corner; bool [SIZE, SIZE, 3]."""
    known = np.zeros((SIZE, SIZE, 3), bool)
    known[:, : SIZE // 2, 0] = True
    known[: SIZE // 2, :, 1] = True
    known[4:, 4:, 2] = True
    Image.fromarray(np.where(known, 255, 0).astype(np.uint8)).save(path)
    return known


def test_each_channel_is_masked_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, count=2, num_samples_per_image=2)  # 01 has a grey mask, in the same batch
    known = write_coloured_mask(tmp_path / "masks/00.png")
    assert run(conf, "--set", "data.eval.tiny.batch_size=4") == 0
    assert "coloured masks: each channel of 1 pictures was masked by itself" in capsys.readouterr().out
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/00.png") == 255, known)
    assert read_pixels(tmp_path / "out/gt_keep_mask/01.png").ndim == 2
    truth = read_pixels(tmp_path / "gt/00.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_masked/00.png"), np.where(known, truth, 0))
    for sample in range(2):
        filled = read_pixels(tmp_path / f"out/inpainted/00_{sample}.png")
        np.testing.assert_array_equal(filled[known], truth[known])
        assert (filled[~known] != truth[~known]).mean() > 0.5
    assert (tmp_path / "out/contact_sheet.png").exists()
    assert (tmp_path / "out/sheets/00.png").exists()


def test_neighbours_of_a_coloured_mask_stay_as_they_are(tmp_path: Path) -> None:
    results = []
    for name in ("grey", "mixed"):
        conf = make_run(tmp_path / name, count=2)
        if name == "mixed":
            write_coloured_mask(tmp_path / name / "masks/00.png")
        assert run(conf) == 0
        results.append(read_pixels(tmp_path / name / "out/inpainted/01.png"))
    np.testing.assert_array_equal(*results)


def test_other_fits_go_by_grey(tmp_path: Path) -> None:
    conf = make_run(tmp_path, count=1)
    known = write_coloured_mask(tmp_path / "masks/00.png")
    assert run(conf, "--set", "data.eval.tiny.fit=pad") == 0
    grey = known @ [299, 587, 114] >= 500
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/00.png") == 255, grey)
    assert len(json.loads((tmp_path / "out/manifest.jsonl").read_text())["name"]) == len("00.png")
