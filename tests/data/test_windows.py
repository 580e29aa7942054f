from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from repaint.data import window_pixels
from repaint.data.mask_generators import generate_mask
from repaint.data.window_pixels import cut_out, paste
from repaint.data.windows import Window, around_holes, padded, whole

RNG = np.random.default_rng(0)


def holes(height: int, width: int, boxes: list[tuple[int, int, int, int]]) -> np.ndarray:
    """A mask with boxes (top, bottom, left, right) as holes."""
    known = np.ones((height, width), bool)
    for top, bottom, left, right in boxes:
        known[top:bottom, left:right] = False
    return known


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    height, width = draw(st.integers(8, 120)), draw(st.integers(8, 120))
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        boxes.append((top, top + draw(st.integers(1, 60)), left, left + draw(st.integers(1, 60))))
    return holes(height, width, boxes)


@settings(max_examples=150, deadline=None)
@given(masks(), st.sampled_from([8, 16, 32]))
def test_windows_cover_every_hole_and_touch_nothing_known(known: np.ndarray, size: int) -> None:
    pixels = RNG.integers(0, 255, (*known.shape, 3), np.uint8)
    now, rest = pixels, known.copy()
    for window in around_holes(known, size):
        assert window.height == window.width
        seen, seen_known = cut_out(now, rest, window, size)
        assert seen.shape == (size, size, 3)
        assert seen_known.shape == (size, size)
        now = paste(now, rest, window, np.full((size, size, 3), 255, np.uint8))
        top, bottom, left, right = window.fill
        rest[top:bottom, left:right] = True
    assert rest.all()
    np.testing.assert_array_equal(now[known], pixels[known])


def test_no_hole_no_window() -> None:
    assert around_holes(np.ones((50, 60), bool), 16) == []


def test_nothing_known_is_one_window() -> None:
    assert around_holes(np.zeros((50, 60), bool), 16) == [padded(50, 60)]


def test_far_holes_get_windows_of_their_own_and_near_ones_share() -> None:
    far = around_holes(holes(300, 400, [(20, 40, 20, 40), (250, 270, 350, 370)]), 64)
    assert [(w.height, w.fill) for w in far] == [(64, (20, 40, 20, 40)), (64, (250, 270, 350, 370))]
    near = around_holes(holes(300, 400, [(20, 40, 20, 40), (20, 40, 45, 65)]), 64)
    assert [w.fill for w in near] == [(20, 40, 20, 65)]


def test_a_blob_larger_than_the_network_has_context_around() -> None:
    (window,) = around_holes(holes(400, 500, [(100, 200, 300, 400)]), 64)
    assert window.height == 150
    assert (window.top, window.left) == (75, 275)


def test_windows_stay_inside_while_the_hole_fits() -> None:
    (corner,) = around_holes(holes(400, 500, [(0, 50, 450, 500)]), 64)
    assert (corner.top, corner.left + corner.width) == (0, 500)
    (wide,) = around_holes(holes(100, 300, [(0, 100, 0, 200)]), 16)
    assert wide.columns == (0, 300)
    assert wide.rows == (-100, 200)


@settings(max_examples=150, deadline=None)
@given(masks(), st.sampled_from([8, 16, 32]))
def test_every_window_has_something_to_fill_and_something_to_go_by(known: np.ndarray, size: int) -> None:
    rest = known.copy()
    for window in around_holes(known, size) if known.any() else []:
        assert cut_out(np.zeros((*known.shape, 3), np.uint8), rest, window, size)[1].any()
        top, bottom, left, right = window.fill
        assert not rest[top:bottom, left:right].all()
        rest[top:bottom, left:right] = True


@pytest.mark.parametrize("shape", [(200, 400), (200, 600), (64, 1000), (1000, 1778)])
def test_half_of_a_long_picture_is_filled_in_sight_of_the_other(shape: tuple[int, int]) -> None:
    known = generate_mask("genhalf", shape, 0)
    for turned in (known, known.T):
        window = around_holes(turned, 64)[0]
        _, seen = cut_out(np.zeros((*turned.shape, 3), np.uint8), turned, window, 64)
        assert seen.mean() > 0.03
        assert window.height <= 3 * min(shape)


def test_a_hole_inside_a_ring_is_filled_on_its_own() -> None:
    known = holes(300, 300, [(50, 250, 50, 250)])
    known[90:210, 90:210] = True
    known[145:155, 145:155] = False
    first, *others = around_holes(known, 64)
    assert first.fill == (145, 155, 145, 155)
    assert others


def test_long_thin_holes_are_covered_in_pieces_at_full_resolution() -> None:
    windows = around_holes(holes(1000, 1000, [(500, 504, 0, 1000)]), 64)
    assert {window.height for window in windows} == {64}
    assert 20 <= len(windows) <= 25


