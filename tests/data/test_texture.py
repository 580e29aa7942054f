"""Texture copied into fills: from known patches only, for every hole, the same every time."""

import os
import subprocess
import sys
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
    pixels = np.full((150, 300, 3), 40, np.uint8)
    pixels[::2] = 60
    pixels[:, 150:] = 200
    pixels[:, 150::2] = 220
    known = holes(150, 300, [(35, 115, 70, 230)])
    for left, right in ((50, 210), (210, 50)):
        fill = with_fill(pixels, known)
        fill[35:115, 70:150], fill[35:115, 150:230] = left, right
        result, _ = copy_texture(fill, known, ~known, 5)
        middle = result[60:90]
        for part, value in ((middle[:, 95:125], left), (middle[:, 175:205], right)):
            assert abs(part.mean() - value) < 10
            assert part.std() > 6  # rows or columns in turn, and not a mean of them


def test_details_of_the_fill_smaller_than_the_blur_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture, "FIRST_ROUNDS", 1)  # that in which the fill is all that counts
    known = holes(80, 160, [(24, 56, 24, 56)])
    pixels = np.full((80, 160, 3), 50, np.uint8)
    pixels[:, 80:] = pixels[32:48, 32:48] = 200
    small, large = (copy_texture(pixels, known, ~known, 5, blur=blur)[0] for blur in (1.0, 8.0))
    assert small[39:41, 39:41].min() > 150
    assert large[24:56, 24:56].max() < 100


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Those of patches and fill in each round of a search."""
    found: list[tuple[float, float]] = []

    def recorded(*arguments: Any) -> np.ndarray:
        found.append(arguments[-1])
        return patch_search.describe(*arguments)

    monkeypatch.setattr(texture, "describe", recorded)
    return found


def test_a_fill_is_all_that_counts_at_first_and_counts_to_the_end(weights: list[tuple[float, float]]) -> None:
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
    np.testing.assert_array_equal(matches.at(np.array([[20, 20]]), (40, 40)), [[12, 0]])
    assert matches.at(np.array([[2, 2]]), (40, 40)) is None


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


@pytest.mark.parametrize("corner", [(0, 0), (150, 210)])
def test_matches_are_those_of_the_place_of_the_hole(corner: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """At a second level they lead to the same patches, wherever in the picture the hole lies."""
    top, left = corner
    pixels = np.random.default_rng(0).integers(0, 255, (240, 300, 3)).astype(np.uint8)
    known = holes(240, 300, [(top + 25, top + 65, left + 25, left + 65)])
    _, matches = copy_texture(with_fill(pixels, known), known, ~known, 5)
    assert matches is not None
    moved = matches.places + matches.moves
    assert (np.abs(matches.places - (top + 45, left + 45)) <= 22).all()
    assert (np.abs(moved - (top + 45, left + 45)) <= 60).all()
    monkeypatch.setattr(texture, "ROUNDS", 0)
    twice, twice_known = pixels.repeat(2, 0).repeat(2, 1), known.repeat(2, 0).repeat(2, 1)
    result, again = copy_texture(with_fill(twice, twice_known), twice_known, ~twice_known, 5, matches)
    assert again is not None
    near = (np.abs(again.moves - matches.at(again.places, (480, 600))) <= 6).all(axis=1)  # or the next known patch
    assert near.mean() > 0.9
    np.testing.assert_array_equal(result[twice_known], twice[twice_known])


def test_of_patches_alike_those_are_copied_whose_surroundings_are_like_the_fill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flat patches of two greys: the blurred fill alone says which, also in the last round."""
    pixels = np.full((160, 320, 3), 60, np.uint8)
    pixels[:, 160:] = 190
    known = holes(160, 320, [(40, 120, 80, 240)])
    fill = with_fill(pixels, known)
    fill[40:120, 80:160], fill[40:120, 160:240] = 190, 60
    found = []
    for weight in (texture.GUIDE_WEIGHT, 0.0):
        monkeypatch.setattr(texture, "GUIDE_WEIGHT", weight)
        result, _ = copy_texture(fill, known, ~known, 5)
        found.append(np.abs(result[60:100, 110:140].astype(int) - 190).mean())
    assert found[0] < 10
    assert found[0] < found[1]


def test_a_hole_that_the_level_before_did_not_see_begins_afresh(weights: list[tuple[float, float]]) -> None:
    known = holes(300, 300, [(40, 60, 40, 60), (240, 260, 240, 260)])
    far = Matches((150, 150), np.argwhere(~holes(150, 150, [(119, 131, 119, 131)])), np.zeros((144, 2), np.int64))
    copy_texture(chequered(300, 300), known, ~known, 5, far)
    assert len(weights) == texture.FIRST_ROUNDS + texture.ROUNDS
    assert weights.count((0, 1)) == 1


def test_of_large_holes_every_part_has_the_patches_of_the_level_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture, "MOST_SEARCHED", 10_000)
    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    known = holes(200, 300, [(60, 140, 60, 240)])
    filled = with_fill(pixels, known)
    result, matches = copy_texture(filled, known, ~known, 5)
    assert matches is None
    np.testing.assert_array_equal(result, filled)
    places = np.argwhere(~holes(100, 150, [(28, 72, 28, 122)]))
    before = Matches((100, 150), places, np.where(places[:, :1] < 50, -28, 28) * [1, 0])  # 56 pixels up or down
    result, matches = copy_texture(filled, known, ~known, 5, before)
    assert matches is not None
    np.testing.assert_array_equal(result[known], pixels[known])
    hole = result[60:140, 60:240].reshape(-1, 3).std(axis=0)
    assert (hole > 50).all()  # as of the noise around it, of which the fill has none
    np.testing.assert_allclose(result[80:90, 80:220], pixels[24:34, 80:220], atol=1)
    np.testing.assert_allclose(result[110:120, 80:220], pixels[166:176, 80:220], atol=1)


def test_the_number_of_threads_changes_no_pixel() -> None:
    """As a run of several processes, with one thread each, gives what one process gives, with all of them."""
    script = """
import hashlib, numpy, repaint
from repaint.data.texture import copy_texture
repaint.optimize_process()
pixels = numpy.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(numpy.uint8)
known = numpy.ones((200, 200), bool)
known[60:140, 60:140] = False
print(hashlib.sha256(copy_texture(pixels, known, ~known, 5)[0].tobytes()).hexdigest())
"""
    found = set()
    for threads in ("1", "2"):
        variables = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
