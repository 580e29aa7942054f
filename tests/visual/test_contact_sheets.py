from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from repaint.visual import contact_sheets
from repaint.visual.contact_sheets import (
    CAPTION,
    GAP,
    contact_sheet,
    enlarge,
    fit_square,
    picture_sheet,
    shrink,
    spread,
    spread_map,
    tile,
)


def test_tile_and_enlarge() -> None:
    pictures = [np.full((2, 3, 3), i, np.uint8) for i in range(3)]
    sheet = tile(pictures, columns=2, gap=1)
    assert sheet.shape == (2 * 3 + 1, 2 * 4 + 1, 3)
    assert (sheet[4:6, 1:4] == 2).all()
    assert (sheet[4:6, 5:8] == 255).all()
    assert enlarge(pictures[0], 128).shape == (86, 129, 3)
    assert enlarge(np.zeros((256, 256, 3), np.uint8)).shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("height", "width", "shown"), [(8, 8, (128, 128)), (50, 40, (100, 80)), (128, 64, (128, 64)), (600, 300, (128, 64))]
)
def test_a_picture_of_any_size_stands_in_the_middle_of_a_square(height: int, width: int, shown: tuple) -> None:
    square = fit_square(np.zeros((height, width, 3), np.uint8), 128)
    assert square.shape == (128, 128, 3)
    dark = (square == 0).all(axis=2)
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert (len(rows), len(columns)) == shown
    assert abs(int(rows[0]) + int(rows[-1]) - 127) <= 1


def test_words_stand_over_columns_and_under_rows() -> None:
    rows = [
        (f"a name {row}", [np.full((64, 64, 3), 30 * row + column, np.uint8) for column in range(3)]) for row in (0, 1)
    ]
    sheet = contact_sheet(rows, ["one", "two", "three"])
    side = 128 + GAP
    assert sheet.shape == (CAPTION + 2 * (side + GAP + CAPTION), 3 * side + GAP, 3)
    for row in range(2):
        top = CAPTION + row * (side + GAP + CAPTION) + GAP
        for column in range(3):
            left = GAP + column * side
            assert (sheet[top : top + 128, left : left + 128] == 30 * row + column).all()
            assert (sheet[:CAPTION, left : left + 128] < 128).any()
        assert (sheet[top + side :][:CAPTION] < 200).any()


def test_many_rows_stand_in_blocks_and_long_names_are_cut() -> None:
    rows = [("x" * 100, [np.zeros((300, 200, 3), np.uint8)])] * 13
    sheet = contact_sheet(rows, ["one"])
    assert sheet.shape == (CAPTION + 7 * (256 + 2 * GAP + CAPTION), 2 * (256 + 2 * GAP), 3)


def test_a_sheet_of_fills_wraps_under_its_title() -> None:
    pictures = [np.full((64, 64, 3), i, np.uint8) for i in range(8)]
    sheet = picture_sheet("photo", [f"word {i}" for i in range(8)], pictures)
    assert sheet.shape == (CAPTION + 2 * (CAPTION + 128 + 2 * GAP), 6 * (128 + GAP) + GAP, 3)
    assert (sheet[2 * CAPTION + GAP :, GAP:][:128, :128] == 0).all()
    assert (sheet[-GAP - 128 : -GAP, GAP : GAP + 128] == 6).all()
    assert (sheet[-GAP - 128 : -GAP, -128:] == 255).all()


def test_reduced_while_reading_or_not_a_sheet_is_the_same() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((700, 333), (40, 60), (256, 200))]
    rows = [("name", pictures)] * 2
    reduced = [(name, [shrink(pixels) for pixels in row]) for name, row in rows]
    assert max(max(pixels.shape) for _, row in reduced for pixels in row) == 256
    words = ["a", "b", "c"]
    np.testing.assert_array_equal(contact_sheet(reduced, words), contact_sheet(rows, words))
    np.testing.assert_array_equal(picture_sheet("t", words, reduced[0][1]), picture_sheet("t", words, pictures))


@given(
    arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(0, 7), st.just(3))),
    st.integers(1, 60),
)
def test_spread_is_the_mean_difference_of_all_pairs(fills: np.ndarray, chunk: int) -> None:
    pairs = [np.abs(one.astype(int) - two).mean(axis=1) / 255 for one, two in combinations(fills, 2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contact_sheets, "CHUNK", chunk)
        found = spread(list(fills))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.mean(pairs, axis=0), rtol=1e-5, atol=1e-7)


def test_the_map_of_differences_is_black_where_known_and_white_where_they_are_largest() -> None:
    known = np.tile(np.arange(4) < 2, (4, 1))
    differences = np.linspace(0.1, 0.4, 8, dtype=np.float32)
    where = spread_map(differences, known)
    assert (where[known] == 0).all()
    np.testing.assert_array_equal(where[~known], (255 * differences / 0.4).round()[:, None].repeat(3, axis=1))
    assert (spread_map(np.zeros(8, np.float32), known) == 0).all()
    assert (spread_map(np.zeros(0, np.float32), np.ones_like(known)) == 0).all()
