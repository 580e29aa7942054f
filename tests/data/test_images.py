import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repaint.data import images


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
