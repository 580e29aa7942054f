"""Pictures named on the command line: which they are, their masks, and the files that their fills become."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from repaint.commands.handlers.hole_settings import check_hole_options
from repaint.data import decoding, storage
from repaint.data.encoding import SAVE_OPTIONS
from repaint.data.names import distinct_stems, fit_stem, result_stems, shorten_stem, stem_of
from repaint.data.pairing import Pair, list_pictures, pair_pictures
from repaint.errors import ConfigError, DataError

SUFFIX = "_filled"
_SLASHES = ("/", os.sep)  # at the end of a folder's name


@dataclass(frozen=True)
class Job:
    """A picture with the files of its fills.

    Attributes:
        pair: the picture and its mask.
        results: files of its fills.
        obstacle: why they cannot be written; None if they can.
    """

    pair: Pair
    results: Sequence[str]
    obstacle: str | None = None


def format_of(path: str) -> str:
    """The file format of a result, by its ending."""
    return PurePosixPath(path).suffix[1:].lower()


def find_jobs(args: argparse.Namespace) -> list[Job]:
    """The pictures, their masks and where the results go."""
    check_hole_options(args)
    fills = 1 if args.fills is None else args.fills
    found = [pair for root in args.pictures for pair in _pairs(root, args.mask, args.out)]
    picture, times = Counter(pair.picture for pair in found).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"{picture} and {picture} would both be written to one result; name it once")
    if args.out is not None and _names_file(args.out, len(found)):
        results = [_numbered(*_split_file(args.out), fills)]
    else:
        longest = _numbered("", ".png", fills)[-1]
        stems = _stems_beside(found, longest) if args.out is None else _stems_in(args.out, found, longest)
        results = [_numbered(stem, ".png", fills) for stem in stems]
    jobs = [
        Job(replace(pair, index=index), paths) for index, (pair, paths) in enumerate(zip(found, results, strict=True))
    ]
    _check_results(jobs)
    return jobs


def _names_file(out: str, pictures: int) -> bool:
    """Whether `--out` is a file, and no folder; ConfigError for the file of a picture where there are several."""
    suffix = PurePosixPath(out).suffix
    if suffix == "" or out.endswith(_SLASHES) or storage.is_folder(out):
        return False
    if pictures == 1:
        return True
    if decoding.is_picture(suffix):
        raise ConfigError(f"--out {out}: a file, but there are {pictures} pictures; name a folder")
    return False


def _pairs(root: str, mask: str | None, out: str | None) -> Iterator[Pair]:
    """The pictures of a file or folder with their masks; results of an earlier run among them are left out."""
    if not storage.exists(root):
        raise DataError(f"{root}: no such picture or folder")
    results = _earlier_results(root, out) if storage.is_folder(root) else set()
    pairs, note = pair_pictures(root, mask, skip=results.__contains__)
    if note is not None:
        print(note)
    yield from pairs


def _earlier_results(folder: str, out: str | None) -> set[str]:
    """Names of the files in a folder of pictures that an earlier run put beside its pictures, or into `out` there."""
    names = list_pictures(folder)
    stems = _stems_of_results(names, storage.name_limit(folder))
    found = {name for name in names if _is_result(name, stems)}
    if out is not None and storage.is_folder(out) and storage.lists(folder, out) and not storage.same(folder, out):
        found |= {name for name in names if storage.contains(out, storage.join(folder, name))}
    if len(found) == len(names):
        raise DataError(f"{folder}: holds no pictures but those in {out}, where the results go; give another --out")
    return found


def _stems_of_results(names: Sequence[str], limit: int) -> set[str]:
    """What results beside the pictures of a folder are called before SUFFIX."""
    stems = set(result_stems(names).values()) | {stem_of(name) for name in names}
    return stems | {shorten_stem(stem, limit) for stem in stems}


def _is_result(name: str, stems: Set[str]) -> bool:
    """Whether a file is a fill that an earlier run put beside its picture; for `stems` see `_stems_of_results`."""
    stem = stem_of(name)
    source, marker, number = stem.rpartition(SUFFIX)
    numbered = not number or (number[0] == "_" and number[1:].isdecimal())
    return bool(marker) and numbered and source in stems


def _stems_beside(pairs: Sequence[Pair], ending: str) -> Iterator[str]:
    """Paths of the fills beside their pictures, without the ending, of which the longest is given."""
    for picture, stem in result_stems(pair.picture for pair in pairs).items():
        folder, name = storage.parent(picture), PurePosixPath(storage.name_of(picture))
        own = name.stem if stem == stem_of(picture) else PurePosixPath(stem).name
        yield storage.join(folder, fit_stem(own, f"{SUFFIX}{ending}", storage.name_limit(folder)) + SUFFIX)


def _stems_in(folder: str, pairs: Sequence[Pair], ending: str) -> Iterator[str]:
    """Paths of the fills in a folder, without the ending; pictures of several folders may share a name."""
    limit = storage.name_limit(folder)
    for stem in distinct_stems({pair.picture: stem_of(pair.name) for pair in pairs}).values():
        yield storage.join(folder, fit_stem(stem, ending, limit))


def _split_file(path: str) -> tuple[str, str]:
    """A result file's path without ending, and the ending; ConfigError if that is of no file format of results."""
    ending = PurePosixPath(path).suffix
    if ending[1:].lower() not in SAVE_OPTIONS:
        raise ConfigError(
            f"--out {path}: results can be written as {', '.join(SAVE_OPTIONS)}; end the name of a folder with /"
        )
    return path.removesuffix(ending), ending


