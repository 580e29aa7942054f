"""Data sets: pictures paired with masks for inpainting, and plain folders of pictures for training."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor
from torch.utils.data import Dataset

from repaint.data import images, masks, storage, windows
from repaint.data.windows import Window
from repaint.errors import DataError

MOST_LABEL_BYTES = 2**26


@dataclass(frozen=True)
class Pair:
    """A picture and its mask.

    Attributes:
        index: number of the picture, counted from 0 after the configured offset; its seed follows from it.
        name: of the results, relative, ending with .png.
        picture: path.
        mask: path, or None if the mask is in the picture itself or made by rule.
    """

    index: int
    name: str
    picture: str
    mask: str | None


@dataclass(frozen=True)
class Reading:
    """How pairs are read.

    Attributes:
        size: of the network.
        fit: what of a picture is filled: its middle ("crop", as the published code does), or all of it: through windows
            around the holes ("window"), reduced inside a square ("pad"), or squeezed to a square ("resize").
        context: of windows, see `windows.around_holes`.
        rule: how to read masks.
        generator: makes the masks instead, picture number i's from `mask_seed + i`.
        file_format: of the results, a key of `images.SAVE_OPTIONS`.
    """

    size: int
    fit: Literal["crop", "window", "pad", "resize"] = "crop"
    context: float = windows.CONTEXT
    rule: masks.MaskRule = field(default_factory=masks.MaskRule)
    generator: masks.MaskGenerator | None = None
    mask_seed: int = 0
    file_format: str = "png"


@dataclass(frozen=True)
class Example:
    """A pair in memory.

    Attributes:
        pair: where it comes from.
        photo: the picture as the results show it: the cropped middle at the network's size, or in full resolution.
        known: bool [H, W].
        windows: the parts to fill, one after the other.
    """

    pair: Pair
    photo: images.Photo
    known: masks.Mask
    windows: tuple[Window, ...] = ()

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3]."""
        return self.photo.pixels


def list_pictures(folder: str) -> list[str]:
    """Names of all pictures below a folder, relative to it, sorted.

    Raises:
        DataError: no such folder, or no picture in it.
    """
    names = [name for name in storage.list_files(folder) if images.is_picture(name)]
    if not names:
        raise DataError(f"{folder}: no pictures in this folder (looked for {', '.join(images.EXTENSIONS)})")
    return names


def pair_pictures(
    gt_path: str, mask_path: str | None, offset: int = 0, max_len: int | None = None
) -> tuple[list[Pair], str | None]:
    """Pair the pictures of a folder with masks.

    A mask file serves every picture. In a mask folder each picture has the mask of the same relative name, whatever
    the endings; if no name matches but the counts do, they are paired in sorted order, as the published code did.

    Args:
        gt_path: folder of pictures, or one picture file.
        mask_path: folder of masks, one mask file, or None if masks do not come from files of their own.
        offset: pictures to leave out at the start of the sorted list.
        max_len: most pictures to take; more than there are means all.

    Returns:
        (pairs, a note for the user or None).

    Raises:
        DataError: nothing to do, a picture without a mask, or two pictures with one result name.
    """
    if storage.exists(gt_path) and not storage.is_folder(gt_path):
        gt_path, names = storage.parent(gt_path), [PurePosixPath(gt_path).name]
    else:
        names = list_pictures(gt_path)
    masks_of, note = _find_masks(gt_path, names, mask_path)
    pairs = [
        Pair(index, f"{stem_of(name)}.png", storage.join(gt_path, name), masks_of[name])
        for index, name in enumerate(names[offset:][:max_len])
    ]
    if not pairs:
        raise DataError(f"{gt_path}: offset {offset} leaves none of the {len(names)} pictures")
    result, count = Counter(pair.name for pair in pairs).most_common(1)[0]
    if count > 1:
        twins = [pair.picture for pair in pairs if pair.name == result]
        raise DataError(f"{twins[0]} and {twins[1]} would both be written to {result}; rename one")
    return pairs, note


