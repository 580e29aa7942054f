"""Windows between two levels of their refinement: fills are enlarged and textured, what is known stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.data import refined_window
from repaint.data.refined_window import RefinedWindow
from repaint.data.refinement import level_shapes
from repaint.data.texture import GUIDE_BLUR, Matches, copy_texture
from repaint.data.window_pixels import cut_out, cut_out_at, known_at
from repaint.data.windows import Window, around_holes, padded, whole
from tests.data.test_refinement import plan, square
from tests.data.test_windows import holes, masks

RNG = np.random.default_rng(0)


@settings(max_examples=60, deadline=None)
@given(masks(), st.sampled_from([8, 16]), st.sampled_from(["window", "pad", "resize"]), st.sampled_from([0, 3, 5]))
def test_every_hole_pixel_is_refined_once_and_known_ones_are_shown_as_they_are(
    known: np.ndarray, size: int, fit: str, patch_size: int
) -> None:
    pixels = RNG.integers(0, 255, (*known.shape, 3), np.uint8)
    covers = {"window": lambda: around_holes(known, size), "pad": lambda: [padded(*known.shape)]}
    windows = covers.get(fit, lambda: [whole(*known.shape)])()[:1]
    areas = [] if known.all() else plan(known, windows, size)
    if not areas:
        return
    assert [area.level for area in areas] == sorted(area.level for area in areas)
    assert {area.level for area in areas} == set(range(1, len(level_shapes(windows[0], size)) + 1))
    seen, _ = cut_out(pixels, known, windows[0], size)
    refined = RefinedWindow([np.full_like(seen, 255)], windows[0], known, patch_size)
    for level in range(1, areas[-1].level + 1):
        own = [area for area in areas if area.level == level]
        truth, expected = cut_out_at(pixels, known, windows[0], own[0].shape)
        np.testing.assert_array_equal(known_at(known, windows[0], own[0].shape), expected)
        for number, area in enumerate(own):
            shown, shown_known = refined.cut_out(area, pixels, known)
            np.testing.assert_array_equal(shown_known, expected[area.box])
            np.testing.assert_array_equal(shown[shown_known], truth[area.box][shown_known])
            refined.paste(area, np.full(shown.shape, number % 200, np.uint8))
    top, bottom, left, right = windows[0].fill
    if windows[0].height >= size <= windows[0].width:
        rows, columns = slice(top - windows[0].top, bottom - windows[0].top), slice(left - windows[0].left, None)
        part = refined.pixels[rows, columns][:, : right - left]
        hole = ~known[top:bottom, left:right]
        assert (part[hole] < 200).all()
        np.testing.assert_array_equal(part[~hole], pixels[top:bottom, left:right][~hole])


def test_an_area_begins_with_the_enlarged_fill() -> None:
    known = holes(64, 64, [(16, 48, 16, 48)])
    pixels = np.full((64, 64, 3), 90, np.uint8)
    (area,) = plan(known, [square(64)], 32)
    fill = np.full((32, 32, 3), 90, np.uint8)
    fill[8:24, 8:24] = 200
    shown, _ = RefinedWindow([fill], square(64), known).cut_out(area, pixels, known)
    rows, columns = area.box
    middle = shown[24 - rows.start : 28 - rows.start, 24 - columns.start : 28 - columns.start]
    assert middle.shape == (4, 4, 3)
    assert (middle == 200).all()


def test_an_area_changes_only_the_holes_that_its_tiles_fill() -> None:
    """The boxes of two areas may overlap where the tiles do not: those of an L and of what lies in its angle."""
    known, pixels = (
        holes(256, 256, [(20, 30, 20, 236), (20, 236, 20, 30), (180, 200, 180, 200)]),
        np.full((256, 256, 3), 90, np.uint8),
    )
    angle, speck = [area for area in plan(known, [square(256)], 32) if area.level == 3]
    angle, speck = (angle, speck) if len(angle.tiles) > len(speck.tiles) else (speck, angle)
    refined = RefinedWindow([np.full((32, 32, 3), 50, np.uint8)], square(256), known)
    for area, value in ((speck, 10), (angle, 200)):
        box, _ = refined.cut_out(area, pixels, known)
        refined.paste(area, np.full(box.shape, value, np.uint8))
    assert (refined.pixels[known] == 90).all()
    assert (refined.pixels[180:200, 180:200] == 10).all()
    assert (refined.pixels[20:30, 20:236] == 200).all()


def test_texture_follows_the_fill_from_level_to_level() -> None:
    """Stripes on the left, dots on the right, and a fill that only says which is which, by their mean colours."""
    pixels = np.full((128, 128, 3), 180, np.uint8)
    pixels[:, :64] = 60
    pixels[::4, :64] = pixels[1::4, :64] = 120
    pixels[::4, 64::4] = 80
    known = holes(128, 128, [(40, 88, 40, 88)])
    fill, _ = cut_out(pixels, known, square(128), 32)
    fill[10:22, 10:16], fill[10:22, 16:22] = 90, 174
    refined = RefinedWindow([fill], square(128), known, 5)
    for area in plan(known, [square(128)], 32):
        refined.cut_out(area, pixels, known)
    assert np.abs(refined.pixels.astype(int) - pixels).max() <= 8


def test_patches_are_found_at_half_size_where_a_hole_is_enclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[tuple[int, ...], tuple[int, ...] | None, float | None]] = []

    def recorded(
        pixels: np.ndarray,
        known: np.ndarray,
        hole: np.ndarray,
        size: int,
        before: Matches | None = None,
        blur: float | None = None,
    ) -> tuple[np.ndarray, Matches | None]:
        assert not (known & hole).any()
        calls.append((pixels.shape[:2], before and before.shape, blur))
        return copy_texture(pixels, known, hole, size, before, blur or GUIDE_BLUR)

    monkeypatch.setattr(refined_window, "copy_texture", recorded)
    pixels = RNG.integers(0, 255, (128, 128, 3), np.uint8)
    fill = np.full((32, 32, 3), 7, np.uint8)
    known = holes(128, 128, [(40, 88, 40, 88)])
    RefinedWindow([fill], square(128), known, 5).enlarge((64, 64), pixels, known)
    assert calls == [((16, 16), None, 2), ((32, 32), (16, 16), None), ((64, 64), (32, 32), None)]
    for window, known in (
        (square(128), holes(128, 128, [(0, 48, 40, 88)])),  # at the side
        (Window(-32, 0, 128, 128, (0, 96, 0, 128)), holes(96, 128, [(0, 48, 40, 88)])),  # at what lies outside
        (Window(0, 0, 128, 128, (0, 64, 0, 128)), holes(128, 128, [(40, 88, 40, 88)])),  # at what another one fills
    ):
        calls.clear()
        RefinedWindow([fill], window, known, 5)
        assert calls == [((32, 32), None, None)]
    chequered = np.ones((32, 32), bool)
    chequered[1:-1, 1:-1] = np.add(*np.ogrid[:30, :30]) % 2
    chequered[1, -2] = chequered[-2, 1] = False
    known = chequered.repeat(4, 0).repeat(4, 1)  # at half size no pixel is wholly known
    calls.clear()
    RefinedWindow([fill], square(128), known, 5)
    assert calls == [((32, 32), None, None)]


def test_what_other_windows_fill_gets_no_texture() -> None:
    known = holes(128, 128, [(20, 50, 20, 50), (80, 110, 80, 110)])
    pixels = RNG.integers(0, 255, (128, 128, 3), np.uint8)
    window = Window(0, 0, 128, 128, (0, 64, 0, 64))
    fill = np.full((32, 32, 3), 7, np.uint8)
    refined = RefinedWindow([fill], window, known, 5)
    for shape in level_shapes(window, 32):
        refined.enlarge(shape, pixels, known)
    assert (refined.pixels[90:100, 90:100] == 7).all()
    assert (refined.pixels[20:50, 20:50] != 7).mean() > 0.9


def test_known_pixels_stay_where_hardly_any_is_wholly_known() -> None:
    """Where no resized pixel is, those count as known that average the most, though they show some of the hole."""
    y, x = np.mgrid[:256, :256]
    known = ((y + x) % 2 == 0) & ((y - 128) ** 2 + (x - 128) ** 2 > 90**2)
    pixels = RNG.integers(0, 255, (256, 256, 3), np.uint8)
    window = around_holes(known, 64)[0]
    fills = {}
    for patch_size in (0, 5):
        refined = RefinedWindow([np.full((64, 64, 3), 255, np.uint8)], window, known, patch_size)
        refined.enlarge(level_shapes(window, 64)[0], pixels, known)
        shape = refined.pixels.shape[:2]
        truth, seen = cut_out_at(pixels, known, window, (shape[0], shape[1]))
        np.testing.assert_array_equal(refined.pixels[seen], truth[seen])
        fills[patch_size] = refined.pixels[~seen]
    assert (fills[0] != fills[5]).any()