def _numbered(stem: str, ending: str, fills: int) -> list[str]:
    """Files of the fills of a picture."""
    return [f"{stem}_{number}{ending}" for number in range(fills)] if fills > 1 else [f"{stem}{ending}"]


def _check_results(jobs: Sequence[Job]) -> None:
    """Raise ConfigError if a result would replace an input, or another result."""
    inputs = {str(Path(path).resolve()) for job in jobs for path in (job.pair.picture, job.pair.mask) if path}
    taken: dict[str, str] = {}
    for job in jobs:
        for path in job.results:
            place = str(Path(path).resolve())
            if place in inputs:
                raise ConfigError(f"{path}: the result would replace an input; give another --out")
            if place in taken:
                raise ConfigError(f"{taken[place]} and {job.pair.picture} would both be written to {path}; rename one")
            taken[place] = job.pair.picture


def unfinished(jobs: Sequence[Job], overwrite: bool) -> list[Job]:
    """The pictures that still lack a result; ConfigError if there is none, or nothing can be done.

    Of several pictures those with a part of their results have an obstacle, and do not keep the others from being done.
    """
    if overwrite:
        return list(jobs)
    left = [job for job in jobs if not all(map(storage.exists, job.results))]
    if not left:
        more = f" and the results of {len(jobs) - 1} more pictures" if len(jobs) > 1 else ""
        raise ConfigError(f"{jobs[0].results[0]}{more} exists already; --overwrite replaces it")
    left = [replace(job, obstacle=_partly_done(job)) for job in left]
    if len(jobs) == 1 and left[0].obstacle is not None:
        raise ConfigError(left[0].obstacle)
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} pictures are filled already (--overwrite fills them again)")
    return left


def _partly_done(job: Job) -> str | None:
    """What is wrong with a picture that has some of its results, but lacks others; None if it has none."""
    path = next(filter(storage.exists, job.results), None)
    if path is None:
        return None
    return f"{path}: exists already, but not all fills of its picture; --overwrite replaces it"


def write_together(contents: Mapping[str, bytes]) -> None:
    """Write files of which some alone would keep the same command from going on: all of them, or no new one.

    Args:
        contents: of each file, by its path.

    Raises:
        WriteError: one of them cannot be written.
    """
    new = {path for path in contents if not storage.exists(path)}
    begun: list[str] = []
    try:
        for path, content in contents.items():
            begun.append(path)  # before it is written: Ctrl-C may come between the file's last step and the next line
            storage.write_bytes(path, content)
    except BaseException:
        for path in new.intersection(begun):
            with suppress(DataError):  # what ended the writing is what the user has to know
                if storage.exists(path):
                    storage.remove(path)
        raise
