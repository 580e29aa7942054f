"""Outpainting and soft masks of pictures on the command line, with real files."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.commands.handlers.hole_settings import parse_extend
from repaint.errors import ConfigError
from tests.commands.test_photo import Photos
from tests.helpers.command import user_error
from tests.helpers.tiny import read_pixels

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    return Photos(tmp_path)


def test_extend_alone_is_a_job(photos: Photos) -> None:
    assert photos.fill("photo.png", "--extend", "25%") == 0
    filled = read_pixels(Path("photo_filled.png"))
    assert filled.shape == (6 + 24 + 6, 10 + 40 + 10, 3)
    np.testing.assert_array_equal(filled[6:30, 10:50], read_pixels(Path("photo.png")))
    assert (filled[:6] != 0).any(axis=2).mean() > 0.9


def test_some_sides_with_a_mask(photos: Photos) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png", "--extend", "left=25%, bottom=7") == 0
    filled, known = read_pixels(Path("photo_filled.png")), photos.mask("mask.png") == 255
    assert filled.shape == (24 + 7, 10 + 40, 3)
    before = read_pixels(Path("photo.png"))
    np.testing.assert_array_equal(filled[:24, 10:][known], before[known])
    assert (filled[:24, 10:][~known] != before[~known]).any()


@pytest.mark.parametrize("fit", ["window", "pad", "resize"])
def test_a_turned_jpeg(photos: Photos, fit: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photos.picture("stored.png")).save("photo.jpg", exif=exif, quality=90)
    assert photos.fill("photo.jpg", "--extend", "top=50%", "--fit", fit) == 0
    filled = read_pixels(Path("photo_filled.png"))
    assert filled.shape == (20 + 40, 24, 3)
    np.testing.assert_array_equal(filled[20:], np.rot90(read_pixels(Path("photo.jpg")), -1))


@pytest.mark.parametrize("channel", [[], ["--mask_channel", "alpha"]])
def test_transparency(photos: Photos, channel: list[str]) -> None:
    pixels = np.dstack([photos.picture("a.png"), np.full((24, 40), 255, np.uint8)])
    pixels[4:9, 4:9, 3] = 10
    Image.fromarray(pixels).save("a.png")
    assert photos.fill("a.png", "--extend", "right=8", *channel) == 0
    filled = read_pixels(Path("a_filled.png"))
    assert filled.shape == (24, 48, 4)
    assert (filled[:, 40:, 3] == 255).all()
    opaque = pixels[..., 3] == 255
    np.testing.assert_array_equal(filled[:, :40][opaque], pixels[opaque])
    if channel:  # the transparent part is filled, too
        assert (filled[..., 3] == 255).all()
        assert (filled[4:9, 4:9, :3] != pixels[4:9, 4:9, :3]).any()
    else:
        np.testing.assert_array_equal(filled[:, :40], pixels)


def test_sixteen_bits_and_webp(photos: Photos) -> None:
    levels = np.random.default_rng(0).integers(0, 65_536, (24, 40), np.uint16)
    Image.fromarray(levels).save("deep.png")
    assert photos.fill("deep.png", "--extend", "4", "--out", "wide.webp") == 0
    filled = read_pixels(Path("wide.webp"))
    np.testing.assert_array_equal(filled[4:28, 4:44, 1], (levels / 257).round())


def test_folders_are_extended_and_finished_by_a_second_call(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("gt/a.png", "gt/b.png"):
        photos.picture(name)
    assert photos.fill("gt", "--extend", "25%", "--out", "wide") == 0
    before = Path("wide/b.png").read_bytes()
    Path("wide/b.png").unlink()
    assert photos.fill("gt", "--extend", "25%", "--out", "wide") == 0
    assert "1 of 2 pictures are filled already" in capsys.readouterr().out
    assert Path("wide/b.png").read_bytes() == before


def test_a_dry_run_counts_what_a_run_calls(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for option in (["--dry_run"], []):
        assert photos.fill("photo.png", "--extend", "50%", *option) == 0
        (count,) = re.findall(r"([\d,]+) network calls", capsys.readouterr().out)
        counts.append(count)
    assert counts[0] == counts[1] != "0"


def test_soft_masks_blend(photos: Photos) -> None:
    levels = np.full((24, 40), 255, np.uint8)
    levels[5:15, 5:25] = np.linspace(0, 255, 20).astype(np.uint8)
    Image.fromarray(levels).save("brush.png")
    assert photos.fill("photo.png", "--mask", "brush.png", "--mask_soft", "--out", "soft.png") == 0
    Image.fromarray(np.where(levels >= 240, 255, 0).astype(np.uint8)).save("hard.png")
    assert photos.fill("photo.png", "--mask", "hard.png", "--out", "hard_filled.png") == 0
    before, soft, hard = (read_pixels(Path(name)).astype(int) for name in ("photo.png", "soft.png", "hard_filled.png"))
    np.testing.assert_array_equal(soft[levels >= 240], before[levels >= 240])
    between = (levels > 15) & (levels < 240)
    low, high = np.minimum(before, hard)[between], np.maximum(before, hard)[between]
    assert ((soft[between] >= low) & (soft[between] <= high)).all()
    assert (soft[between] != hard[between]).any()


def test_a_feather(photos: Photos) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png", "--mask_feather", "3") == 0
    before, filled = read_pixels(Path("photo.png")), read_pixels(Path("photo_filled.png"))
    changed = (before != filled).any(axis=2)
    assert changed[5:17, 7:23].mean() > 0.8
    changed[5:17, 7:23] = False
    assert not changed.any()


def test_the_rim_of_a_feather_stays_inside_the_old_picture(photos: Photos) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png", "--mask_feather", "3", "--extend", "left=10") == 0
    before, filled = read_pixels(Path("photo.png")), read_pixels(Path("photo_filled.png"))[:, 10:]
    same = (before == filled).all(axis=2)
    same[5:17, 7:23] = True
    assert same.all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--extend", "0"], "extend: a number of pixels from 1 to 65,536, or per cent such as 25%"),
        (["--extend=-5"], "not '-5'"),
        (["--extend", "left=2000%"], "extend.left: a number of pixels"),
        (["--extend", "left=25%,lef=3"], "'lef' is no side (left, right, top, bottom); did you mean 'left'?"),
        (["--extend", "left=25%,left=3"], "left is given twice"),
        (["--extend", "25%", "--fit", "crop"], "extend is about the whole picture, but fit: crop gives its middle"),
        (["--extend", "25%", "--mask_feather", "3"], "--mask_feather is about masks, but there are none"),
        (["--extend", "25%", "--mask_soft"], "--mask_soft is about masks, but there are none"),
        (["--extend", "60000"], "photo.png: extended to 120040x120024 it has more than"),
        (["--mask_channel", "alpha", "--set", "extend=25%"], "--set extend: pictures on the command line take it as"),
        (
            ["--mask_channel", "alpha", "--set", "model=auto"],
            "--set model: pictures on the command line take it as --model",
        ),
        (["--mask_channel", "alpha", "--set", "adapted_models=x"], "--set adapted_models: no key of a configuration"),
        (["--mask_channel", "alpha", "--set", "self=1"], "--set self: no key of a configuration"),
        (["--mask_channel", "alpha", "--set", "fit=pad"], "--set fit: pictures on the command line take it as --fit"),
        (["--mask", "mask.png", "--mask_feather", "-1"], "mask_feather: input should be greater than or equal to 0"),
        (["--mask", "mask.png", "--mask_feather", "3", "--mask_soft"], "mask_soft and mask_feather exclude each other"),
        (["--mask_color", "red", "--mask_soft"], "mask_soft is about grey levels, which mask_color has not"),
        ([], "or --extend 25% (beyond the sides)"),
    ],
)
def test_mistakes(photos: Photos, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    user_error(capsys, photos.fill("photo.png", *words), message)
    assert not Path("photo_filled.png").exists()


def test_sides_and_lengths_are_parsed() -> None:
    assert parse_extend("25%") == "25%"
    assert parse_extend(" left = 25% , right=100") == {"left": "25%", "right": "100"}
    with pytest.raises(ConfigError, match="'' is no side"):
        parse_extend("left=3,")
