"""Inpainting examples: a picture and its mask in memory, with the windows to fill."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data import encoding, images, masks, notices, soft_masks, windows
from repaint.data.conversion import Photo, to_photo
from repaint.data.decoding import decode
from repaint.data.extending import Extension, Margins, extend_photo
from repaint.data.extension_windows import around_picture
from repaint.data.mask_generators import MaskGenerator
from repaint.data.pairing import Pair
from repaint.data.refinement import Area, Shape, level_shapes, order_areas, plan_areas
from repaint.data.window_order import FillOrder, Size, find_earlier
from repaint.data.window_pixels import shows_known
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
        sampled_again: whether refined fills are sampled again at each level, in areas.
        references: of areas, see `refinement.plan_areas`.
        candidates: first fills of a window that is refined, of which one is taken.
        patch_size: of texture that is copied into windows that are refined; 0 for none.
        rule: mask format; a soft one not with "crop".
        generator: generates the masks instead; picture number i has the mask of seed `mask_seed + i`.
        mask_seed: see `generator`.
        file_format: of the results, a key of `encoding.SAVE_OPTIONS`.
        extension: how far the picture is extended; not with "crop".
        feather: width of the rim around hard holes that blends them, in pixels; not with "crop".
    """

    size: int
    fit: Literal["crop", "window", "pad", "resize"] = "crop"
    context: float = windows.CONTEXT
    most_levels: int | None = 0
    sampled_again: bool = False
    references: int = 0
    candidates: int = 1
    patch_size: int = 0
    rule: masks.MaskRule = field(default_factory=masks.MaskRule)
    generator: MaskGenerator | None = None
    mask_seed: int = 0
    file_format: str = "png"
    extension: Extension = field(default_factory=Extension)
    feather: int = 0


@dataclass(frozen=True)
class Example:
    """A picture and its mask in memory.

    Attributes:
        pair: the files.
        photo: the picture as the results show it: the center crop at the network's size, or in full resolution.
        known: mask, bool [H, W], True = known; [H, W, 3] for a coloured mask with `fit: crop`.
        windows: parts to fill, in the order of those that touch.
        share: of a soft mask, how much of the picture its pixels keep, uint8 [H, W] in 255ths; None for a hard one.
        margins: what the extended picture has beyond the sides of the file's; black in `photo`, and unknown.
        refined: numbers of the windows that are refined, each with the heights and widths of its levels.
        areas: parts to fill after them, where windows that are refined are sampled again.
        candidates: for each further first fill of a window that is refined the number of that window. Of all its first
            fills the most central is refined.
        patch_size: of texture that is copied into them; 0 for none.
    """

    pair: Pair
    photo: Photo
    known: masks.Mask
    windows: tuple[Window, ...] = ()
    share: soft_masks.Share | None = None
    margins: Margins = field(default_factory=Margins)
    refined: Mapping[int, Sequence[Shape]] = field(default_factory=dict)
    areas: tuple[Area, ...] = ()
    candidates: tuple[int, ...] = ()
    patch_size: int = 0

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3]."""
        return self.photo.pixels

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of the file's picture, which are all unless it is extended."""
        height, width = self.pixels.shape[:2]
        return self.margins.inner(width, height)

    @property
    def ends_with_texture(self) -> bool:
        """Whether levels get texture from around the hole alone, which takes time after the last network call."""
        return bool(self.patch_size and self.refined and not self.areas)

    @cached_property
    def order(self) -> FillOrder:
        """What each part has to wait for: windows, then areas and further candidates of those that are refined."""
        return order_areas(find_earlier(self.windows, self.known), self.areas, self.candidates)

    def area_of(self, part: int) -> Area | None:
        """The area that a part is, by its number in `order`; None for a window, which starts from noise."""
        number = part - len(self.windows)
        return self.areas[number] if 0 <= number < len(self.areas) else None

    @cached_property
    def window_of(self) -> list[int]:
        """For each part of `order` the number of the window that it is, or is of."""
        return [*range(len(self.windows)), *(area.window for area in self.areas), *self.candidates]

    def size_of(self, part: int) -> Size:
        """Size of an area; of a window, which starts from noise, all is 0."""
        area = self.area_of(part)
        return Size() if area is None else area.size


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
    example = _read(pair, picture, mask, reading)
    if reading.generator is None and example.known.all():
        _warn_without_hole(pair, mask, reading)
    planned = _plan_windows(example, reading)
    if reading.fit == "crop" or reading.most_levels == 0:
        return replace(example, windows=planned)
    levels = (level_shapes(window, reading.size, reading.most_levels) for window in planned)
    refined = {number: shapes for number, shapes in enumerate(levels) if shapes}
    areas: tuple[Area, ...] = ()
    if reading.sampled_again:
        earlier = find_earlier(planned, example.known)
        areas = tuple(plan_areas(planned, earlier, example.known, refined, reading.size, reading.references))
    candidates = tuple(window for window in refined for _ in range(reading.candidates - 1))
    example = replace(example, windows=planned, refined=refined, areas=areas)
    return replace(example, candidates=candidates, patch_size=reading.patch_size)


