"""Pictures on the command line that come back as they are, as they have no hole: a note says why."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.test_photo import Photos
from tests.helpers.command import run
from tests.helpers.tiny import make_run

pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify:UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    for name, level in (("white", 255), ("black", 0)):
        Image.fromarray(np.full((24, 40), level, np.uint8)).save(f"{name}.png")
    return Photos(tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--mask", "white.png"], "nothing in white.png is black"),
        (["--mask", "white.png", "--mask_soft"], "nothing in white.png is black"),
        (["--mask", "white.png", "--fit", "pad"], "nothing in white.png is black"),
        (["--mask", "white.png", "--fit", "crop"], "nothing in the middle of white.png is black"),
        (["--mask", "black.png", "--mask_polarity", "hole_white"], "nothing in black.png is white"),
        (["--mask_color", "#f0f"], "nothing in it is painted in #f0f"),
    ],
)
def test_a_picture_without_a_hole(
    photos: Photos, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 24), "#0f0").save("photo.png")
    assert photos.fill("photo.png", *options) == 0
    assert capsys.readouterr().err == f"note: photo.png: no hole, as {reason}\n"


@pytest.mark.parametrize("options", [["--extend", "25%"], ["--extend", "25%", "--mask", "white.png"]])
def test_a_picture_that_is_extended_needs_no_hole(
    photos: Photos, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert photos.fill("photo.png", *options) == 0
    assert "no hole" not in capsys.readouterr().err


def test_nothing_is_transparent(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGBA", (40, 24), "#0f0").save("photo.png")
    assert photos.fill("photo.png", "--mask_channel", "alpha") == 0
    assert capsys.readouterr().err == "note: photo.png: no hole, as nothing in it is transparent\n"


def test_runs_of_a_configuration_say_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, 2)
    mask = tmp_path / "masks/01.png"
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(mask)
    for options in ([], ["--dry_run"]):
        assert run(conf, *options, "--set", "data.eval.tiny.fit=window") == 0
        line = f"note: {tmp_path / 'gt/01.png'}: no hole, as nothing in {mask} is black\n"
        assert capsys.readouterr().err == line