@pytest.mark.parametrize(("kind", "most"), [("thin", 100), ("ev2li", 64), ("nn2", 64)])
def test_fine_masks_are_hardly_reduced(kind: str, most: int) -> None:
    windows = around_holes(generate_mask(kind, 256, 1), 64)
    assert all(64 <= window.height <= most for window in windows)


# Cutting and pasting


def test_at_the_networks_size_nothing_is_resampled() -> None:
    pixels = RNG.integers(0, 255, (100, 120, 3), np.uint8)
    known = holes(100, 120, [(40, 60, 40, 60)])
    (window,) = around_holes(known, 32)
    seen, seen_known = cut_out(pixels, known, window, 32)
    (top, bottom), (left, right) = window.rows, window.columns
    np.testing.assert_array_equal(seen_known, known[top:bottom, left:right])
    np.testing.assert_array_equal(seen[seen_known], pixels[top:bottom, left:right][seen_known])
    filled = RNG.integers(0, 255, (32, 32, 3), np.uint8)
    result = paste(pixels, known, window, filled)
    np.testing.assert_array_equal(result[top:bottom, left:right][~seen_known], filled[~seen_known])
    np.testing.assert_array_equal(result[known], pixels[known])


@pytest.mark.parametrize("content", [0, 77, 255])
def test_the_holes_content_never_leaks(content: int) -> None:
    pixels = np.full((200, 200, 3), 100, np.uint8)
    known = holes(200, 200, [(53, 147, 51, 149)])
    pixels[~known] = content
    for window in (around_holes(known, 16)[0], whole(200, 200), padded(200, 200)):
        seen, seen_known = cut_out(pixels, known, window, 16)
        assert (seen[seen_known] == 100).all()
        assert (seen[~seen_known] == 0).all()
        assert 0.3 < seen_known.mean() < 0.9
        result = paste(pixels, known, window, np.where(seen_known[..., None], seen, 100).astype(np.uint8))
        assert (result == 100).all()


@pytest.mark.parametrize(("side", "frame"), [(400, 5), (400, 1), (40, 1), (20, 2)])
def test_surroundings_thinner_than_a_pixel_of_the_network_are_seen(side: int, frame: int) -> None:
    known = holes(side, side, [(frame, side - frame, frame, side - frame)])
    pixels = np.where(known[..., None], (200, 90, 30), 255).astype(np.uint8)
    (window,) = around_holes(known, 64)
    seen, seen_known = cut_out(pixels, known, window, 64)
    assert seen_known[0].any()
    assert not seen_known[32, 32]
    np.testing.assert_allclose(seen[seen_known], np.broadcast_to((200, 90, 30), (seen_known.sum(), 3)), atol=1)


def test_outside_of_the_picture_is_unknown() -> None:
    known = np.ones((20, 40), bool)
    _, seen = cut_out(np.zeros((20, 40, 3), np.uint8), known, padded(20, 40), 40)
    np.testing.assert_array_equal(seen.all(axis=1), [False] * 10 + [True] * 20 + [False] * 10)


def smooth(height: int, width: int) -> np.ndarray:
    """A picture of plain gradients."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + 90 * y / height, 60 + 70 * x / width, 100 + 0 * x], axis=-1).round().astype(np.uint8)


SPOTS = [(30, 80, 30, 90), (300, 340, 420, 480), (70, 75, 400, 405), (339, 390, 0, 20)]


@pytest.mark.parametrize("cover", [whole, padded])
@pytest.mark.parametrize("size", [40, 96])
def test_pasting_around_each_hole_is_pasting_as_a_whole(monkeypatch: pytest.MonkeyPatch, cover: Any, size: int) -> None:
    pixels, known = smooth(390, 500), holes(390, 500, SPOTS)
    filled = np.asarray(Image.fromarray(RNG.integers(0, 256, (5, 5, 3), np.uint8)).resize((size, size)))
    expected = paste(pixels, known, cover(390, 500), filled)
    areas = list(window_pixels._areas(known, cover(390, 500)))
    monkeypatch.setattr(window_pixels, "MOST_AT_ONCE", 0)
    np.testing.assert_array_equal(paste(pixels, known, cover(390, 500), filled), expected)
    small = list(window_pixels._areas(known, cover(390, 500)))
    assert (len(areas), len(small)) == (1, len(SPOTS))
    assert sum((bottom - top) * (right - left) for top, bottom, left, right in small) < 0.1 * known.size


def test_an_enlarged_fill_is_pasted_as_it_is() -> None:
    pixels = (128 + RNG.normal(0, 8, (256, 256, 1)) + np.zeros(3)).round().clip(0, 255).astype(np.uint8)
    known = holes(256, 256, [(64, 192, 64, 192)])
    window = Window(0, 0, 256, 256, (64, 192, 64, 192))
    result = paste(pixels, known, window, np.full((32, 32, 3), 128, np.uint8))
    assert (result[~known] == 128).all()
    np.testing.assert_array_equal(result[known], pixels[known])
