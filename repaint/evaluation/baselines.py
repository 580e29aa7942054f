"""Classical inpainting as baselines: Telea's fast marching, biharmonic, bicubic interpolation, PatchMatch.

All take a picture uint8 [H, W, 3] and a mask bool [H, W], True = known, and return uint8 [H, W, 3] with unchanged known
pixels.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.errors import ConfigError, missing_extra

Picture = NDArray[np.uint8]


def telea(pixels: Picture, known: Mask, radius: float = 3) -> Picture:
    """Fast marching inpainting (Telea 2004) of OpenCV; `radius` in pixels.

    Raises:
        ConfigError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise missing_extra("Telea's method", "opencv-python-headless", "evaluation") from None
    filled = cv2.inpaint(pixels, np.where(known, 0, 255).astype(np.uint8), radius, cv2.INPAINT_TELEA)
    return _keep_known(np.asarray(filled, np.float64), pixels, known)


def biharmonic(pixels: Picture, known: Mask) -> Picture:
    """Biharmonic inpainting of scikit-image: the bilaplacian vanishes in the hole (Damelin and Hoang 2018).

    Raises:
        ConfigError: scikit-image is not installed.
    """
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError:
        raise missing_extra("the biharmonic method", "scikit-image", "evaluation") from None
    filled = inpaint_biharmonic(np.where(known[..., None], pixels, 0) / 255, ~known, channel_axis=2)
    return _keep_known(255 * filled, pixels, known)


def bicubic(pixels: Picture, known: Mask) -> Picture:
    """Bicubic interpolation: cubic splines through known pixels on a regular grid, such as every second row.

    Raises:
        ValueError: the known pixels are not all crossings of evenly spaced rows and columns.
        ConfigError: SciPy is not installed.
    """
    try:
        from scipy.ndimage import map_coordinates
    except ImportError:
        raise missing_extra("bicubic interpolation", "scipy", "evaluation") from None
    rows, columns = (np.flatnonzero(known.any(axis)) for axis in (1, 0))
    steps = [np.unique(np.diff(lines)) for lines in (rows, columns)]
    if not known[np.ix_(rows, columns)].all() or any(len(step) != 1 for step in steps):
        raise ValueError("bicubic interpolation needs known pixels on a regular grid")
    y, x = np.mgrid[: known.shape[0], : known.shape[1]].astype(np.float64)
    places = [(y - rows[0]) / steps[0][0], (x - columns[0]) / steps[1][0]]
    grid = pixels[np.ix_(rows, columns)].astype(np.float64)
    channels = [map_coordinates(grid[..., c], places, order=3, mode="nearest") for c in range(3)]
    return _keep_known(np.stack(channels, axis=-1), pixels, known)


def patchmatch(pixels: Picture, known: Mask, patch_size: int = 5) -> Picture:
    """PatchMatch inpainting (Barnes et al. 2009): copies patches of the known part, seeded; `patch_size` in pixels.

    Raises:
        ConfigError: pypatchmatch is not installed, or has no library for this system.
    """
    try:
        from patchmatch import patch_match
    except ImportError:
        raise missing_extra("PatchMatch", "pypatchmatch", "evaluation") from None
    if not patch_match.patchmatch_available:
        raise ConfigError("PatchMatch: pypatchmatch has no library for this system; leave baseline: patchmatch out")
    patch_match.set_random_seed(0)
    filled = patch_match.inpaint(pixels.copy(), np.where(known, 0, 255).astype(np.uint8), patch_size=patch_size)
    return _keep_known(np.asarray(filled, np.float64), pixels, known)


def _keep_known(filled: NDArray[np.float64], pixels: Picture, known: Mask) -> Picture:
    return np.where(known[..., None], pixels, filled.round().clip(0, 255)).astype(np.uint8)


BASELINES: dict[str, Callable[[Picture, Mask], Picture]] = {
    "telea": telea,
    "biharmonic": biharmonic,
    "bicubic": bicubic,
    "patchmatch": patchmatch,
}
