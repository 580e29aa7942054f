"""Published files that `download.sh` fetches: weights, example pictures and masks, recognised by their paths."""

from collections.abc import Sequence
from pathlib import PurePath

from repaint.data import storage

_EXAMPLE = "example"
_EXAMPLE_FOLDERS = {"gts", "gt_keep_masks"}  # in `datasets`
_WEIGHTS = {
    "celeba256_250000.pt": "celeba",
    "256x256_classifier.pt": "imagenet",
    "256x256_diffusion.pt": "imagenet",
    "places256_300000.pt": "places",
}


def explain_missing(paths: Sequence[str]) -> str | None:
    """A message on how to get missing files, if published ones are among them; None otherwise."""
    published = {path: name for path in paths if (name := download_name(path)) is not None}
    if not published:
        return None
    names = sorted(set(published.values()), key=lambda name: (name != _EXAMPLE, name))
    first, *others = published
    more = f" and {len(others)} more published files" if others else ""
    return (
        f"{first}{more}: missing; `bash download.sh {' '.join(names)}` fetches what is published; "
        f"`python test.py` alone runs without a download"
    )


def download_name(path: str) -> str | None:
    """The argument with which `download.sh` fetches a missing file or folder; None if it does not."""
    if storage.is_remote(path):
        return None
    return _WEIGHTS.get(storage.name_of(path)) or _example_name(PurePath(path))


def _example_name(path: PurePath) -> str | None:
    """`example` for what lies in its folders, unless they have been fetched already."""
    for folder in (path, *path.parents):
        if folder.name in _EXAMPLE_FOLDERS and folder.parent.name == "datasets":
            fetched = all(storage.is_folder(str(folder.parent / name)) for name in _EXAMPLE_FOLDERS)
            return None if fetched else _EXAMPLE
    return None
