"""Soft masks: what is known, what blends, and how."""

from warnings import catch_warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import distance_transform_edt

from repaint.data.examples import Example, ReadSettings, make_example
from repaint.data.mask_levels import HOLE_TO, KNOWN_FROM
from repaint.data.masks import MaskRule
from repaint.data.pairing import Pair
from repaint.data.soft_masks import blend, feather, split_levels
from repaint.errors import DataError, DataWarning

PAIR = Pair(0, "a.png", "a.png", "m.png")
SHAPES = st.tuples(st.integers(1, 24), st.integers(1, 24))


def read(mask: np.ndarray, size: tuple[int, int] | None = None, **rule: object) -> Example:
    height, width = mask.shape[:2] if size is None else size
    picture = Image.fromarray(np.full((height, width, 3), 90, np.uint8))
    reading = ReadSettings(16, "window", rule=MaskRule(**({"soft": True} | rule)))  # type: ignore[arg-type]
    return make_example(PAIR, picture, Image.fromarray(mask), reading)


@given(arrays(np.uint8, SHAPES))
def test_levels_near_the_ends_are_known_and_hole_and_the_others_blend(levels: np.ndarray) -> None:
    known, share = split_levels(levels)
    np.testing.assert_array_equal(known, levels >= KNOWN_FROM)
    between = (levels > HOLE_TO) & (levels < KNOWN_FROM)
    assert (share is not None) == between.any()
    if share is not None:
        np.testing.assert_array_equal((share > 0) & (share < 255), between)
        assert (share[levels <= HOLE_TO] == 0).all()
        order = np.argsort(levels, axis=None)
        assert (np.diff(share.ravel()[order].astype(int)) >= 0).all()  # brighter keeps more
        expected = (levels[between].astype(float) - HOLE_TO) / (KNOWN_FROM - HOLE_TO) * 255
        assert np.abs(share[between] - expected).max() <= 1


def test_a_hard_mask_stays_hard_when_jpeg_compression_made_it_slightly_grey() -> None:
    rng = np.random.default_rng(0)
    hard = np.full((40, 40), 255, np.uint8)
    hard[10:20, 15:30] = 0
    grey = np.where(hard == 255, 255 - rng.integers(0, 16, hard.shape), rng.integers(0, 16, hard.shape)).astype(
        np.uint8
    )
    for mask in (hard, grey):
        example = read(mask)
        np.testing.assert_array_equal(example.known, hard == 255)
        assert example.share is None
        np.testing.assert_array_equal(read(mask, soft=False).known, example.known)


def test_without_the_switch_masks_are_cut_at_128() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    example = read(ramp, soft=False)
    np.testing.assert_array_equal(example.known, ramp >= 128)
    assert example.share is None


