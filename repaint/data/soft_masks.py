"""Soft masks: pixels at the border of a hole that blend the fill with the picture.

The sampler gets a hard mask: whatever is not fully known is hole, and is filled. Only the finished fill is blended, by
the share that the picture keeps: uint8 [H, W] in 255ths, 255 where all is known, 0 where nothing is.
"""

import numpy as np
from numpy.typing import NDArray

from repaint.data.mask_levels import HOLE_TO, KNOWN_FROM
from repaint.data.masks import Mask
from repaint.errors import DataError

Share = NDArray[np.uint8]


def split_levels(levels: NDArray[np.uint8]) -> tuple[Mask, Share | None]:
    """Split the grey levels of a soft mask into what is known and how much the other pixels keep.

    The share grows linearly between HOLE_TO and KNOWN_FROM.

    Args:
        levels: uint8 [H, W], 255 known, 0 hole.

    Returns:
        (known, share): bool [H, W], and uint8 [H, W] or None if no level lies between.
    """
    scale = (np.arange(256) - HOLE_TO) / (KNOWN_FROM - HOLE_TO)
    table = (scale * 255).round().clip(0, 255).astype(np.uint8)
    share: Share = table[levels]
    return share == 255, share if ((share > 0) & (share < 255)).any() else None


def feather(known: Mask, width: int, path: str) -> tuple[Mask, Share | None]:
    """Widen the hole of a hard mask by a rim in which the picture fades into the fill.

    The rim lies outside the hole: what the hole hides shows nowhere, and what is blended with the fill are pixels that
    the mask calls known.

    Args:
        known: bool [H, W], True = known.
        width: of the rim in pixels.
        path: for messages.

    Returns:
        (known, share): what is known beyond the rim, and uint8 [H, W] or None without a hole.

    Raises:
        DataError: nothing known is left.
    """
    from scipy.ndimage import distance_transform_edt  # only here: it takes 0.2 s to load

    if known.all() or not known.any():
        return known, None
    rows, columns = (np.flatnonzero((~known).any(axis=axis)) for axis in (1, 0))
    near = tuple(slice(max(0, int(line[0]) - width), int(line[-1]) + width + 1) for line in (rows, columns))
    distance = distance_transform_edt(known[near])
    left, share = np.ones_like(known), np.full(known.shape, 255, np.uint8)
    left[near] = distance > width
    share[near] = np.where(left[near], 255, (distance * (255 / (width + 1))).round().clip(0, 254))
    if not left.any():
        raise DataError(f"{path}: mask_feather: {width} leaves nothing known of it; make it smaller")
    return left, share


def blend(picture: NDArray[np.uint8], filled: NDArray[np.uint8], share: Share) -> NDArray[np.uint8]:
    """Blend a finished fill with the picture by the share that the picture keeps.

    Args:
        picture: uint8 [H, W, 3].
        filled: the same.
        share: uint8 [H, W].

    Returns:
        uint8 [H, W, 3], the fill itself where the share is 0 or 255.
    """
    soft = (share > 0) & (share < 255)
    weight = share[soft].astype(np.float32)[:, None] / 255
    mixed = filled[soft] + weight * (picture[soft].astype(np.float32) - filled[soft])
    result = filled.copy()
    result[soft] = mixed.round().clip(0, 255).astype(np.uint8)
    return result