def _find_masks(
    gt_path: str, names: Sequence[str], mask_path: str | None
) -> tuple[Mapping[str, str | None], str | None]:
    if mask_path is None:
        return dict.fromkeys(names), None
    if not storage.exists(mask_path):
        raise DataError(f"{mask_path}: no such mask file or folder")
    if not storage.is_folder(mask_path):
        return dict.fromkeys(names, mask_path), None
    found = list_pictures(mask_path)
    by_stem: dict[str, str] = {}
    for name in found:
        twin = by_stem.setdefault(stem_of(name), name)
        if twin != name:
            raise DataError(f"{mask_path}: {twin} and {name} are both masks of {stem_of(name)}; remove one")
    missing = [name for name in names if stem_of(name) not in by_stem]
    if not missing:
        return {name: storage.join(mask_path, by_stem[stem_of(name)]) for name in names}, None
    if len(missing) == len(names) == len(found):
        note = f"no mask in {mask_path} has the name of a picture; paired {len(names)} by sorted order"
        return {name: storage.join(mask_path, mask) for name, mask in zip(names, found, strict=True)}, note
    more = f" (and {len(missing) - 1} more pictures)" if len(missing) > 1 else ""
    raise DataError(
        f"{storage.join(gt_path, missing[0])}{more}: no mask of this name in {mask_path}; "
        f"name the masks like the pictures, or give one mask file for all"
    )


def stem_of(name: str) -> str:
    """Relative name without its last ending: 'a/photo.v2.jpg' -> 'a/photo.v2'.

    Unicode is composed, because some file systems give accents apart from their letters.
    """
    return unicodedata.normalize("NFC", str(PurePosixPath(name).with_suffix("")))


def check_ratios(pairs: Sequence[Pair]) -> None:
    """Raise DataError for the first mask that cannot fit its picture; reads file headers only.

    Unreadable files are left to `load_example`, where they cost only their own picture.
    """
    sizes: dict[str, tuple[int, int] | None] = {}
    for pair in pairs:
        if pair.mask is None:
            continue
        for path in (pair.picture, pair.mask):
            if path not in sizes:
                sizes[path] = _header_size(path)
        picture_size, mask_size = sizes[pair.picture], sizes[pair.mask]
        if picture_size and mask_size:
            masks.check_ratio(mask_size, picture_size, pair.mask, pair.picture)


def _header_size(path: str) -> tuple[int, int] | None:
    try:
        with storage.open_binary(path) as file, Image.open(file) as picture:
            lying = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # shown turned by a quarter
            return (picture.height, picture.width) if lying else picture.size
    except Exception:  # noqa: BLE001 - Pillow's parsers raise almost anything on damaged files
        return None


def load_example(pair: Pair, reading: Reading) -> Example:
    """Read a pair.

    Raises:
        DataError: a file is missing or damaged, or the mask does not fit.
    """
    return make_example(pair, *_decode(pair, reading), reading)


def make_example(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: Reading) -> Example:
    """An example from decoded pictures.

    Args:
        pair: what the pictures are called.
        picture: of any mode.
        mask: of any mode, in the picture's aspect ratio; None if it is in the picture itself or made by rule.
        reading: how to read them.

    Raises:
        DataError: the mask does not fit.
    """
    photo, known = _look(pair, picture, mask, reading)
    if reading.fit == "crop":
        return Example(pair, photo, known, (windows.whole(reading.size, reading.size),))
    return Example(pair, photo, known, _plan(pair, photo.pixels, known, reading))


def read_pair(pair: Pair, reading: Reading) -> tuple[images.Photo, masks.Mask]:
    """The picture of a pair as the results show it, and its mask, bool [H, W]; errors are those of `load_example`."""
    return _look(pair, *_decode(pair, reading), reading)


def _decode(pair: Pair, reading: Reading) -> tuple[Image.Image, Image.Image | None]:
    picture = images.decode(pair.picture)
    return picture, None if pair.mask is None or reading.generator is not None else images.decode(pair.mask)


