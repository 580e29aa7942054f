"""What an enlarged fill lacks beside the known pixels around it: their colours at its border, and their film grain."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import binary_erosion, uniform_filter

from repaint.data.masks import Mask

Floats = NDArray[np.float32]
Box = tuple[slice, slice]

MEDIAN_OF_NORMAL = 0.6745  # median of the absolute value of a standard normal
MIN_GRAIN = 0.7  # in grey levels; less is rounding
FADING = 1.5  # sigma of the border's correction, in pixels of the network
TRUNCATION = 4  # radius of a Gaussian, in its sigmas


def reach(scale: float) -> int:
    """How far from the known pixels an enlarged fill is corrected, in pixels; `scale` is how much it is enlarged."""
    return int(TRUNCATION * FADING * scale + 0.5)


def correct(fill: Floats, part: Floats, inside: Mask, scale: float, box: Box) -> Floats:
    """An enlarged fill with the colours of the known pixels at its border and with their grain.

    Args:
        fill: float32 [H, W, 3], in grey levels.
        part: the picture there.
        inside: bool [H, W], True = known.
        scale: how much the fill is enlarged.
        box: rows and columns of what is needed.

    Returns:
        float32 [h, w, 3], of the box.
    """
    correction = _border_correction(part - fill, inside, FADING * scale, box)
    corrected: Floats = fill[box] + (correction + _missing_grain(part, inside, fill)[box][..., None])
    return corrected


def _border_correction(difference: Floats, inside: Mask, sigma: float, box: Box) -> Floats:
    """Colour difference to the known pixels, extrapolated into the hole and fading out: float32 [h, w, 3] of a box."""
    weight = gaussian_blur(inside.astype(np.float32), sigma, box)
    blurred = [gaussian_blur(difference[..., c] * inside, sigma, box) for c in range(3)]
    correction: Floats = np.divide(np.stack(blurred, axis=-1), np.maximum(weight, 0.5)[..., None], dtype=np.float32)
    return correction


def gaussian_blur(values: Floats, sigma: float, box: Box) -> Floats:
    """A box of the Gaussian filter of [H, W], mirrored at the borders; its time hardly depends on `sigma`.

    The result is that of `scipy.ndimage.gaussian_filter`, whose sums over hundreds of neighbours take minutes for large
    pictures: like those it is computed in float64 and rounded to float32 after each axis.
    """
    radius = int(TRUNCATION * sigma + 0.5)
    kernel = np.exp(-0.5 / sigma**2 * np.arange(-radius, radius + 1) ** 2)
    kernel /= kernel.sum()
    return _convolve(_convolve(values, kernel, 0)[box[0]], kernel, 1)[:, box[1]]


def _convolve(values: Floats, kernel: NDArray[np.float64], axis: int) -> Floats:
    """Convolution along an axis by Fourier transforms."""
    radius, lines = len(kernel) // 2, values.swapaxes(axis, 1)
    mirrored = np.pad(lines.astype(np.float64), ((0, 0), (radius, radius)), mode="symmetric")
    length = fft.next_fast_len(mirrored.shape[1], real=True)
    product = fft.rfft(mirrored, length)
    product *= fft.rfft(kernel, length)
    blurred = fft.irfft(product, length, overwrite_x=True)[:, 2 * radius : 2 * radius + lines.shape[1]]
    return np.ascontiguousarray(blurred.astype(np.float32).swapaxes(axis, 1))


def _missing_grain(part: Floats, inside: Mask, fill: Floats) -> Floats:
    """Noise that raises the fill's grain to that of the known pixels: float32 [H, W], the same at every call.

    Equal in all channels, as most of a photo's grain is in its luminance.
    """
    target = _grain(part, binary_erosion(inside, np.ones((3, 3))))
    own = _grain(fill, np.ones_like(inside))
    sigma = max(0.0, target**2 - own**2) ** 0.5
    if sigma < MIN_GRAIN:
        return np.zeros(inside.shape, np.float32)
    return np.random.default_rng(0).normal(0, sigma, inside.shape).astype(np.float32)


def _grain(pixels: Floats, where: Mask) -> float:
    """Standard deviation of the fine noise of [H, W, 3] in grey levels.

    From the median difference of pixels to the mean of their 3x3 neighbourhood: robust to edges.
    """
    if not where.any():
        return 0.0
    grey = (pixels[..., 0] + pixels[..., 1] + pixels[..., 2]) / np.float32(3)
    difference = np.abs(grey - uniform_filter(grey, 3))[where]
    sigma: float = np.median(difference).item() / (MEDIAN_OF_NORMAL * (8 / 9) ** 0.5)
    return sigma
