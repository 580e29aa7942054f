"""Crops around holes, and their kernel distance to the same crops of the true pictures: fills in pictures of any size.

A number for a whole photograph says little about a scratch in it, and PSNR rewards blur. Here the pictures around the
holes are compared as sets: do they have the colours, edges and fine texture that the true ones have?
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace

from repaint.data.masks import Mask
from repaint.errors import DataError
from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.distances import Features, estimate_matched_kernel_distance
from repaint.evaluation.feature_space import CELLS, FeatureSpace, describe

SIDE, COUNT, SEED = 64, 32, 0
DIMENSIONS = 32
SHARE_OF_TEXTURE = 0.1  # of the logarithms of local contrast, beside gradients and colours from 0 to 1

Crops = NDArray[np.uint8]


def cut_crops(picture: NDArray[np.uint8], known: Mask) -> Crops:
    """Crops of a picture around its holes.

    Args:
        picture: uint8 [H, W, 3].
        known: bool [H, W]; not everywhere.

    Returns:
        uint8 [COUNT, S, S, 3], each with a random hole pixel in its middle, or as near to it as the picture's border
        allows; the same places for the same mask. S is SIDE, or less in a smaller picture.

    Raises:
        DataError: the picture is smaller than CELLS pixels.
    """
    side = min(SIDE, *known.shape) // CELLS * CELLS
    if side == 0:
        raise DataError(f"{known.shape[1]}x{known.shape[0]} pixels are too few for crops around the hole")
    holes = np.argwhere(~known)
    centres = holes[np.random.default_rng(SEED).integers(len(holes), size=COUNT)]
    corners = np.clip(centres - side // 2, 0, np.array(known.shape) - side)
    return np.stack([picture[top : top + side, left : left + side] for top, left in corners])


def describe_texture(pixels: NDArray[np.uint8]) -> Features:
    """The gradients and colours of `describe`, and the local contrast of each of its cells, uint8 [H, W, 3] in all."""
    height, width = (side // CELLS for side in pixels.shape[:2])
    fine = laplace(pixels.mean(axis=2), mode="nearest").reshape(CELLS, height, CELLS, width).std(axis=(1, 3))
    return np.concatenate([describe(pixels), SHARE_OF_TEXTURE * np.log1p(fine).ravel()])


def crop_distance(truths: Sequence[Crops], fills: Sequence[Crops]) -> Estimate:
    """Kernel distance of the crops of fills to those of the truth, with its interval over pictures.

    Args:
        truths: crops [COUNT, S, S, 3] of each true picture, of at least two.
        fills: crops [N, S, S, 3] of each picture's fills.

    Raises:
        DataError: the true crops are too few or too similar for a feature space.
    """
    space = FeatureSpace([crop for crops in truths for crop in crops], DIMENSIONS, describe_texture)
    return estimate_matched_kernel_distance(*([space(list(crops)) for crops in group] for group in (truths, fills)))
