"""Pairing of pictures with masks: by name, by sorted order, or one mask for all."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from repaint.data import decoding, masks, storage
from repaint.data.names import result_stems, same_name, stem_of
from repaint.errors import DataError

_MOST_NAMED = 3  # pictures in a message
_MASK_OF = re.compile(r"(.+)_mask\d*")  # LaMa's names: photo_mask.png or photo_mask001.png, of photo.png


@dataclass(frozen=True)
class Pair:
    """Paths of a picture and its mask.

    Attributes:
        index: number of the picture, counted from 0 after the configured offset; determines its seed.
        name: of the results, relative, ending with .png: the picture's own, unless `source` is set.
        picture: path.
        mask: path, or None if the mask is part of the picture or generated.
        source: relative name of the picture, where its results cannot be called after its stem.
    """

    index: int
    name: str
    picture: str
    mask: str | None
    source: str | None = None


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
    aside, or of its name and `_mask`, as in LaMa's data; if no name matches but the counts are equal, pictures and
    masks are paired in sorted order, as in the published code. Masks among the pictures do not count as pictures.

    Args:
        gt_path: folder of pictures, or one picture file.
        mask_path: folder of masks, one mask file, or None without separate mask files.
        offset: number of pictures to skip at the start of the sorted list.
        max_len: maximum number of pictures.
        skip: whether to leave a file of the folder out, by its relative name.

    Returns:
        (pairs, messages for the user, one a line, or None).

    Raises:
        DataError: nothing to do, or a picture without a mask.
    """
    if mask_path is not None and not storage.exists(mask_path):
        raise DataError(f"{mask_path}: no such mask file or folder")
    if storage.exists(gt_path) and not storage.is_folder(gt_path):
        folder, names = storage.parent(gt_path), [storage.name_of(gt_path)]
    else:
        folder, names = gt_path, [name for name in list_pictures(gt_path) if not skip(name)]
        if mask_path is not None:
            names = _without_masks(folder, names, mask_path)
    masks_of, note = _find_masks(folder, names, mask_path)
    stems = result_stems(names)
    pairs = [
        Pair(index, f"{stems[name]}.png", storage.join(folder, name), masks_of[name], _source(name, stems[name]))
        for index, name in enumerate(names[offset:][:max_len])
    ]
    if not pairs:
        raise DataError(f"{gt_path}: offset {offset} leaves none of the {len(names)} pictures")
    shared = [pair.source for pair in pairs if pair.source is not None]
    twins = f"pictures of one name keep their ending in the results' names: {name_some(shared)}" if shared else None
    return pairs, "\n".join(filter(None, [note, twins])) or None


def _source(name: str, stem: str) -> str | None:
    return None if stem == stem_of(name) else name


def name_some(names: Sequence[str]) -> str:
    """The first few of many names, for a message."""
    return ", ".join(names[:_MOST_NAMED]) + (" ..." if len(names) > _MOST_NAMED else "")


def _without_masks(folder: str, names: Sequence[str], mask_path: str) -> list[str]:
    """The names in a folder of pictures that are no masks, where these lie in it too."""
    if not storage.lists(folder, mask_path):
        return list(names)
    if storage.same(folder, mask_path):
        stems = {stem_of(name) for name in names}
        return [name for name in names if _picture_of(name) not in stems]
    pictures = [name for name in names if not storage.contains(mask_path, storage.join(folder, name))]
    if not pictures:
        raise DataError(f"{folder}: holds no pictures but the masks in {mask_path}")
    return pictures


def _picture_of(mask: str) -> str | None:
    """Stem of the picture that a file is the mask of by LaMa's names; None if it is called otherwise."""
    match = _MASK_OF.fullmatch(stem_of(mask))
    return match[1] if match else None


def _find_masks(
    folder: str, names: Sequence[str], mask_path: str | None
) -> tuple[Mapping[str, str | None], str | None]:
    """The mask path of each picture name, and a message for the user or None."""
    if mask_path is None:
        return dict.fromkeys(names), None
    if not storage.is_folder(mask_path):
        if len(names) == 1 and storage.same(storage.join(folder, names[0]), mask_path):
            raise DataError(f"{mask_path}: a picture cannot be its own mask; give a mask file")
        return dict.fromkeys(names, mask_path), None
    found = _MaskFolder(mask_path, among_pictures=storage.same(folder, mask_path))
    masks_of = {name: found.mask_of(name) for name in names}
    missing = [name for name, mask in masks_of.items() if mask is None]
    if not missing:
        return masks_of, None
    if len(missing) == len(names) == len(found.names) and not found.among_pictures:
        note = f"no mask in {mask_path} has the name of a picture; paired {len(names)} by sorted order"
        return {name: storage.join(mask_path, mask) for name, mask in zip(names, found.names, strict=True)}, note
    more = f" (and {len(missing) - 1} more pictures)" if len(missing) > 1 else ""
    like = f"{stem_of(missing[0])}_mask.png" if found.among_pictures else "the pictures"
    raise DataError(
        f"{storage.join(folder, missing[0])}{more}: no mask of this name in {mask_path}; "
        f"name the masks like {like}, or give one mask file for all"
    )


class _MaskFolder:
    """The masks of a folder, by the stem of their picture.

    Args:
        path: of the folder.
        among_pictures: whether the pictures lie in it too, so that only `_mask` in its name makes a file a mask.

    Attributes:
        names: all files, sorted.
    """

    def __init__(self, path: str, among_pictures: bool) -> None:
        self.path, self.among_pictures, self.names = path, among_pictures, list_pictures(path)
        self._like_picture: dict[str, list[str]] = defaultdict(list)
        self._like_lama: dict[str, list[str]] = defaultdict(list)
        for name in self.names:
            self._like_picture[stem_of(name)].append(name)
            self._like_lama[_picture_of(name) or ""].append(name)

    def mask_of(self, picture: str) -> str | None:
        """Path of a picture's mask, None without; DataError if there are several."""
        stem = stem_of(picture)
        found = [] if self.among_pictures else self._like_picture.get(stem, [])
        found = [name for name in found if same_name(name, picture)] or found or self._like_lama.get(stem, [])
        if len(found) > 1:
            raise DataError(f"{self.path}: {found[0]} and {found[1]} are both masks of {stem}; remove one")
        return storage.join(self.path, found[0]) if found else None


def check_ratios(pairs: Sequence[Pair]) -> None:
    """Check the aspect ratios of all masks from file headers only.

    Unreadable files are skipped: `load_example` reports them, and the other pictures are still filled.

    Raises:
        DataError: for the first mask that does not fit its picture.
    """
    for error in find_other_ratios(pairs):
        raise error


def find_other_ratios(pairs: Sequence[Pair]) -> Iterator[DataError]:
    """An error for each mask that has not the aspect ratio of its picture; see `check_ratios`."""
    sizes: dict[str, tuple[int, int] | None] = {}
    for pair in pairs:
        if pair.mask is None:
            continue
        for path in (pair.picture, pair.mask):
            if path not in sizes:
                sizes[path] = decoding.upright_size(path)
        picture_size, mask_size = sizes[pair.picture], sizes[pair.mask]
        if picture_size and mask_size:
            try:
                masks.check_ratio(mask_size, picture_size, pair.mask, pair.picture)
            except DataError as error:
                yield error
