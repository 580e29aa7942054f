from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repaint.data import images
from repaint.errors import DataError


def test_every_grey_level_survives_the_round_trip() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    unit = images.to_unit(images.to_tensor(pixels))
    assert unit.min() == -1
    assert unit.max() == 1
    np.testing.assert_array_equal(images.to_uint8(unit), pixels)


def test_to_uint8_rounds_and_clamps() -> None:
    x = torch.tensor([-1.5, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1, 1.5]).repeat(3, 1, 1)
    np.testing.assert_array_equal(images.to_uint8(x)[0, :, 0], [0, 0, 1, 255])


@given(st.integers(8, 300), st.integers(8, 300), st.sampled_from([8, 32, 64]))
def test_crop_gives_the_size_and_masks_follow_pictures(width: int, height: int, size: int) -> None:
    """A mask cut by nearest neighbour marks the place where the picture's marked area went."""
    assert images.center_crop(Image.new("RGB", (width, height)), size).size == (size, size)
    mask = Image.new("L", (width, height))
    mask.paste(255, (width // 2, 0, width, height))
    picture = np.asarray(images.center_crop(mask, size)).astype(int)
    followed = np.asarray(images.center_crop_like(mask, (width, height), size)).astype(int)
    edge_free = (picture < 5) | (picture > 250)
    assert np.abs(picture - followed)[edge_free].mean() < 40 + 255 * 3 / size  # they differ at most near the edge


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.full((16, 16), 128 * 257 if mode.startswith("I") else 128, np.uint16 if mode == "I;16" else np.int32)
    picture = Image.fromarray(grey) if mode.startswith("I") else Image.fromarray(grey.astype(np.uint8)).convert(mode)
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I") else "x.png")
    picture.save(path)
    array = images.crop_to_array(images.decode(str(path)), 16)
    assert array.shape == (16, 16, 3)
    if mode != "1":
        assert abs(int(array[8, 8, 0]) - 128) <= 1


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png: not a readable picture"):
        images.decode(str(path))


def test_truncated_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="not a readable picture"):
        images.decode(str(path))


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "x.png"
    Image.new("L", (11, 11)).save(path)
    with pytest.raises(DataError, match="more than 100 pixels"):
        images.decode(str(path))


def test_encode_png_is_lossless(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    (tmp_path / "x.png").write_bytes(images.encode_png(pixels))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x.png")), pixels)
