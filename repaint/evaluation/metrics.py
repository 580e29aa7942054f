"""Measures of a filled picture against its truth. Pictures are [H, W, 3] in 0..255, masks bool [H, W], True = known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.errors import DataError, missing_extra

Pixels = NDArray[np.uint8] | NDArray[np.float64]  # 0..255; a mean of several fills is not whole
SSIM_WINDOW = 11  # pixels: 3.5 sigma on each side


@dataclass(frozen=True)
class Metric:
    """How a measure is called and shown.

    Attributes:
        key: its name in files.
        title: its name in tables and figures, with its unit.
        better: which values are.
        digits: after the point.
    """

    key: str
    title: str
    better: Literal["higher", "lower"] | None
    digits: int


METRICS = (
    Metric("lpips_alex", "LPIPS (AlexNet)", "lower", 3),
    Metric("lpips_vgg", "LPIPS (VGG)", "lower", 3),
    Metric("psnr_hole", "PSNR of the hole [dB]", "higher", 2),
    Metric("ssim_hole", "SSIM of the hole", "higher", 3),
    Metric("l1_hole", "L1 of the hole", "lower", 4),
    Metric("psnr", "PSNR [dB]", "higher", 2),
    Metric("ssim", "SSIM", "higher", 3),
    Metric("l1", "L1", "lower", 4),
    Metric("kernel", "Kernel distance to real pictures", "lower", 3),
    Metric("fid", "FID", "lower", 2),
    Metric("kid", "KID", "lower", 4),
    Metric("mirrored", "Difference of the mirrored halves", None, 4),
    Metric("diversity", "Diversity", None, 3),
    Metric("known_error", "Largest error on known pixels [grey levels]", "lower", 2),
    Metric("calls", "Network calls", None, 0),
    Metric("seconds", "Seconds", None, 2),
)


def measure(truth: Pixels, filled: Pixels, known: Mask) -> dict[str, float]:
    """All measures that need nothing but the pictures, by the keys of METRICS.

    Raises:
        DataError: the picture is smaller than the window of SSIM.
        ConfigError: scikit-image is not installed.
    """
    whole, similarity = _ssim(truth, filled)
    return {
        "psnr_hole": hole_psnr(truth, filled, known),
        "ssim_hole": float(similarity[~known].mean()),
        "l1_hole": l1(truth[~known], filled[~known]),
        "psnr": psnr(truth, filled),
        "ssim": whole,
        "l1": l1(truth, filled),
        "known_error": known_error(truth, filled, known),
    }


def psnr(truth: Pixels, filled: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all given pixels; infinite for equal ones."""
    error = np.mean((truth.astype(np.float64) - filled) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def hole_psnr(truth: Pixels, filled: Pixels, known: Mask) -> float:
    """`psnr` over the hole."""
    return psnr(truth[~known], filled[~known])


def l1(truth: Pixels, filled: Pixels) -> float:
    """Mean absolute difference over all given pixels, on the scale 0..1."""
    return float(np.abs(truth.astype(np.float64) - filled).mean() / 255)


def known_error(truth: Pixels, filled: Pixels, known: Mask) -> float:
    """Largest absolute difference on known pixels, in grey levels; 0 where they are kept, or none is known."""
    return float(np.abs(truth[known].astype(np.float64) - filled[known]).max(initial=0))


def ssim(truth: Pixels, filled: Pixels) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of sigma 1.5) over all places where the window fits.

    Raises:
        DataError, ConfigError: as `hole_ssim`.
    """
    return _ssim(truth, filled)[0]


def hole_ssim(truth: Pixels, filled: Pixels, known: Mask) -> float:
    """The map of `ssim`, with mirrored borders, averaged over the hole.

    Raises:
        DataError: the picture is smaller than the window.
        ConfigError: scikit-image is not installed.
    """
    return float(_ssim(truth, filled)[1][~known].mean())


def _ssim(truth: Pixels, filled: Pixels) -> tuple[float, NDArray[np.float64]]:
    """The mean, and the map [H, W, 3]."""
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        raise missing_extra("SSIM", "scikit-image", "evaluation") from None
    if min(truth.shape[:2]) < SSIM_WINDOW:
        raise DataError(f"SSIM needs pictures of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pictures = truth.astype(np.float64), filled.astype(np.float64)
    mean, similarity = structural_similarity(  # type: ignore[no-untyped-call]
        *pictures, channel_axis=2, data_range=255, full=True, **options
    )
    return float(mean), similarity


def mirrored_half_difference(pixels: Pixels) -> float:
    """Mean absolute difference of the right half and the mirrored left half, on the scale 0..1.

    For faces from the front it is small if both halves belong together. The middle column of an odd width is left out.
    """
    half = pixels.shape[1] // 2
    left, right = pixels[:, :half].astype(np.float64) / 255, pixels[:, -half:].astype(np.float64) / 255
    return float(np.abs(right - left[:, ::-1]).mean())
