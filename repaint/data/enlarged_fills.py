"""What an enlarged fill lacks beside the known pixels around it: their colours at its border."""

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask

Floats = NDArray[np.float32]
Box = tuple[slice, slice]

LINES_AT_ONCE = 64  # whose transforms stay in the processor's cache
FADING = 1.5  # sigma of the border's correction, in pixels of the network
TRUNCATION = 4  # radius of a Gaussian, in its sigmas


def reach(scale: float) -> int:
    """How far from the known pixels an enlarged fill is corrected, in pixels; `scale` is how much it is enlarged."""
    return int(TRUNCATION * FADING * scale + 0.5)


def correct(fill: Floats, part: Floats, inside: Mask, scale: float, box: Box) -> Floats:
    """An enlarged fill with the colours of the known pixels at its border.

    Args:
        fill: float32 [H, W, 3], in grey levels.
        part: the picture there.
        inside: bool [H, W], True = known.
        scale: how much the fill is enlarged.
        box: rows and columns of what is needed.

    Returns:
        float32 [h, w, 3], of the box.
    """
    corrected: Floats = fill[box] + _border_correction(part - fill, inside, FADING * scale, box)
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
    return _convolve(_convolve(values.T, kernel, box[0]).T, kernel, box[1])


def _convolve(lines: Floats, kernel: NDArray[np.float64], part: slice) -> Floats:
    """A part of each line [N, L], mirrored at its ends, convolved with a kernel by Fourier transforms."""
    from scipy import fft  # only here: it takes 0.2 s to load

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
