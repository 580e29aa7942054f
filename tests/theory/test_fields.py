"""Pictures and masks split into small fields."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.data.mask_generators import generate_mask
from repaint.theory.fields import (
    SIDE,
    make_fields,
    picture_covariances,
    scales_of,
    spectral_covariances,
    spectral_exponent,
)
from repaint.theory.gaussian_law import power_law, power_law_covariance


@cache
def draw(count: int, size: int, exponent: float) -> np.ndarray:
    """Pictures [count, size, size] of a spectrum."""
    noise = np.random.default_rng(0).normal(size=(count, size, size))
    return np.fft.ifft2(np.fft.fft2(noise) * power_law(size, exponent, 0.25) ** 0.5).real


def blocks(pictures: np.ndarray, scale: int) -> np.ndarray:
    """Means of scale x scale pixels, one at a time."""
    size = pictures.shape[1] // scale
    means = np.empty((len(pictures), size, size))
    for row in range(size):
        for column in range(size):
            rows, columns = (slice(scale * i, scale * (i + 1)) for i in (row, column))
            means[:, row, column] = pictures[:, rows, columns].mean(axis=(1, 2))
    return means


@pytest.mark.parametrize(
    ("size", "scales"), [(8, [1]), (15, [1]), (16, [1, 2]), (64, [1, 2, 4, 8]), (100, [1, 2, 4, 8])]
)
def test_scales(size: int, scales: list[int]) -> None:
    assert scales_of(size) == scales


def test_the_smallest_picture_is_the_power_law_itself() -> None:
    found = spectral_covariances(SIDE, 3)
    assert list(found) == [1]
    np.testing.assert_allclose(found[1], power_law_covariance(SIDE, 3, 0.25), rtol=1e-12)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_spectral_covariances_are_those_of_block_means(scale: int) -> None:
    windows = scale * blocks(draw(6000, 32, 2.5), scale)[:, :SIDE, :SIDE].reshape(6000, -1)
    expected = spectral_covariances(32, 2.5)[scale]
    np.testing.assert_allclose(windows.T @ windows / 6000, expected, atol=0.06 * expected.max())


def test_many_pictures_determine_their_covariances() -> None:
    expected = spectral_covariances(32, 2.5)
    found = picture_covariances(draw(6000, 32, 2.5) + 0.3)
    assert found.keys() == expected.keys() == {1, 2, 4}
    for scale, covariance in expected.items():
        np.testing.assert_allclose(found[scale], covariance, atol=0.06 * covariance.max())


def test_few_pictures_give_covariances_too() -> None:
    expected = spectral_covariances(32, 2.5)
    for scale, covariance in picture_covariances(draw(1, 32, 2.5)).items():
        assert np.linalg.eigvalsh(covariance).min() > 0
        np.testing.assert_allclose(covariance, covariance.T, rtol=1e-12)
        assert 0.3 < np.trace(covariance) / np.trace(expected[scale]) < 3  # the only window at scale 4 has none


@pytest.mark.parametrize("exponent", [1.5, 3.0])
def test_the_exponent_is_found(exponent: float) -> None:
    assert spectral_exponent(draw(50, 64, exponent)) == pytest.approx(exponent, abs=0.2)


def test_rising_spectra_are_taken_for_white_noise() -> None:
    noise = np.random.default_rng(0).normal(size=(20, 32, 32))
    assert spectral_exponent(noise - np.roll(noise, 1, axis=1)) == 0


def test_uniform_pictures_are_taken_for_white_noise() -> None:
    assert spectral_exponent(np.zeros((3, 16, 16))) == 0
    assert all(np.isfinite(each).all() for each in picture_covariances(np.full((3, 16, 16), 0.5)).values())


def test_masks_are_seen_at_the_scales_where_they_leave_something_open() -> None:
    covariances = {scale: np.full((1, 1), scale) for scale in scales_of(64)}

    def scales(kind: str) -> list[int]:
        return [int(field.covariance[0, 0]) for field in make_fields(covariances, [generate_mask(kind, 64, 0)])]

    assert scales("genhalf") == [1, 2, 4, 8]
    assert scales("nn2") == [1]  # coarser blocks are mostly hole
    assert scales("ev2li") == [1]  # and here mostly known
    assert scales("box") == [1, 2, 4, 8]


def test_a_piece_of_a_mask() -> None:
    mask = np.ones((16, 16), bool)
    mask[9:, 5:] = False  # of the windows at 0, 4 and 8, the one at (4, 8) is nearest to half
    (field,) = make_fields({1: np.eye(64)}, [mask, mask])
    (piece,) = field.masks
    np.testing.assert_array_equal(piece.reshape(SIDE, SIDE), mask[4:12, 8:])


@given(st.integers(0, 1000), st.sampled_from(["thin", "medium", "thick", "text"]))
def test_pieces_have_known_and_open_pixels(seed: int, kind: str) -> None:
    covariances = {scale: np.eye(SIDE**2) for scale in scales_of(64)}
    fields = make_fields(covariances, [generate_mask(kind, 64, seed)])
    assert fields
    for field in fields:
        for piece in field.masks:
            assert piece.shape == (SIDE**2,)
            assert 1 / 16 <= piece.mean() <= 15 / 16


def test_nothing_to_fill_makes_no_field() -> None:
    assert make_fields({1: np.eye(64)}, [np.ones((8, 8), bool), np.zeros((8, 8), bool)]) == []