def _warn_without_hole(pair: Pair, mask: Image.Image | None, reading: ReadSettings) -> None:
    """Emit a warning about a picture that is known everywhere, unless it has no mask to say otherwise."""
    if mask is None and not reading.rule.in_picture:
        return
    place = "it" if mask is None else pair.mask or "its mask"
    place = f"the middle of {place}" if reading.fit == "crop" else place
    notices.warn(f"{pair.picture}: no hole, as nothing in {place} is {reading.rule.hole}")


def read_pair(pair: Pair, reading: ReadSettings) -> tuple[Photo, masks.Mask]:
    """Read a picture as the results show it, and its mask, bool [H, W] or [H, W, 3].

    Raises:
        DataError: as in `load_example`.
    """
    example = _read(pair, *_decode(pair, reading), reading)
    return example.photo, example.known


def _decode(pair: Pair, reading: ReadSettings) -> tuple[Image.Image, Image.Image | None]:
    picture = decode(pair.picture)
    return picture, None if pair.mask is None or reading.generator is not None else decode(pair.mask)


def _read(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings) -> Example:
    """The example without its windows."""
    if reading.fit == "crop":
        known = _mask(pair, picture, mask, reading)
        return Example(pair, Photo(images.crop_to_array(picture, reading.size)), known)
    margins = reading.extension.margins(*picture.size, pair.picture)
    known, share = _blending_mask(pair, picture, mask, reading)
    _check_format_limit(pair, margins.canvas(*picture.size), reading)
    photo = to_photo(picture)
    if reading.rule.channel == "alpha" and photo.alpha is not None and mask is None:
        photo = replace(photo, alpha=np.where(known, photo.alpha, 255).astype(np.uint8))  # what is filled is opaque
    if margins:
        photo, known = extend_photo(photo, margins), margins.pad(known, False)
        share = None if share is None else margins.pad(share, 0)
    return Example(pair, photo, known, share=share, margins=margins)


def _blending_mask(
    pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings
) -> tuple[masks.Mask, soft_masks.Share | None]:
    """The mask at the picture's size, and the share of a soft one, see `soft_masks`."""
    if mask is None and reading.generator is None and not reading.rule.in_picture:
        return np.ones((picture.height, picture.width), bool), None  # it is only extended
    if reading.rule.soft:
        return soft_masks.split_levels(masks.scale_levels(_grey(pair, picture, mask, reading), picture.size))
    known = _mask(pair, picture, mask, reading)
    return soft_masks.feather(known, reading.feather, pair.picture) if reading.feather else (known, None)


def _mask(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings) -> masks.Mask:
    """The hard mask at the size of the results, from a generator, the picture itself, or a mask file."""
    crop = reading.fit == "crop"
    if reading.generator is not None:
        shape = (reading.size, reading.size) if crop else (picture.height, picture.width)
        try:
            return reading.generator(shape, np.random.default_rng(reading.mask_seed + pair.index))
        except DataError as error:
            raise DataError(f"{pair.picture}: {error}") from None
    if crop and mask is not None:
        return masks.crop_mask(reading.rule.read_channels(mask, pair.mask or "mask"), reading.size)
    grey = _grey(pair, picture, mask, reading)
    return masks.crop_embedded_mask(grey, reading.size) if crop else masks.scale_mask(grey, picture.size)


def _grey(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: ReadSettings) -> Image.Image:
    """Grey levels of the mask that is part of the picture, or of a mask file in its aspect ratio."""
    if mask is None:
        return reading.rule.read(picture, pair.picture)
    name = pair.mask or "mask"
    masks.check_ratio(mask.size, picture.size, name, pair.picture)
    return reading.rule.read(mask, name)


def _check_format_limit(pair: Pair, size: tuple[int, int], reading: ReadSettings) -> None:
    reason = encoding.why_too_large(*size, reading.file_format)
    if reason is not None:
        raise DataError(f"{pair.picture}: {reason}; use format: png")


def _plan_windows(example: Example, reading: ReadSettings) -> tuple[Window, ...]:
    known = example.known
    if reading.fit == "crop":
        return (windows.whole(reading.size, reading.size),)
    if known.all():
        return ()
    if reading.fit == "window":
        return tuple(_windows_around(example, reading))
    cover = (windows.padded if reading.fit == "pad" else windows.whole)(*known.shape)
    if known.any() and not shows_known(known, cover, reading.size):
        raise DataError(
            f"{_why_nothing_is_shown(example, cover, reading.size)} that with fit: {reading.fit} nothing known is left "
            f"at {reading.size}x{reading.size} pixels; use fit: window"
        )
    return (cover,)


def _why_nothing_is_shown(example: Example, cover: Window, size: int) -> str:
    """The file and its property that leave nothing known of a picture at the network's size."""
    pair = example.pair
    if example.margins:
        return f"{pair.mask or pair.picture}: the picture is extended so far"
    if shows_known(np.ones_like(example.known), cover, size):
        return f"{pair.mask or pair.picture}: the mask is so fine"
    return f"{pair.picture}: the picture is so long and thin"


def _windows_around(example: Example, reading: ReadSettings) -> Iterator[Window]:
    """Windows around the holes of a picture, and then around the picture itself if it is extended."""
    known = example.known[example.inner]
    margins = example.margins
    if not known.all():
        for window in windows.around_holes(known, reading.size, reading.context):
            yield window.moved(margins.top, margins.left)
    height, width = known.shape
    picture = margins.top, margins.top + height, margins.left, margins.left + width
    yield from around_picture(example.known.shape, picture, reading.size)
