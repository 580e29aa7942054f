"""Inpainting of pictures named on the command line: no configuration file, results beside the pictures."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from warnings import catch_warnings

from tqdm import tqdm

from repaint.commands.fill import FIT, MODEL, SCHEDULE
from repaint.commands.handlers.hole_settings import check_hole_options, hole_settings
from repaint.commands.hole_options import HOLE_OPTIONS
from repaint.config.loading import apply_override
from repaint.config.sampling import SCHEDULE_KEYS
from repaint.data import storage
from repaint.data.bundled import is_photo_model, locate_model
from repaint.data.encoding import SAVE_OPTIONS, encode_picture, why_too_large
from repaint.data.examples import Example
from repaint.data.names import distinct_stems, fit_stem, result_stems, shorten_stem, stem_of
from repaint.data.pairing import Pair, list_pictures, pair_pictures
from repaint.errors import ConfigError, DataError, WriteError
from repaint.inference.adapted_models import ADAPTED_MODELS, describe_adaptation
from repaint.inference.inputs import build_labels
from repaint.inference.runner import EXIT_OK, EXIT_SOME_FAILED
from repaint.inpainter import Inpainter
from repaint.sampler import Step

SUFFIX = "_filled"
# The options that only pictures on the command line take; each is None unless it is given.
_OPTIONS = (*HOLE_OPTIONS, "out", "fills", "model", "method", "adapt", "refine", "schedule", "fit", "seed")


def refuse_options(args: argparse.Namespace) -> None:
    """Raise ConfigError if an option for pictures on the command line was given without a picture."""
    given = [name for name in _OPTIONS if getattr(args, name) is not None]
    if given:
        raise ConfigError(
            f"--{given[0]} goes with pictures on the command line; a configuration has its own key (--set)"
        )


@dataclass(frozen=True)
class _Job:
    """A picture with the files of its fills."""

    pair: Pair
    results: Sequence[str]


def fill(args: argparse.Namespace) -> int:
    """Fill the pictures of the command line; returns the exit code: 0, or 3 if some could not be filled."""
    found = _find_jobs(args)
    jobs = _unfinished(found, args.overwrite)
    # Beside the first result of all, so that the command finds them again when that is finished.
    inpainter = _load_model(args, storage.join(storage.parent(found[0].results[0]), ADAPTED_MODELS))
    if inpainter.precision is not None:
        print(inpainter.precision.describe())
    build_labels(inpainter.pipeline.config, [job.pair for job in jobs])  # wrong ones end before the work
    if args.dry_run:
        return _dry_run(jobs, inpainter, several=len(found) > 1)
    for folder in dict.fromkeys(storage.parent(path) for job in jobs for path in job.results):
        storage.check_writable(folder)
    return _for_each(
        jobs,
        lambda number, job: _fill_one(job, inpainter, args.seed or 0, f"{number + 1}/{len(jobs)}"),
        several=len(found) > 1,
    )


def _for_each(jobs: Sequence[_Job], work: Callable[[int, _Job], None], several: bool) -> int:
    """Do the work for each picture by its number; the exit code: 3 if some of several had to be skipped.

    Args:
        jobs: the pictures to do.
        work: for one of them; its DataError skips the picture.
        several: whether the command is about more than one, though the others may be done.
    """
    failed = 0
    for number, job in enumerate(jobs):
        try:
            work(number, job)
        except WriteError:
            raise  # a full disk ends the run
        except DataError as error:
            if not several:
                raise
            failed += 1
            tqdm.write(f"skipped: {error}", file=sys.stderr)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _load_model(args: argparse.Namespace, adapted_models: str) -> Inpainter:
    settings = _settings(args.set)
    for key in (*HOLE_OPTIONS, "schedule", "fit", "device", "model"):
        if key in settings:
            raise ConfigError(f"--set {key}: pictures on the command line take it as --{key}")
    for key in ("adapted_models", "self"):  # arguments of `Inpainter` that are no keys of a configuration
        if key in settings:
            raise ConfigError(f"--set {key}: no key of a configuration")
    adapt = None if args.adapt is None else {"steps": args.adapt}
    for key, value in (("method", args.method), ("adapt", adapt), ("refine", args.refine)):
        if value is not None and key in settings:
            raise ConfigError(f"--{key} and --set {key} both specify it; leave one out")
        if value is not None:
            settings[key] = value
    model = locate_model(args.model or MODEL)
    if is_photo_model(model) and (args.fit or FIT) != "crop":
        settings.setdefault("refine", "auto")  # it has seen crops of every scale
    own_schedule = set(SCHEDULE_KEYS) & settings.keys()
    with catch_warnings(action="ignore"):  # its only warning is its note
        inpainter = Inpainter(
            model,
            schedule=args.schedule or (None if own_schedule else SCHEDULE),
            device=args.device,
            fit=args.fit or FIT,
            adapted_models=adapted_models,
            **hole_settings(args),
            **settings,
        )
    if inpainter.note is not None:
        print(f"note: {inpainter.note}")
    return inpainter


def _settings(overrides: Sequence[str]) -> dict[str, Any]:
    """`--set key.path=value` as settings of an `Inpainter`."""
    settings: dict[str, Any] = {}
    for text in overrides:
        apply_override(settings, text)
    return settings


def _dry_run(jobs: Sequence[_Job], inpainter: Inpainter, several: bool) -> int:
    def count(_: int, job: _Job) -> None:
        calls = inpainter.count_calls(_read(job, inpainter), num_samples=len(job.results))
        print(f"{job.pair.picture} -> {', '.join(job.results)}: {calls:,} network calls")

    code = _for_each(jobs, count, several)
    if (note := describe_adaptation(inpainter.pipeline.config)) is not None:
        print(note)
    return code


def _read(job: _Job, inpainter: Inpainter) -> Example:
    """The picture with its mask and number; DataError, too, if it is larger than the files of its fills can hold."""
    example = replace(inpainter.read(job.pair.picture, job.pair.mask), pair=job.pair)  # it decides noise and class
    height, width = example.pixels.shape[:2]
    reason = why_too_large(width, height, _format_of(job.results[0]))  # the format of all
    if reason is not None:
        raise DataError(f"{job.pair.picture}: {reason}; give --out a name that ends in .png")
    return example


def _format_of(path: str) -> str:
    return PurePosixPath(path).suffix[1:].lower()


def _fill_one(job: _Job, inpainter: Inpainter, seed: int, count: str) -> None:
    picture = job.pair.picture
    example = _read(job, inpainter)
    calls = inpainter.count_calls(example, num_samples=len(job.results))
    adaptation = inpainter.pipeline.config.adapt
    if adaptation is not None:
        name = f"adapting to {PurePosixPath(picture).name} ({count})"
        with tqdm(total=adaptation.steps, unit="step", desc=name, disable=None) as bar:
            inpainter.adapt(example, bar.update)
    with tqdm(total=calls, unit="call", desc=f"{PurePosixPath(picture).name} ({count})", disable=None) as bar:

        def advance(step: Step) -> None:
            bar.update(step.calls)

        fills = inpainter(example, seed=seed, num_samples=len(job.results), callback=advance)
    for path, filled in zip(job.results, fills, strict=True):
        storage.write_bytes(path, encode_picture(filled, _format_of(path)))
    print(f"{picture} -> {', '.join(job.results)} ({calls:,} network calls)")


def _find_jobs(args: argparse.Namespace) -> list[_Job]:
    """The pictures, their masks and where the results go."""
    check_hole_options(args)
    fills = 1 if args.fills is None else args.fills
    found = [pair for root in args.pictures for pair in _pairs(root, args.mask, args.out)]
    picture, times = Counter(pair.picture for pair in found).most_common(1)[0]
    if times > 1:
        raise ConfigError(f"{picture} and {picture} would both be written to one result; name it once")
    if args.out is not None and PurePosixPath(args.out).suffix != "" and not storage.is_folder(args.out):
        if len(found) > 1:
            raise ConfigError(f"--out {args.out}: a file, but there are {len(found)} pictures; name a folder")
        results = [_numbered(*_split_file(args.out), fills)]
    else:
        longest = _numbered("", ".png", fills)[-1]
        stems = _stems_beside(found, longest) if args.out is None else _stems_in(args.out, found, longest)
        results = [_numbered(stem, ".png", fills) for stem in stems]
    jobs = [
        _Job(replace(pair, index=index), paths) for index, (pair, paths) in enumerate(zip(found, results, strict=True))
    ]
    _check_results(jobs)
    return jobs


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
        raise ConfigError(f"--out {path}: results can be written as {', '.join(SAVE_OPTIONS)}")
    return path.removesuffix(ending), ending


def _numbered(stem: str, ending: str, fills: int) -> list[str]:
    """Files of the fills of a picture."""
    return [f"{stem}_{number}{ending}" for number in range(fills)] if fills > 1 else [f"{stem}{ending}"]


def _check_results(jobs: Sequence[_Job]) -> None:
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


def _unfinished(jobs: Sequence[_Job], overwrite: bool) -> list[_Job]:
    """The pictures that still lack a result; ConfigError if there is none."""
    if overwrite:
        return list(jobs)
    left = [job for job in jobs if not all(map(storage.exists, job.results))]
    if not left:
        more = f" and the results of {len(jobs) - 1} more pictures" if len(jobs) > 1 else ""
        raise ConfigError(f"{jobs[0].results[0]}{more} exists already; --overwrite replaces it")
    for job in left:
        for path in filter(storage.exists, job.results):
            raise ConfigError(f"{path}: exists already, but not all fills of its picture; --overwrite replaces it")
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} pictures are filled already (--overwrite fills them again)")
    return left
