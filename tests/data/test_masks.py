import math
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from repaint.data.decoding import load
from repaint.data.images import crop_to_array
from repaint.data.masks import (
    MaskRule,
    by_channel,
    check_ratio,
    crop_embedded_mask,
    crop_mask,
    mask_pixels,
    scale_mask,
    to_grey,
    wholly_known,
)
from repaint.errors import DataError, DataWarning


def test_grey_levels_are_cut_at_128_and_polarity_flips() -> None:
    mask = Image.fromarray(np.array([[0, 127, 128, 255]] * 4, np.uint8))
    known = crop_mask([MaskRule().read(mask, "m")], 4)
    np.testing.assert_array_equal(known[0], [False, False, True, True])
    np.testing.assert_array_equal(crop_mask([MaskRule(hole_white=True).read(mask, "m")], 4), ~known)
    np.testing.assert_array_equal(scale_mask(to_grey(mask), (8, 4))[0].reshape(4, 2)[:, 0], known[0])


@pytest.mark.parametrize("side", [64, 100, 128, 500, 3000])
def test_nothing_of_a_hole_in_the_picture_itself_leaks_into_the_known_part(side: int) -> None:
    mask = np.full((side, side), 255, np.uint8)
    mask[side // 4 : side // 2, side // 3 : 2 * side // 3] = 0
    painted = np.where(mask[..., None] == 0, [0, 0, 255], 128).astype(np.uint8)
    known = crop_embedded_mask(Image.fromarray(mask), 64)
    seen = crop_to_array(Image.fromarray(painted), 64)
    assert (seen[known] == 128).all()
    assert abs((~known).mean() - 1 / 12) < 0.05


def test_small_mask_is_resized_by_nearest_neighbour() -> None:
    mask = Image.fromarray(np.array([[255, 0], [0, 255]], np.uint8))
    known = crop_mask([mask], 16)
    np.testing.assert_array_equal(known, np.kron(np.eye(2), np.ones((8, 8))) > 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_modes(mode: str) -> None:
    grey = Image.fromarray(np.array([[0, 255]], np.uint8))
    np.testing.assert_array_equal(np.asarray(to_grey(grey.convert(mode))), [[0, 255]])


def test_transparent_counts_as_black() -> None:
    painted = Image.new("RGBA", (2, 1), (255, 255, 255, 0))
    painted.putpixel((1, 0), (255, 255, 255, 255))
    np.testing.assert_array_equal(np.asarray(to_grey(painted)), [[0, 255]])


def test_16_bit_masks_are_scaled() -> None:
    grey = np.asarray(to_grey(Image.fromarray(np.array([[0, 65535]], np.uint16))))
    np.testing.assert_array_equal(grey, [[0, 255]])


def test_ratio() -> None:
    check_ratio((256, 256), (512, 512), "m", "p")
    check_ratio((500, 333), (1001, 667), "m", "p")
    with pytest.raises(DataError, match=r"m: 256x256 has another aspect ratio than its picture p .640x480"):
        check_ratio((256, 256), (640, 480), "m", "p")


@pytest.mark.parametrize("rounding", [math.floor, round, math.ceil])
@pytest.mark.parametrize("size", [(1000, 667), (667, 1000), (4032, 3024), (1001, 333)])
def test_ratios_within_rounding_of_a_pixel_fit(size: tuple[int, int], rounding: Callable[[float], int]) -> None:
    for side in (64, 256, 512, 600):
        scaled = rounding(size[0] * side / max(size)), rounding(size[1] * side / max(size))
        check_ratio(scaled, size, "m", "p")
        check_ratio(size, scaled, "m", "p")
        with pytest.raises(DataError, match="another aspect ratio"):
            check_ratio((scaled[0], scaled[1] + max(3, side // 20)), size, "m", "p")
    check_ratio((size[0], size[1] + 1), size, "m", "p")


def test_a_coloured_mask_masks_each_channel_by_itself() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[255, 255, 255], [0, 0, 127]]], np.uint8)
    mask = Image.fromarray(pixels)
    known = crop_mask(MaskRule().read_channels(mask, "m"), 2)
    np.testing.assert_array_equal(known, pixels >= 128)
    np.testing.assert_array_equal(crop_mask(MaskRule(hole_white=True).read_channels(mask, "m"), 2), pixels < 128)
    np.testing.assert_array_equal(crop_mask(MaskRule().read_channels(mask.convert("P"), "m"), 2), pixels >= 128)
    np.testing.assert_array_equal(by_channel(known), known)
    np.testing.assert_array_equal(wholly_known(known), [[False, False], [True, False]])
    np.testing.assert_array_equal(mask_pixels(known), np.where(pixels >= 128, 255, 0))


def test_a_mask_whose_channels_differ_on_one_side_of_the_threshold_is_grey() -> None:
    mask = Image.fromarray(np.array([[[255, 250, 240], [0, 9, 20]], [[0, 0, 0], [255, 255, 255]]], np.uint8))
    known = crop_mask(MaskRule().read_channels(mask, "m"), 2)
    np.testing.assert_array_equal(known, [[True, False], [False, True]])


def test_the_transparent_part_is_the_hole() -> None:
    picture = Image.new("RGBA", (4, 1), (255, 255, 255, 255))
    picture.putpixel((1, 0), (255, 255, 255, 0))
    np.testing.assert_array_equal(np.asarray(MaskRule(channel="alpha").read(picture, "p")), [[255, 0, 255, 255]])
    with pytest.raises(DataError, match=r"p\.png: has no transparent part"):
        MaskRule(channel="alpha").read(picture.convert("RGB"), "p.png")


@pytest.mark.parametrize("color", ["#00f", "blue", "rgb(0, 0, 255)"])
def test_what_is_painted_in_a_colour_is_the_hole(color: str) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(80, 200, (40, 40, 3), np.uint8)
    pixels[10:20, 10:20] = 0, 0, 255
    mask = np.asarray(MaskRule(color=color).read(Image.fromarray(pixels), "p"))
    hole = mask == 0
    assert hole[10:20, 10:20].all()
    assert not hole[:7].any()
    assert hole.sum() < 15 * 15
    untouched = MaskRule(color=color).read(Image.new("RGB", (8, 8), "red"), "p")
    assert (np.asarray(untouched) == 255).all()


# Levels that are not those of the file convention

STRIPES = np.array([[0, 1, 1, 0]], np.uint8)


@pytest.mark.parametrize("hole_white", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_a_mask_of_0_and_1_the_1_is_white(dtype: type, hole_white: bool) -> None:
    mask = load(Image.fromarray(STRIPES.astype(dtype)), "m.png")
    with pytest.warns(DataWarning, match=r"^m\.png: its grey levels are 0 and 1; 1 is taken for 255$"):
        grey = np.asarray(MaskRule(hole_white).read(mask, "m.png"))
    np.testing.assert_array_equal(grey, 255 * (hole_white != STRIPES))


def test_of_opacities_of_0_and_1_the_1_is_opaque() -> None:
    picture = Image.fromarray(np.dstack([STRIPES * 90] * 3 + [STRIPES]))
    with pytest.warns(DataWarning, match="its opacities are 0 and 1"):
        grey = np.asarray(MaskRule(channel="alpha").read(picture, "p"))
    np.testing.assert_array_equal(grey, 255 * STRIPES)


def with_palette(*colours: tuple[int, int, int]) -> Image.Image:
    mask = Image.fromarray(STRIPES)
    mask.putpalette([level for colour in colours for level in colour])
    return mask


def test_of_two_dark_colours_of_a_palette_the_brighter_one_is_white() -> None:
    with pytest.warns(DataWarning, match="its palette has two colours; the brighter one is taken for white"):
        grey = np.asarray(MaskRule().read(with_palette((0, 0, 0), (128, 0, 0)), "m"))
    np.testing.assert_array_equal(grey, 255 * STRIPES)


@pytest.mark.filterwarnings("error")
def test_masks_as_usual_need_no_warning() -> None:
    for mask in (with_palette((0, 0, 0), (255, 255, 255)), Image.fromarray(STRIPES == 1), Image.new("L", (4, 1), 0)):
        MaskRule().read(mask, "m")
    inverse = MaskRule().read(with_palette((255, 255, 255), (0, 0, 0)), "m")
    np.testing.assert_array_equal(np.asarray(inverse), 255 * (1 - STRIPES))


@pytest.mark.parametrize(
    "mask",
    [
        Image.fromarray(np.array([[0, 1, 2]], np.uint8)),
        Image.fromarray(np.array([[0, 255]], np.uint16)),
        Image.fromarray(np.array([[0, 0, 38]], np.uint8)),
        with_palette((128, 0, 0), (0, 0, 0)),
        Image.fromarray(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8)),
    ],
)
@pytest.mark.parametrize("hole_white", [False, True])
def test_masks_of_dark_levels_whose_meaning_is_unclear_are_refused(mask: Image.Image, hole_white: bool) -> None:
    with pytest.raises(DataError, match=r"^m\.png: its grey levels go from 0 to \d+, so all of it is black"):
        MaskRule(hole_white).read(mask, "m.png")


def test_lab_masks_and_transparent_16_bit_masks() -> None:
    lab = Image.merge("LAB", [Image.fromarray(255 * STRIPES)] + [Image.new("L", (4, 1), 128)] * 2)
    np.testing.assert_array_equal(np.asarray(to_grey(lab)) > 127, STRIPES == 1)
    deep = Image.fromarray(np.array([[40_000, 65_535]], np.uint16))
    deep.info["transparency"] = 40_000
    np.testing.assert_array_equal(np.asarray(MaskRule(channel="alpha").read(deep, "m")), [[0, 255]])
    np.testing.assert_array_equal(np.asarray(to_grey(deep)), [[0, 255]])


def test_two_colours_of_a_palette_are_known_and_hole_for_every_channel() -> None:
    """Channel by channel, red on white would leave the hole known in its red part."""
    mask = Image.new("P", (2, 1), 0)
    mask.putpalette([255, 0, 0, 255, 255, 255])
    mask.putpixel((1, 0), 1)
    (levels,) = MaskRule().read_channels(mask, "mask.png")
    assert np.asarray(levels).tolist() == [[76, 255]]
    assert len(MaskRule().read_channels(mask.convert("RGB"), "mask.png")) == 3


def test_coloured_masks_of_dark_levels_are_refused() -> None:
    mask = Image.new("RGB", (2, 1))
    mask.putpixel((1, 0), (30, 60, 90))
    with pytest.raises(DataError, match="so all of it is black"):
        MaskRule().read_channels(mask, "mask.png")