def test_white_holes_and_a_faint_brush_on_black() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:9, 5:9] = 100
    example = read(mask, hole_white=True)
    np.testing.assert_array_equal(example.known, mask == 0)
    assert example.share is not None
    assert set(example.share[mask == 100]) == {round((155 - 15) / 225 * 255)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hole_white", [False, True])
def test_soft_masks_are_judged_by_their_levels(hole_white: bool) -> None:
    """Faint or strong throughout, they have no pixel on the other side of 128."""
    for low, high in ((0, 125), (16, 127), (130, 255), (200, 239)):
        mask = np.tile(np.linspace(low, high, 20).round().astype(np.uint8), (20, 1))
        levels = 255 - mask if hole_white else mask
        if levels.max() >= KNOWN_FROM:
            example = read(mask, hole_white=hole_white)
        else:
            with pytest.warns(DataWarning, match=r"^m\.png: no pixel of this soft mask is fully known, so all"):
                example = read(mask, hole_white=hole_white)
        np.testing.assert_array_equal(example.known, levels >= KNOWN_FROM)
        assert example.share is not None
        assert np.abs(example.share - ((levels.astype(float) - 15) / 225 * 255).clip(0, 255)).max() <= 1
    with pytest.raises(DataError, match=r"grey levels go from 0 to 15, so all of it is black \(below 16\)"):
        read(np.tile(np.arange(16, dtype=np.uint8), (4, 1)), hole_white=hole_white)


def test_two_greys_of_a_palette_are_levels_of_a_soft_mask() -> None:
    """Two colours stand for known and hole."""
    strokes = np.zeros((20, 20), np.uint8)
    strokes[5:9, 5:9] = 1
    for colours, expected in (
        ([(0,) * 3, (100,) * 3], 100),
        ([(200,) * 3, (255,) * 3], 255),
        ([(0,) * 3, (128, 0, 0)], 255),
    ):
        mask = Image.fromarray(strokes)
        mask.putpalette([level for colour in colours for level in colour])
        with catch_warnings(action="ignore"):
            levels = np.asarray(MaskRule(soft=True).read(mask, "m.png"))
        assert set(levels[strokes == 1]) == {expected}
        assert set(levels[strokes == 0]) == {colours[0][0]}


def test_faint_transparency_blends() -> None:
    pixels = np.full((12, 16, 4), 200, np.uint8)
    pixels[..., 3] = np.arange(16, dtype=np.uint8) * 8
    reading = ReadSettings(16, "window", rule=MaskRule(channel="alpha", soft=True))
    with pytest.warns(DataWarning, match="no pixel of this soft mask is fully known"):
        example = make_example(Pair(0, "a.png", "a.png", None), Image.fromarray(pixels), None, reading)
    assert not example.known.any()
    assert example.share is not None
    assert 110 < example.share.max() < 125


def test_transparency_blends() -> None:
    pixels = np.full((12, 16, 4), 200, np.uint8)
    pixels[..., 3] = np.arange(16, dtype=np.uint8) * 17
    reading = ReadSettings(16, "window", rule=MaskRule(channel="alpha", soft=True))
    example = make_example(Pair(0, "a.png", "a.png", None), Image.fromarray(pixels), None, reading)
    np.testing.assert_array_equal(example.known, pixels[..., 3] >= KNOWN_FROM)
    assert example.share is not None
    assert example.photo.alpha is not None
    assert (example.photo.alpha[~example.known] == 255).all()  # what is filled or blended is opaque


def test_a_small_mask_is_enlarged_without_steps() -> None:
    mask = np.full((10, 10), 255, np.uint8)
    mask[:, :5] = 0
    example = read(mask, (80, 80))
    assert example.share is not None
    row = example.share[40].astype(int)
    assert (np.diff(row) >= 0).all()
    assert len(set(row)) > 5
    assert example.known[:, 48:].all()
    assert (example.share[:, :30] == 0).all()


@settings(deadline=None)
@given(arrays(bool, SHAPES), st.integers(1, 8))
def test_the_rim_of_a_feathered_mask_lies_outside_the_hole(known: np.ndarray, width: int) -> None:
    if known.all() or not known.any():
        left, share = feather(known, width, "a.png")
        np.testing.assert_array_equal(left, known)
        assert share is None
        return
    distance = distance_transform_edt(known)
    beyond = distance > width
    if not beyond.any():
        with pytest.raises(DataError, match=f"mask_feather: {width} leaves nothing known of it"):
            feather(known, width, "a.png")
        return
    left, share = feather(known, width, "a.png")
    assert share is not None
    np.testing.assert_array_equal(left, beyond)
    assert (share[beyond] == 255).all()
    assert (share[~known] == 0).all()
    rim = known & ~beyond
    assert np.abs(share[rim] / 255 - distance[rim] / (width + 1)).max(initial=0) < 0.005
    assert (np.diff(share[rim][np.argsort(distance[rim])].astype(int)) >= 0).all()
    assert (share[rim] < 255).all()


@given(arrays(np.uint8, (6, 5, 3)), arrays(np.uint8, (6, 5, 3)), arrays(np.uint8, (6, 5)))
def test_blending(picture: np.ndarray, filled: np.ndarray, share: np.ndarray) -> None:
    before = filled.copy()
    mixed = blend(picture, filled, share)
    np.testing.assert_array_equal(filled, before)
    hard = (share == 0) | (share == 255)
    np.testing.assert_array_equal(mixed[hard], filled[hard])
    weight = share[..., None] / 255
    expected = weight * picture + (1 - weight) * filled
    assert np.abs(mixed - expected)[~hard].max(initial=0) <= 0.501
