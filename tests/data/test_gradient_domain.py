"""Fills in the gradient domain, against least squares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.data.gradient_domain import Differences, solve_screened_poisson
from tests.data.test_windows import holes


def draw(shape: tuple[int, int], seed: int) -> tuple[np.ndarray, Differences]:
    """A picture, and what is wanted of it, for about two of three pixels."""
    rng = np.random.default_rng(seed)
    picture, down, right = (rng.random((*shape, 3), np.float32) for _ in range(3))
    has_down, has_right = (rng.random(shape) < 0.7 for _ in range(2))
    has_down[-1], has_right[:, -1] = False, False
    return picture, Differences(down - 0.5, right - 0.5, has_down, has_right)


def least_squares(picture: np.ndarray, hole: np.ndarray, wanted: Differences, weight: float) -> np.ndarray:
    numbers = np.full(hole.shape, -1)
    numbers[hole] = np.arange(hole.sum())
    rows, values = [], []

    def demand(terms: list[tuple[int, int, int]], value: np.ndarray, strength: float) -> None:
        row = np.zeros(hole.sum())
        for y, x, sign in terms:
            if hole[y, x]:
                row[numbers[y, x]] = sign
            else:
                value = value - sign * picture[y, x]
        rows.append(strength * row)
        values.append(strength * value)

    for y, x in np.ndindex(hole.shape):
        if hole[y, x]:
            demand([(y, x, 1)], picture[y, x], weight**0.5)
        if wanted.has_down[y, x]:
            demand([(y + 1, x, 1), (y, x, -1)], wanted.down[y, x], 1)
        if wanted.has_right[y, x]:
            demand([(y, x + 1, 1), (y, x, -1)], wanted.right[y, x], 1)
    result = picture.astype(float)
    result[hole] = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return result


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), st.sampled_from([0.1, 0.5, 3.0]))
def test_it_is_the_least_squares_solution(height: int, width: int, seed: int, weight: float) -> None:
    picture, wanted = draw((height, width), seed)
    known = np.random.default_rng(seed + 100).random((height, width)) < 0.4
    found = solve_screened_poisson(picture, ~known, wanted, weight)
    np.testing.assert_array_equal(found[known], picture[known])
    if not known.all():
        np.testing.assert_allclose(found, least_squares(picture, ~known, wanted, weight), atol=0.004)  # a grey level


def test_a_step_at_the_border_becomes_a_change_inside() -> None:
    known = holes(60, 60, [(20, 40, 20, 40)])
    picture = np.where(known[..., None], 0.3, 0.6).repeat(3, 2).astype(np.float32)
    flat, everywhere = np.zeros_like(picture), np.ones_like(known)
    inner = everywhere.copy()
    inner[-1] = inner[:, -1] = False
    found = solve_screened_poisson(picture, ~known, Differences(flat, flat, inner, inner), 0.1)
    row = found[30, 15:45, 0]
    assert np.abs(np.diff(row)).max() < 0.1 < 0.3 == pytest.approx(np.abs(np.diff(picture[30, :, 0])).max())
    assert row[15] > 0.55