def _look(
    pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: Reading
) -> tuple[images.Photo, masks.Mask]:
    known = _known(pair, picture, mask, reading)
    if reading.fit == "crop":
        return images.Photo(images.crop_to_array(picture, reading.size)), known
    _check_largest_side(pair, picture, reading)
    photo = images.to_photo(picture)
    if reading.rule.channel == "alpha" and photo.alpha is not None and mask is None:
        photo = replace(photo, alpha=np.where(known, photo.alpha, 255).astype(np.uint8))  # what is filled is opaque
    return photo, known


def _check_largest_side(pair: Pair, picture: Image.Image, reading: Reading) -> None:
    largest = images.LARGEST_SIDE.get(reading.file_format)
    if largest is not None and max(picture.size) > largest:
        raise DataError(
            f"{pair.picture}: {picture.width}x{picture.height} is more than format: {reading.file_format} can hold "
            f"({largest} pixels a side); use format: png"
        )


def _plan(pair: Pair, pixels: NDArray[np.uint8], known: masks.Mask, reading: Reading) -> tuple[Window, ...]:
    """The windows of a picture in full resolution."""
    if known.all():
        return ()
    if reading.fit == "window":
        return tuple(windows.around_holes(known, reading.size, reading.context))
    cover = (windows.padded if reading.fit == "pad" else windows.whole)(*known.shape)
    if known.any() and not windows.cut_out(pixels, known, cover, reading.size)[1].any():
        raise DataError(
            f"{pair.mask or pair.picture}: the mask is so fine that with fit: {reading.fit} nothing known is left at "
            f"{reading.size}x{reading.size} pixels; use fit: window"
        )
    return (cover,)


def _known(pair: Pair, picture: Image.Image, mask: Image.Image | None, reading: Reading) -> masks.Mask:
    crop = reading.fit == "crop"
    if reading.generator is not None:
        shape = (reading.size, reading.size) if crop else (picture.height, picture.width)
        return reading.generator(shape, np.random.default_rng(reading.mask_seed + pair.index))
    if mask is None:
        grey = reading.rule.read(picture, pair.picture)
        return masks.crop_painted(grey, reading.size) if crop else masks.scale_mask(grey, picture.size)
    name = pair.mask or "mask"
    grey = reading.rule.read(mask, name)
    masks.check_ratio(grey.size, picture.size, name, pair.picture)
    return masks.crop_mask(grey, picture.size, reading.size) if crop else masks.scale_mask(grey, picture.size)


def read_labels(path: str, pairs: Sequence[Pair]) -> list[int]:
    """Class labels from a text file with a line `name,label` for each picture.

    Names are relative to the folder of pictures, with or without ending; the bare file name does, too.

    Raises:
        DataError: unreadable file, malformed line, a name given twice, or a picture without a label.
    """
    try:
        lines = storage.read_bytes(path, MOST_LABEL_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file with lines 'name,label'") from None
    labels: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name, comma, digits = (part.strip() for part in line.rpartition(","))
        if not line.strip():
            continue
        if not comma or not digits.isdecimal() or len(digits) > 9:
            raise DataError(f"{path}, line {number}: {line!r} is not of the form name,label")
        if name in labels:
            raise DataError(f"{path}, line {number}: {name} has a label already")
        labels[name] = int(digits)
    return [_label_of(pair, labels, path) for pair in pairs]


def _label_of(pair: Pair, labels: Mapping[str, int], path: str) -> int:
    stem = stem_of(pair.name)
    file = PurePosixPath(pair.picture)
    # From the most to the least exact spelling: a file of this name in another folder must not win.
    for spelling in (f"{stem}{file.suffix}", stem, file.name):
        if spelling in labels:
            return labels[spelling]
    raise DataError(f"{path}: no label for {pair.picture}; add the line '{stem},LABEL'")


class TrainingPictures(Dataset[Tensor]):
    """Pictures of a folder as uint8 tensors [3, size, size], centre-cropped."""

    def __init__(self, folder: str, size: int) -> None:
        self.folder = folder
        self.size = size
        self.names = list_pictures(folder)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        picture = images.decode(storage.join(self.folder, self.names[index]))
        return images.to_tensor(images.crop_to_array(picture, self.size))
