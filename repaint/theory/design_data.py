"""Reading the pictures and masks to design a schedule for, cropped to squares of the network's size."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from repaint.data import storage
from repaint.data.decoding import decode
from repaint.data.images import crop_to_array
from repaint.data.mask_generators import GENERATORS, generate_mask
from repaint.data.masks import Mask, MaskRule, crop_mask
from repaint.data.pairing import list_pictures
from repaint.errors import ConfigError
from repaint.theory.choices import SHORT_NAMES
from repaint.theory.gaussian_law import Array

MOST_PICTURES, MOST_MASKS = 2000, 4  # read of a folder; more would change little
MOST_PIXELS = 2**26  # of all pictures together, which are in memory
Item = TypeVar("Item")


def read_greys(folder: str, size: int) -> Array:
    """Grey values [N, size, size] in [-1, 1] of the pictures of a folder, cropped; of many, an even selection.

    Raises:
        DataError: there is none, or one is unreadable.
    """
    names = _some(list_pictures(folder), min(MOST_PICTURES, max(1, MOST_PIXELS // size**2)))
    greys = [crop_to_array(decode(storage.join(folder, name)), size).mean(axis=2) for name in names]
    return np.stack(greys) / 127.5 - 1


def read_masks(name: str, size: int, rule: MaskRule, seed: int) -> list[Mask]:
    """Masks [size, size], True = known.

    Args:
        name: a kind (a key of GENERATORS or SHORT_NAMES), a mask file, or a folder of some.
        size: height and width.
        rule: how files are read.
        seed: of a kind.

    Raises:
        ConfigError: the name is neither a kind nor an existing file or folder.
        DataError: a file is unreadable.
    """
    kind = SHORT_NAMES.get(name, name)
    if kind in GENERATORS:
        return [generate_mask(kind, size, seed)]
    if not storage.exists(name):
        kinds = ", ".join([*SHORT_NAMES, *GENERATORS])
        raise ConfigError(f"{name}: neither a kind of mask ({kinds}) nor a file or folder")
    paths = [name]
    if storage.is_folder(name):
        paths = [storage.join(name, each) for each in _some(list_pictures(name), MOST_MASKS)]
    return [crop_mask([rule.read(decode(path), path)], size) for path in paths]


def _some(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many items, evenly spread."""
    return [items[place] for place in sorted({round(place) for place in np.linspace(0, len(items) - 1, most)})]
