"""Pairing of pictures with masks: by name, by sorted order, or one mask for all."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from repaint.data import decoding, masks, storage
from repaint.errors import DataError


@dataclass(frozen=True)
class Pair:
    """Paths of a picture and its mask.

    Attributes:
        index: number of the picture, counted from 0 after the configured offset; determines its seed.
        name: of the results, relative, ending with .png.
        picture: path.
        mask: path, or None if the mask is part of the picture or generated.
    """

    index: int
    name: str
    picture: str
    mask: str | None


def list_pictures(folder: str) -> list[str]:
    """List all pictures below a folder: sorted names relative to it.

    Raises:
        DataError: no such folder, or no picture in it.
    """
    files = storage.list_files(folder)
    decoding.warn_of_unread(folder, files)
    names = [name for name in files if decoding.is_picture(name)]
    if not names:
        raise DataError(f"{folder}: no pictures in this folder (supported: {', '.join(decoding.EXTENSIONS)})")
    return names


def pair_pictures(
    gt_path: str,
    mask_path: str | None,
    offset: int = 0,
    max_len: int | None = None,
    skip: Callable[[str], bool] = lambda _name: False,
) -> tuple[list[Pair], str | None]:
    """Pair the pictures of a folder with masks.

    One mask file serves every picture. In a mask folder each picture has the mask of the same relative name, extensions
    aside; if no name matches but the counts are equal, pictures and masks are paired in sorted order, as in the
    published code.

    Args:
        gt_path: folder of pictures, or one picture file.
        mask_path: folder of masks, one mask file, or None without separate mask files.
        offset: number of pictures to skip at the start of the sorted list.
        max_len: maximum number of pictures.
        skip: whether to leave a file of the folder out, by its relative name.

    Returns:
        (pairs, a message for the user or None).

    Raises:
        DataError: nothing to do, a picture without a mask, or two pictures with the same result name.
    """
    if storage.exists(gt_path) and not storage.is_folder(gt_path):
        gt_path, names = storage.parent(gt_path), [PurePosixPath(gt_path).name]
    else:
        names = [name for name in list_pictures(gt_path) if not skip(name)]
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
    """The mask path of each picture name, and a message for the user or None."""
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
    """Relative name without its last extension: 'a/photo.v2.jpg' -> 'a/photo.v2'.

    Normalized to composed Unicode (NFC), because some file systems decompose accents.
    """
    return unicodedata.normalize("NFC", str(PurePosixPath(name).with_suffix("")))


def check_ratios(pairs: Sequence[Pair]) -> None:
    """Check the aspect ratios of all masks from file headers only.

    Unreadable files are skipped: `load_example` reports them, and the other pictures are still filled.

    Raises:
        DataError: for the first mask that does not fit its picture.
    """
    sizes: dict[str, tuple[int, int] | None] = {}
    for pair in pairs:
        if pair.mask is None:
            continue
        for path in (pair.picture, pair.mask):
            if path not in sizes:
                sizes[path] = decoding.upright_size(path)
        picture_size, mask_size = sizes[pair.picture], sizes[pair.mask]
        if picture_size and mask_size:
            masks.check_ratio(mask_size, picture_size, pair.mask, pair.picture)
