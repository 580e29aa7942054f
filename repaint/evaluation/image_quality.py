"""Image quality against the truth: PSNR, SSIM and L1 of the whole picture or of the hole, diversity, mirrored halves.

Pictures are [H, W, 3] in 0..255, masks bool [H, W], True = known.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.errors import DataError, missing_extra
from repaint.visual.contact_sheets import spread

Pixels = NDArray[np.uint8] | NDArray[np.float64]  # 0..255; a mean of several fills is not whole
SSIM_WINDOW = 11  # pixels: 3.5 sigma on each side


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
    """Largest absolute difference on known pixels, in grey levels; 0 if they are unchanged, or none is known."""
    return float(np.abs(truth[known].astype(np.float64) - filled[known]).max(initial=0))


def structural_similarity(truth: Pixels, filled: Pixels) -> tuple[float, NDArray[np.float64]]:
    """Structural similarity, SSIM (Wang et al. 2004, equation 13; Gaussian window of sigma 1.5).

    Returns:
        The mean over all places where the window fits, and the map [H, W, 3] with mirrored borders.

    Raises:
        DataError: the picture is smaller than the window.
        ConfigError: scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity as ssim_of_library
    except ImportError:
        raise missing_extra("SSIM", "scikit-image", "evaluation") from None
    if min(truth.shape[:2]) < SSIM_WINDOW:
        raise DataError(f"SSIM needs pictures of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pictures = truth.astype(np.float64), filled.astype(np.float64)
    mean, similarity = ssim_of_library(  # type: ignore[no-untyped-call]
        *pictures, channel_axis=2, data_range=255, full=True, **options
    )
    return float(mean), similarity


def diversity(fills: Sequence[NDArray[np.uint8]], known: Mask) -> float:
    """Mean absolute difference of two different fills of one picture over the hole, on the scale 0..1.

    Args:
        fills: at least two.
        known: not everywhere True.
    """
    return float(spread([pixels[~known] for pixels in fills]).mean())


def mean_fill(fills: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Mean of several fills of one picture, the estimate with the highest expected PSNR: float64, not rounded."""
    mean: NDArray[np.float64] = np.mean([pixels.astype(np.float64) for pixels in fills], axis=0)
    return mean


def mirrored_half_difference(pixels: Pixels) -> float:
    """Mean absolute difference of the right half and the mirrored left half, on the scale 0..1.

    For frontal faces it is small if both halves belong together. The middle column of an odd width is left out.
    """
    half = pixels.shape[1] // 2
    left, right = pixels[:, :half].astype(np.float64) / 255, pixels[:, -half:].astype(np.float64) / 255
    return float(np.abs(right - left[:, ::-1]).mean())
