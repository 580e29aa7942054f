import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import metrics as skimage_metrics

from repaint.errors import DataError
from repaint.evaluation.image_quality import (
    hole_psnr,
    known_error,
    l1,
    mean_fill,
    mirrored_half_difference,
    structural_similarity,
)
from repaint.evaluation.metrics import Sample, measure_sample, select_metrics

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 256, (32, 32, 3), np.uint8)
KNOWN = np.tile(np.arange(32) < 16, (32, 1))


def measure(truth: np.ndarray, filled: np.ndarray, known: np.ndarray) -> dict[str, float]:
    return measure_sample(Sample(truth, filled, known), select_metrics())


def hole_ssim(truth: np.ndarray, filled: np.ndarray, known: np.ndarray) -> float:
    return measure(truth, filled, known)["ssim_hole"]


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


def test_the_mean_fill_has_less_noise() -> None:
    fills = [with_noise(seed, 30) for seed in range(5)]
    single = np.mean([hole_psnr(TRUTH, fill, KNOWN) for fill in fills])
    assert hole_psnr(TRUTH, mean_fill(fills), KNOWN) > single + 4
    assert mean_fill(fills[:2]).dtype == np.float64


pictures = arrays(np.uint8, (12, 13, 3))
masks = arrays(bool, (12, 13))


@settings(max_examples=30)
@given(pictures, pictures, masks)
def test_psnr_and_ssim_agree_with_scikit_image(truth: np.ndarray, filled: np.ndarray, known: np.ndarray) -> None:
    assume((truth != filled).any())
    values = measure(truth, filled, known & (np.arange(13) > 0))
    assert values["psnr"] == pytest.approx(skimage_metrics.peak_signal_noise_ratio(truth, filled), abs=1e-4)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    wanted = skimage_metrics.structural_similarity(truth, filled, channel_axis=2, data_range=255, **options)
    assert values["ssim"] == structural_similarity(truth, filled)[0] == pytest.approx(wanted, abs=1e-4)


def test_ssim_agrees_with_torchmetrics() -> None:
    torchmetrics = pytest.importorskip("torchmetrics.functional.image")
    filled = with_noise(1, 30)
    first, second = (torch.tensor(x).permute(2, 0, 1)[None].double() for x in (TRUTH, filled))
    call = torchmetrics.structural_similarity_index_measure
    _, places = call(first, second, data_range=255.0, return_full_image=True)
    assert structural_similarity(TRUTH, filled)[0] == pytest.approx(places[..., 5:-5, 5:-5].mean().item(), abs=1e-4)
    inside = KNOWN.copy()
    inside[:5] = inside[-5:] = inside[:, -5:] = True  # at the border, the two continue pictures differently
    wanted = places[0].permute(1, 2, 0).numpy()[~inside].mean()
    assert hole_ssim(TRUTH, filled, inside) == pytest.approx(wanted, abs=1e-4)


@settings(max_examples=30)
@given(pictures, pictures, masks)
def test_the_hole_and_the_rest_make_the_whole(truth: np.ndarray, filled: np.ndarray, known: np.ndarray) -> None:
    known[0, 0], known[0, 1] = True, False
    values = measure(truth, filled, known)
    share = (~known).mean()
    rest = l1(truth[known], filled[known])
    assert values["l1"] == pytest.approx(share * values["l1_hole"] + (1 - share) * rest)
    assert 0 <= values["l1_hole"] <= 1
    assert values["known_error"] == max(abs(truth[known].astype(int) - filled[known]).ravel())
    kept = np.where(known[..., None], truth, filled)
    assert known_error(truth, kept, known) == 0
    assert known_error(truth, filled, np.zeros_like(known)) == 0
    assert measure(truth, kept, known)["psnr_hole"] == values["psnr_hole"]


def test_too_small_for_ssim() -> None:
    with pytest.raises(DataError, match="at least 11x11"):
        measure(TRUTH[:10], TRUTH[:10], KNOWN[:10])
