"""Grey levels of masks that are not those of the file convention, 0 and 255: what they mean, or that it is unclear."""

import numpy as np
from numpy.typing import NDArray

from repaint.data import notices
from repaint.errors import DataError

THRESHOLD = 128  # grey levels of hard masks from here on are white
KNOWN_FROM = 240  # those of soft masks from here on are fully known: JPEG compression and brushes rarely reach 255
HOLE_TO = 15  # and up to here fully hole


def spread_levels(
    grey: NDArray[np.uint8],
    stored: NDArray[np.generic],
    path: str,
    what: str = "grey levels",
    soft: bool = False,
) -> NDArray[np.uint8]:
    """Spread the levels of a mask of 0 and 1, or of two colours of a palette, to 0 and 255; emit a warning about it.

    Args:
        grey: uint8 [H, W].
        stored: values that the grey levels were made of, [H, W]: indices of a palette, or levels of any depth.
        path: for messages.
        what: the stored values are: "grey levels", "opacities" or "palette".
        soft: whether levels between black and white have a meaning of their own.

    Returns:
        uint8 [H, W]; other masks stay as they are.

    Raises:
        DataError: the levels differ, but all of them are dark, so it is unclear what they mean.
    """
    palette = what == "palette"
    low, high = int(grey.min()), int(grey.max())
    values = grey if palette else stored
    if values.max() == 1:
        notices.warn(f"{path}: its {'grey levels' if palette else what} are 0 and 1; 1 is taken for 255")
        return _to_white(values == 1)
    same_side = (low >= THRESHOLD) == (high >= THRESHOLD)
    if low == high or not same_side:
        return grey
    if palette and _brightens_with_index(grey, stored):
        notices.warn(f"{path}: its palette has two colours; the brighter one is taken for white")
        return _to_white(grey == high)
    black_below = HOLE_TO + 1 if soft else THRESHOLD
    if high < black_below:
        levels = "opacities" if what == "opacities" else "grey levels"
        raise DataError(
            f"{path}: its {levels} go from {low} to {high}, so all of it is black (below {black_below}); save the mask "
            f"with 0 and 255"
        )
    return grey


def warn_if_none_known(levels: NDArray[np.uint8], path: str) -> None:
    """Emit a warning about a soft mask whose levels, 255 known and 0 hole, differ, though none is fully known."""
    if levels.min() < levels.max() < KNOWN_FROM:
        notices.warn(f"{path}: no pixel of this soft mask is fully known, so all of the picture is filled")


def _to_white(white: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(white, 255, 0).astype(np.uint8)


def _brightens_with_index(grey: NDArray[np.uint8], indices: NDArray[np.generic]) -> bool:
    """Whether the picture has two colours, of which that of the higher index is the brighter one."""
    used = np.unique(indices)
    if len(used) != 2:
        return False
    lower, higher = (grey[indices == index].max() for index in used)
    return bool(lower < higher)
