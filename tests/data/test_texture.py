"""Texture copied into fills: from known patches only, for every hole, the same every time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.data import patch_search, texture
from repaint.data.texture import Matches, copy_texture
from tests.data.test_windows import holes, masks


def chequered(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.repeat(((y // 3 + x // 3) % 2 * 100 + 50)[..., None], 3, 2).astype(np.uint8)


def with_fill(pixels: np.ndarray, known: np.ndarray, value: int = 100) -> np.ndarray:
    return np.where(known[..., None], pixels, value).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(masks(), st.sampled_from([3, 5]), st.integers(0, 3))
def test_known_pixels_stay_and_colours_are_those_of_known_ones(known: np.ndarray, size: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(100, 200, (*known.shape, 3)).astype(np.uint8)
    filled = with_fill(pixels, known, 0)
    result, matches = copy_texture(filled, known, ~known, size)
    np.testing.assert_array_equal(result[known], pixels[known])
    changed = (result != filled).any(axis=2)
    assert result[changed].size == 0 or result[changed].min() >= 100
    if matches is None:
        np.testing.assert_array_equal(result, filled)
    again, _ = copy_texture(filled, known, ~known, size)
    np.testing.assert_array_equal(result, again)


def test_what_is_neither_known_nor_hole_is_not_copied_and_stays() -> None:
    known = holes(60, 60, [(20, 40, 20, 40)])
    hole = ~known
    known[:, 45:] = False
    pixels = with_fill(chequered(60, 60), ~hole)
    pixels[:, 45:] = 255
    result, _ = copy_texture(pixels, known, hole, 5)
    assert result[:, :45].max() <= 151
    assert (result[:, 45:] == 255).all()


def test_the_fill_decides_which_of_two_textures_a_hole_gets() -> None:
    pixels = np.full((60, 120, 3), 40, np.uint8)
    pixels[::2] = 60
    pixels[:, 60:] = 200
    pixels[:, 60::2] = 220
    known = holes(60, 120, [(15, 45, 45, 75)])
    for left, right in ((50, 210), (210, 50)):
        fill = with_fill(pixels, known)
        fill[15:45, 45:60], fill[15:45, 60:75] = left, right
        result, _ = copy_texture(fill, known, ~known, 5)
        middle = result[22:38]
        assert abs(middle[:, 48:57].mean() - left) < 10
        assert abs(middle[:, 63:72].mean() - right) < 10
        for part in (middle[:, 48:57], middle[:, 63:72]):  # rows or columns in turn, and not a mean of them
            assert part.std() > 6


def test_a_fill_is_all_that_counts_at_first_and_counts_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[tuple[float, float]] = []

    def recorded(*arguments: Any) -> np.ndarray:
        weights.append(arguments[-1])
        return patch_search.describe(*arguments)

    monkeypatch.setattr(texture, "describe", recorded)
    known = holes(40, 40, [(15, 25, 15, 25)])
    _, matches = copy_texture(chequered(40, 40), known, ~known, 5)
    assert weights == [(0, 1)] + (texture.FIRST_ROUNDS - 1) * [(1, texture.GUIDE_WEIGHT)]
    weights.clear()
    copy_texture(chequered(40, 40), known, ~known, 5, matches)
    assert weights == texture.ROUNDS * [(1, texture.GUIDE_WEIGHT)]


def test_matches_of_a_coarser_level_are_where_a_finer_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture, "ROUNDS", 0)
    pixels = np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8)
    known = holes(80, 80, [(30, 50, 30, 50)])
    places = np.argwhere(~holes(40, 40, [(13, 27, 13, 27)]))
    before = Matches((40, 40), places, np.full_like(places, (12, 0)))  # 24 pixels down at this level
    result, matches = copy_texture(with_fill(pixels, known), known, ~known, 5, before)
    np.testing.assert_array_equal(result[30:50, 30:50], pixels[54:74, 30:50])
    assert matches is not None
    assert (matches.moves == (24, 0)).all()
    np.testing.assert_array_equal(matches.at(np.array([[10, 10]]), (40, 40)), [[12, 0]])


def test_holes_without_a_known_patch_stay_and_pass_matches_on() -> None:
    known = np.zeros((30, 30), bool)
    known[:2] = True
    pixels = with_fill(chequered(30, 30), known)
    before = Matches((15, 15), np.array([[7, 7]]), np.array([[1, 1]]))
    result, matches = copy_texture(pixels, known, ~known, 5, before)
    np.testing.assert_array_equal(result, pixels)
    assert matches is before
    assert copy_texture(pixels, known, ~known, 5)[1] is None


def test_a_hole_takes_patches_from_as_far_as_it_is_wide() -> None:
    """What is like its fill lies farther away, and is not taken."""
    known = holes(300, 300, [(40, 80, 40, 80), (220, 260, 220, 260)])
    pixels = np.full((300, 300, 3), 30, np.uint8)
    pixels[150:, 150:] = 220
    result, _ = copy_texture(np.where(known[..., None], pixels, 250 - pixels).astype(np.uint8), known, ~known, 5)
    assert (result[40:80, 40:80] == 30).all()
    assert (result[220:260, 220:260] == 220).all()


def test_large_holes_are_filled_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    known = holes(100, 150, [(30, 70, 30, 120)])
    pixels = chequered(100, 150)
    for most in (texture.MOST_AT_ONCE, 9_600, 8_000):
        monkeypatch.setattr(texture, "MOST_AT_ONCE", most)
        parts = list(texture._parts(~known))
        assert (len(parts) == 1) == (most > 100_000)
        assert all(known[region].size <= most for _, region in parts)
        covered = np.zeros_like(known)
        for part, _ in parts:
            covered[part] = True
        assert covered[~known].all()
        result, _ = copy_texture(with_fill(pixels, known), known, ~known, 5)
        np.testing.assert_array_equal(result[known], pixels[known])
        assert (np.abs(result[~known].astype(int) - 100) > 30).mean() > (0.7 if most > 100_000 else 0.4)
