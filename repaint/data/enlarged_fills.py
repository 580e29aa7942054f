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
LINES_AT_ONCE = 64  # whose transforms stay in the processor's cache
GRAIN_RIM = 64  # in pixels: how much around the hole shows its grain
MOST_FOR_GRAIN = 2_000_000  # pixels whose grain is measured as a whole
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
    near = _grow(box, GRAIN_RIM if inside.size > MOST_FOR_GRAIN else inside.size)
    grain = np.zeros(inside.shape, np.float32)
    grain[near] = _missing_grain(part[near], inside[near], fill[near])
    corrected: Floats = fill[box] + (correction + grain[box][..., None])
    return corrected


def _grow(box: Box, rim: int) -> Box:
    rows, columns = (slice(max(0, each.start - rim), each.stop + rim) for each in box)
    return rows, columns


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
    return _convolve(_convolve(values.T, kernel, box[0]).T, kernel, box[1])


def _convolve(lines: Floats, kernel: NDArray[np.float64], part: slice) -> Floats:
    """A part of each line [N, L], mirrored at its ends, convolved with a kernel by Fourier transforms."""
    radius, size = len(kernel) // 2, lines.shape[1] + len(kernel) - 1
    length = fft.next_fast_len(size, real=True)
    spectrum = fft.rfft(kernel, length)
    result = np.empty((len(lines), part.stop - part.start), np.float32)
    padded = np.zeros((LINES_AT_ONCE, length))
    for start in range(0, len(lines), LINES_AT_ONCE):
        some = lines[start : start + LINES_AT_ONCE]
        padded[: len(some), :size] = np.pad(some, ((0, 0), (radius, radius)), mode="symmetric")
        blurred = fft.irfft(fft.rfft(padded[: len(some)]) * spectrum, length)
        result[start : start + len(some)] = blurred[:, 2 * radius + part.start : 2 * radius + part.stop]
    return result


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
