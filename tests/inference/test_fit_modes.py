"""Pictures of any size through the command: crop, window, pad, resize."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.command import manifest
from tests.helpers.pictures import fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import read_pixels


def test_windows_on_a_turned_jpeg_leave_every_known_pixel_alone(tmp_path: Path) -> None:
    known = two_holes(90, 60)  # of the picture as people see it
    prepare_run(tmp_path, known)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    Image.fromarray(np.rot90(smooth(90, 60))).save(tmp_path / "gt/photo.v1.jpg", exif=exif, quality=90)
    out = fill(tmp_path, fit="window", refine="none", mask_path=str(tmp_path / "mask.png"))
    with Image.open(tmp_path / "gt/photo.v1.jpg") as stored:
        upright = np.rot90(np.asarray(stored), -1)
    filled = read_pixels(out / "photo.v1.png")
    assert filled.shape == (90, 60, 3)
    np.testing.assert_array_equal(filled[known], upright[known])
    assert (filled[~known] != upright[~known]).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt/photo.v1.png"), upright)
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/photo.v1.png"), np.where(known, 255, 0))
    assert manifest(tmp_path)[0]["nfe"] == 2 * 7  # two windows


@pytest.mark.parametrize("fit", ["window", "pad", "resize"])
@pytest.mark.parametrize("size", [(70, 50), (9, 13), (16, 16), (200, 40)])
def test_any_size_comes_back_with_only_the_hole_changed(tmp_path: Path, fit: str, size: tuple[int, int]) -> None:
    height, width = size
    known = np.ones(size, bool)
    known[height // 3 : height // 2, : width // 2] = False
    prepare_run(tmp_path, known)
    pixels = np.random.default_rng(7).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    filled = read_pixels(fill(tmp_path, fit=fit, mask_path=str(tmp_path / "mask.png")) / "a.png")
    np.testing.assert_array_equal(filled[known], pixels[known])
    assert (filled[~known] != pixels[~known]).any()


def test_a_strip_goes_through_windows_but_is_too_thin_for_a_square(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = np.ones((200, 10), bool)
    known[60:70, :5] = False
    prepare_run(tmp_path, known)
    Image.fromarray(smooth(200, 10)).save(tmp_path / "gt/a.png")
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    np.testing.assert_array_equal(filled[known], smooth(200, 10)[known])
    capsys.readouterr()
    fill(tmp_path, code=3, fit="pad", paths={"srs": str(tmp_path / "pad/inpainted")})
    assert "with fit: pad nothing known is left at 16x16 pixels; use fit: window" in capsys.readouterr().err


def test_what_is_in_the_hole_does_not_matter(tmp_path: Path) -> None:
    known = two_holes(90, 60)
    fills = []
    for content in (0, 255):
        folder = tmp_path / str(content)
        prepare_run(folder, known)
        Image.fromarray(np.where(known[..., None], smooth(90, 60), content).astype(np.uint8)).save(folder / "gt/a.png")
        fills.append(read_pixels(fill(folder, fit="window", mask_path=str(folder / "mask.png")) / "a.png"))
    np.testing.assert_array_equal(*fills)


def test_a_picture_does_not_depend_on_the_batch_its_windows_share(tmp_path: Path) -> None:
    for batch_size in (1, 4):
        folder = tmp_path / str(batch_size)
        prepare_run(folder)
        for i, size in enumerate([(90, 60), (40, 80), (30, 30)]):
            Image.fromarray(smooth(*size)).save(folder / f"gt/{i}.png")
        fill(folder, fit="window", mask_path=None, mask={"kind": "thick", "seed": 3}, batch_size=batch_size)
    for i in range(3):
        one, four = (read_pixels(tmp_path / f"{b}/out/inpainted/{i}.png").astype(int) for b in (1, 4))
        assert np.abs(one - four).max() <= 1


def test_context_is_what_the_network_sees_around_a_hole(tmp_path: Path) -> None:
    known = np.ones((120, 120), bool)
    known[45:75, 45:75] = False
    near, far = smooth(120, 120), smooth(120, 120)
    far[22:28] = 255 - far[22:28]  # within 1.5 times the hole, not within 0.2 times
    fills = {}
    for context in (0.2, 1.5):
        for name, pixels in (("near", near), ("far", far)):
            folder = tmp_path / f"{name}{context}"
            prepare_run(folder, known)
            Image.fromarray(pixels).save(folder / "gt/a.png")
            out = fill(folder, fit="window", mask_path=str(folder / "mask.png"), window_context=context)
            fills[name, context] = read_pixels(out / "a.png")[~known]
    np.testing.assert_array_equal(fills["near", 0.2], fills["far", 0.2])
    assert (fills["near", 1.5] != fills["far", 1.5]).any()
    assert (fills["near", 1.5] != fills["near", 0.2]).any()
