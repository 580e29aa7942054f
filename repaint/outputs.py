"""Results on disk: pictures, manifest, contact sheet."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def tile(pictures: Sequence[NDArray[np.uint8]], columns: int, gap: int = 2) -> NDArray[np.uint8]:
    """Arrange pictures of one size in rows on white.

    Args:
        pictures: uint8 [H, W, 3] each, at least one.
        columns: pictures per row.
        gap: pixels between and around them.

    Returns:
        uint8 [rows * (H + gap) + gap, columns * (W + gap) + gap, 3].
    """
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet
