import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.evaluation.metrics import hole_psnr, hole_ssim, mirrored_half_difference
from repaint.evaluation.report import markdown_table, mean_fill, score

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 256, (32, 32, 3), np.uint8)
KNOWN = np.tile(np.arange(32) < 16, (32, 1))


def with_noise(seed: int, spread: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, TRUTH.shape)
    return np.where(KNOWN[..., None], TRUTH, (TRUTH + noise).clip(0, 255)).astype(np.uint8)


@given(st.integers(1, 100))
def test_psnr_of_a_constant_error(error: int) -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    known = np.arange(64).reshape(8, 8) % 3 == 0
    filled = np.where(known[..., None], grey, grey + np.uint8(error)).astype(np.uint8)
    assert hole_psnr(grey, filled, known) == pytest.approx(20 * math.log10(255 / error))


def test_only_the_hole_counts() -> None:
    filled = with_noise(1, 20)
    elsewhere = np.where(KNOWN[..., None], 255 - TRUTH, filled).astype(np.uint8)
    assert hole_psnr(TRUTH, elsewhere, KNOWN) == hole_psnr(TRUTH, filled, KNOWN)
    assert math.isinf(hole_psnr(TRUTH, np.where(KNOWN[..., None], 0, TRUTH), KNOWN))


def test_ssim_is_one_for_the_truth_and_falls_with_noise() -> None:
    values = [hole_ssim(TRUTH, with_noise(1, spread), KNOWN) for spread in (0, 10, 40, 100)]
    assert values[0] == pytest.approx(1)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.6


def test_ssim_of_flat_pictures_is_the_formula() -> None:
    """Without variance only the luminance term remains: (2 a b + C1) / (a^2 + b^2 + C1), C1 = (0.01 * 255)^2."""
    first, second = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    c1 = 2.55**2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert hole_ssim(first, second, np.zeros((16, 16), bool)) == pytest.approx(expected, abs=1e-6)


def test_mirrored_difference() -> None:
    symmetric = np.concatenate([TRUTH, TRUTH[:, ::-1]], axis=1)
    assert mirrored_half_difference(symmetric) == 0
    lighter = symmetric.astype(float)
    lighter[:, 32:] += 51
    assert mirrored_half_difference(lighter) == pytest.approx(0.2)


def test_scores_are_means_and_the_mean_fill_has_less_noise() -> None:
    fills = [with_noise(seed, 30) for seed in range(5)]
    single = score([TRUTH] * 5, fills, [KNOWN] * 5)
    assert single.psnr == pytest.approx(np.mean([hole_psnr(TRUTH, fill, KNOWN) for fill in fills]))
    together = score([TRUTH], [mean_fill(fills)], [KNOWN])
    assert together.psnr > single.psnr + 4
    assert mean_fill(fills[:2]).dtype == np.float64


def test_table() -> None:
    assert markdown_table(["a", "b"], [["x", 1], ["y", 2]]) == "| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n"
