"""Inpainting examples: a picture and its mask in memory, with the windows to fill."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data import encoding, images, masks, windows
from repaint.data.conversion import Photo, to_photo
from repaint.data.decoding import decode
from repaint.data.mask_generators import MaskGenerator
from repaint.data.pairing import Pair
from repaint.data.refinement import Tile, order_tiles, plan_tiles
from repaint.data.window_order import find_earlier
from repaint.data.window_pixels import cut_out
from repaint.data.windows import Window
from repaint.errors import DataError


@dataclass(frozen=True)
class ReadSettings:
    """Settings for reading pairs: size, fit mode, mask format.

    Attributes:
        size: height and width of the network's input.
        fit: which part of a picture is filled: the center crop ("crop", as in the published code), or the whole
            picture, through windows around the holes ("window"), padded to a square ("pad"), or squeezed to a square
            ("resize").
        context: of windows, see `windows.around_holes`.
        most_levels: of the refinement of enlarged fills; None for as many as are needed.
        rule: mask format.
        generator: generates the masks instead; picture number i has the mask of seed `mask_seed + i`.
        mask_seed: see `generator`.
        file_format: of the results, a key of `encoding.SAVE_OPTIONS`.
    """

    size: int
    fit: Literal["crop", "window", "pad", "resize"] = "crop"
    context: float = windows.CONTEXT
    most_levels: int | None = 0
    rule: masks.MaskRule = field(default_factory=masks.MaskRule)
    generator: MaskGenerator | None = None
    mask_seed: int = 0
    file_format: str = "png"


@dataclass(frozen=True)
class Example:
    """A picture and its mask in memory.

    Attributes:
        pair: the files.
        photo: the picture as the results show it: the center crop at the network's size, or in full resolution.
        known: mask, bool [H, W], True = known; [H, W, 3] for a coloured mask with `fit: crop`.
        windows: parts to fill, in the order of those that touch.
        tiles: parts to fill after them, where windows are refined.
    """

    pair: Pair
    photo: Photo
    known: masks.Mask
    windows: tuple[Window, ...] = ()
    tiles: tuple[Tile, ...] = ()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3]."""
        return self.photo.pixels

    @cached_property
    def earlier(self) -> list[list[int]]:
        """For each part, windows and then tiles, the numbers of those that have to be filled before it."""
        return order_tiles(find_earlier(self.windows, self.known), self.tiles)

    def is_refined(self, part: int) -> bool:
        """Whether a part, by its number in `earlier`, is a tile, which starts from a fill."""
        return part >= len(self.windows)

    def tile(self, part: int) -> Tile:
        """The tile of a part that is one."""
        return self.tiles[part - len(self.windows)]


def load_example(pair: Pair, reading: ReadSettings) -> Example:
    """Read an example from its files.

    Raises:
        DataError: a file is missing or damaged, or the mask does not fit.
    """
    return make_example(pair, *_decode(pair, reading), reading)


def make_example(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings) -> Example:
    """Build an example from decoded pictures.

    Args:
        pair: names of the pictures.
        picture: of any mode.
        mask: of any mode, in the picture's aspect ratio unless it is cropped; None if it is part of the picture or
            generated.
        reading: settings.

    Raises:
        DataError: the mask does not fit.
    """
    photo, known = _photo_and_mask(pair, picture, mask, reading)
    if reading.fit == "crop":
        return Example(pair, photo, known, (windows.whole(reading.size, reading.size),))
    planned = _plan_windows(pair, photo.pixels, known, reading)
    tiles = plan_tiles(planned, find_earlier(planned, known), known, reading.size, reading.most_levels)
    return Example(pair, photo, known, planned, tuple(tiles))


def read_pair(pair: Pair, reading: ReadSettings) -> tuple[Photo, masks.Mask]:
    """Read a picture as the results show it, and its mask, bool [H, W] or [H, W, 3].

    Raises:
        DataError: as in `load_example`.
    """
    return _photo_and_mask(pair, *_decode(pair, reading), reading)


def _decode(pair: Pair, reading: ReadSettings) -> tuple[Image.Image, Image.Image | None]:
    picture = decode(pair.picture)
    return picture, None if pair.mask is None or reading.generator is not None else decode(pair.mask)


def _photo_and_mask(
    pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings
) -> tuple[Photo, masks.Mask]:
    known = _mask(pair, picture, mask, reading)
    if reading.fit == "crop":
        return Photo(images.crop_to_array(picture, reading.size)), known
    _check_format_limit(pair, picture, reading)
    photo = to_photo(picture)
    if reading.rule.channel == "alpha" and photo.alpha is not None and mask is None:
        photo = replace(photo, alpha=np.where(known, photo.alpha, 255).astype(np.uint8))  # what is filled is opaque
    return photo, known


def _mask(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings) -> masks.Mask:
    """The mask at the size of the results, from a generator, the picture itself, or a mask file."""
    crop = reading.fit == "crop"
    if reading.generator is not None:
        shape = (reading.size, reading.size) if crop else (picture.height, picture.width)
        try:
            return reading.generator(shape, np.random.default_rng(reading.mask_seed + pair.index))
        except DataError as error:
            raise DataError(f"{pair.picture}: {error}") from None
    if mask is None:
        grey = reading.rule.read(picture, pair.picture)
        return masks.crop_embedded_mask(grey, reading.size) if crop else masks.scale_mask(grey, picture.size)
    name = pair.mask or "mask"
    if crop:
        return masks.crop_mask(reading.rule.read_channels(mask, name), reading.size)
    masks.check_ratio(mask.size, picture.size, name, pair.picture)
    return masks.scale_mask(reading.rule.read(mask, name), picture.size)


def _check_format_limit(pair: Pair, picture: Image.Image, reading: ReadSettings) -> None:
    largest = encoding.LARGEST_SIDE.get(reading.file_format)
    if largest is not None and max(picture.size) > largest:
        raise DataError(
            f"{pair.picture}: {picture.width}x{picture.height} is more than format: {reading.file_format} can hold "
            f"({largest} pixels a side); use format: png"
        )


def _plan_windows(
    pair: Pair, pixels: NDArray[np.uint8], known: masks.Mask, reading: ReadSettings
) -> tuple[Window, ...]:
    """The windows of a picture in full resolution."""
    if known.all():
        return ()
    if reading.fit == "window":
        return tuple(windows.around_holes(known, reading.size, reading.context))
    cover = (windows.padded if reading.fit == "pad" else windows.whole)(*known.shape)
    if known.any() and not cut_out(pixels, known, cover, reading.size)[1].any():
        raise DataError(
            f"{pair.mask or pair.picture}: the mask is so fine that with fit: {reading.fit} nothing known is left at "
            f"{reading.size}x{reading.size} pixels; use fit: window"
        )
    return (cover,)
