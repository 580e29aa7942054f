"""Measures of a filled picture against its truth. Pictures are [H, W, 3] in 0..255, masks bool [H, W], True = known."""

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.errors import missing_extra

Pixels = NDArray[np.uint8] | NDArray[np.float64]  # 0..255; a mean of several fills is not whole


def hole_psnr(truth: Pixels, filled: Pixels, known: Mask) -> float:
    """Peak signal-to-noise ratio over the hole in dB; infinite for equal pixels."""
    error = np.mean((truth[~known].astype(np.float64) - filled[~known]) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def hole_ssim(truth: Pixels, filled: Pixels, known: Mask) -> float:
    """Structural similarity (Wang et al. 2004: Gaussian window of sigma 1.5), its map averaged over the hole.

    Raises:
        ConfigError: scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        raise missing_extra("SSIM", "scikit-image", "evaluation") from None
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pictures = truth.astype(np.float64), filled.astype(np.float64)
    _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
        *pictures, channel_axis=2, data_range=255, full=True, **options
    )
    return float(similarity[~known].mean())


def mirrored_half_difference(pixels: Pixels) -> float:
    """Mean absolute difference of the right half and the mirrored left half, on the scale 0..1.

    For faces from the front it is small if both halves belong together. H and W are even.
    """
    left, right = np.split(pixels.astype(np.float64) / 255, 2, axis=1)
    return float(np.abs(right - left[:, ::-1]).mean())
