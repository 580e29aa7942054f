"""Outpainting and soft masks from Python: the same pictures as the command line's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import repaint
from repaint.commands.fill import main as fill_command
from tests.helpers.tiny import make_run, read_pixels
from tests.test_inpainter import SETTINGS, half, noise_picture

pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one picture of 16 x 16 pixels, whose right half is the hole."""
    folder = tmp_path_factory.mktemp("run")
    make_run(folder, count=1)
    return folder


def inpainter(folder: Path, **settings: Any) -> repaint.Inpainter:
    return repaint.Inpainter(folder / "model.safetensors", **(SETTINGS | settings))


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        ({"extend": {"left": "50%", "top": 3}}, ["extend={left: 50%, top: 3}"]),
        ({"extend": 5, "fit": "pad"}, ["extend=5", "fit=pad"]),
        ({"mask_feather": 2}, ["mask_feather=2"]),
    ],
)
def test_a_configuration_gives_the_same_picture(folder: Path, tmp_path: Path, settings: Any, texts: list[str]) -> None:
    sets = ["fit=window", *texts, f"paths.srs={tmp_path}/filled"]
    words = [word for text in sets for word in ("--set", f"data.eval.tiny.{text}")]
    assert fill_command(["--conf_path", str(folder / "conf.yml"), "--device", "cpu", "--overwrite", *words]) == 0
    (fill,) = inpainter(folder, **settings)(folder / "gt/00.png", folder / "masks/00.png")
    np.testing.assert_array_equal(np.asarray(fill), read_pixels(tmp_path / "filled/00.png"))


def test_a_picture_without_a_mask_is_only_extended(folder: Path) -> None:
    picture = np.dstack([noise_picture(20, 30), np.full((20, 30), 255, np.uint8)])
    picture[:5, :5, 3] = 0
    whole = inpainter(folder, extend="10%")
    (fill,) = whole(picture, None)
    assert fill.size == (36, 24)
    np.testing.assert_array_equal(np.asarray(fill)[2:22, 3:33], picture)
    assert np.array_equal(np.asarray(whole(picture[..., :3], None)[0])[2:22, 3:33], picture[..., :3])
    (fill,) = inpainter(folder, extend="10%", mask_channel="alpha")(picture, None)
    assert (np.asarray(fill)[..., 3] == 255).all()
    np.testing.assert_array_equal(np.asarray(fill)[7:22, 8:33], picture[5:, 5:])
    assert (np.asarray(fill)[2:7, 3:8, :3] != picture[:5, :5, :3]).any()


def test_a_mask_is_of_the_picture_before_it_is_extended(folder: Path) -> None:
    picture, known = noise_picture(20, 30), half(20, 30)
    (fill,) = inpainter(folder, extend={"right": 6})(picture, known)
    assert fill.size == (36, 20)
    np.testing.assert_array_equal(np.asarray(fill)[:, :30][known], picture[known])
    with pytest.raises(repaint.RepaintError, match="another aspect ratio"):
        inpainter(folder, extend={"right": 6})(picture, half(20, 36))


def test_calls_are_counted_before_the_run(folder: Path) -> None:
    extending = inpainter(folder, extend="50%")
    steps = []
    extending(noise_picture(40, 40), None, num_samples=2, callback=lambda step: steps.append(step.calls))
    assert sum(steps) == extending.count_calls(noise_picture(40, 40), num_samples=2)


def test_soft_masks(folder: Path) -> None:
    picture = noise_picture(20, 30)
    levels = np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))
    (soft,) = inpainter(folder, mask_soft=True)(picture, levels)
    (hard,) = inpainter(folder)(picture, levels >= 240)
    known, hole = levels >= 240, levels <= 15
    np.testing.assert_array_equal(np.asarray(soft)[known], picture[known])
    np.testing.assert_array_equal(np.asarray(soft)[hole], np.asarray(hard)[hole])
    weight = (levels[0, 14] - 15) / 225
    expected = weight * picture[:, 14] + (1 - weight) * np.asarray(hard)[:, 14]
    assert np.abs(np.asarray(soft)[:, 14] - expected).max() < 1.5
    (cut,) = inpainter(folder)(Image.fromarray(picture), Image.fromarray(levels))
    np.testing.assert_array_equal(np.asarray(cut)[levels >= 128], picture[levels >= 128])


def test_a_painted_hole_leaves_transparency_as_it_is(folder: Path) -> None:
    picture = np.dstack([noise_picture(64, 64) // 2, np.zeros((64, 64), np.uint8)])  # too dark for the key's colour
    picture[16:48, 16:48, 3] = 255
    picture[14:19, 24:40, :3] = 255, 0, 255  # half of the stroke lies in the transparent part
    (fill,) = inpainter(folder, mask_color="#f0f")(Image.fromarray(picture), None)
    np.testing.assert_array_equal(np.asarray(fill)[..., 3], picture[..., 3])
    assert not (np.asarray(fill)[14:19, 24:40, :3] == (255, 0, 255)).all(axis=2).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"extend": "0%"}, "inpaint: extend: a number of pixels from 1 to 65,536, or per cent"),
        ({"extend": {"left": -1}}, r"inpaint: extend\.left: a number of pixels"),
        ({"extend": 3, "fit": "crop"}, "extend is about the whole picture"),
        ({"mask_feather": 2, "mask_soft": True}, "exclude each other"),
        ({"mask_channel": "grey"}, "mask_channel should be 'alpha' or None, not 'grey'"),
    ],
)
def test_wrong_settings(folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(repaint.ConfigError, match=message):
        inpainter(folder, **settings)


@pytest.mark.parametrize("extend", [None, "10%"])
def test_the_polarity_of_masks_needs_one(folder: Path, extend: str | None) -> None:
    """As on the command line, where --mask_polarity is refused without --mask."""
    transparent = np.dstack([noise_picture(20, 30), np.where(half(20, 30), 255, 0).astype(np.uint8)])
    message = "mask_polarity: hole_white is about masks, but there is none"
    turned = inpainter(folder, mask_polarity="hole_white", extend=extend)
    with pytest.raises(repaint.ConfigError, match=message):
        turned(transparent, None)
    with pytest.raises(repaint.ConfigError, match=message):
        turned.count_calls(transparent)
    with pytest.raises(repaint.ConfigError, match=message):
        inpainter(folder, extend=extend).with_settings(mask_polarity="hole_white").read(transparent, None)
    assert turned(transparent[..., :3], ~half(20, 30))


def test_a_picture_that_was_read_has_its_mask(folder: Path) -> None:
    painter = inpainter(folder)
    example = painter.read(noise_picture(20, 30), half(20, 30))
    for call in (painter, painter.count_calls):
        with pytest.raises(repaint.ConfigError, match="mask: the picture was read with its own; leave it out"):
            call(example, ~half(20, 30))
    assert painter(example)[0].tobytes() == painter(noise_picture(20, 30), half(20, 30))[0].tobytes()
