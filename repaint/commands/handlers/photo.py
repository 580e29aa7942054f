"""Inpainting of pictures named on the command line: no configuration file, results beside the pictures."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from warnings import catch_warnings

from tqdm import tqdm

from repaint.commands.fill import FIT, MODEL, SCHEDULE
from repaint.commands.handlers.hole_settings import hole_settings
from repaint.commands.handlers.photo_jobs import Job, find_jobs, format_of, unfinished, write_together
from repaint.commands.hole_options import HOLE_OPTIONS
from repaint.config.loading import apply_override
from repaint.config.sampling import SCHEDULE_KEYS
from repaint.data import storage
from repaint.data.bundled import is_photo_model, locate_model
from repaint.data.encoding import encode_picture, loses_transparency, transparency_note, why_too_large
from repaint.data.examples import Example
from repaint.errors import ConfigError, DataError, WriteError
from repaint.inference.adapted_models import ADAPTED_MODELS, describe_adaptation
from repaint.inference.inputs import build_labels
from repaint.inference.runner import EXIT_OK, EXIT_SOME_FAILED
from repaint.inpainter import Inpainter
from repaint.sampler import Step

# The options that only pictures on the command line take; each is None unless it is given.
_OPTIONS = (*HOLE_OPTIONS, "out", "fills", "model", "method", "adapt", "refine", "schedule", "fit", "seed")


def refuse_options(args: argparse.Namespace) -> None:
    """Raise ConfigError if an option for pictures on the command line was given without a picture."""
    given = [name for name in _OPTIONS if getattr(args, name) is not None]
    if given:
        raise ConfigError(
            f"--{given[0]} goes with pictures on the command line; a configuration has its own key (--set)"
        )


def fill(args: argparse.Namespace) -> int:
    """Fill the pictures of the command line; returns the exit code: 0, or 3 if some could not be filled."""
    found = find_jobs(args)
    jobs = unfinished(found, args.overwrite)
    # Beside the first result of all, so that the command finds them again when that is finished.
    inpainter = _load_model(args, storage.join(storage.parent(found[0].results[0]), ADAPTED_MODELS))
    if inpainter.precision is not None:
        print(inpainter.precision.describe())
    build_labels(inpainter.pipeline.config, [job.pair for job in jobs])  # wrong ones end before the work
    if args.dry_run:
        return _dry_run(jobs, inpainter, several=len(found) > 1)
    for folder in dict.fromkeys(storage.parent(path) for job in jobs for path in job.results):
        storage.check_writable(folder)
        storage.remove_leftovers(folder)
    return _for_each(
        jobs,
        lambda number, job: _fill_one(job, inpainter, args.seed or 0, f"{number + 1}/{len(jobs)}"),
        several=len(found) > 1,
    )


def _for_each(jobs: Sequence[Job], work: Callable[[int, Job], None], several: bool) -> int:
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


def _dry_run(jobs: Sequence[Job], inpainter: Inpainter, several: bool) -> int:
    def count(_: int, job: Job) -> None:
        calls = inpainter.count_calls(_read(job, inpainter), num_samples=len(job.results))
        print(f"{job.pair.picture} -> {', '.join(job.results)}: {calls:,} network calls")

    code = _for_each(jobs, count, several)
    if (note := describe_adaptation(inpainter.pipeline.config)) is not None:
        print(note)
    return code


def _read(job: Job, inpainter: Inpainter) -> Example:
    """The picture with its mask and number; DataError, too, if the files of its fills cannot be written or hold it."""
    if job.obstacle is not None:
        raise DataError(job.obstacle)
    example = replace(inpainter.read(job.pair.picture, job.pair.mask), pair=job.pair)  # it decides noise and class
    height, width = example.pixels.shape[:2]
    reason = why_too_large(width, height, format_of(job.results[0]))  # the format of all
    if reason is not None:
        raise DataError(f"{job.pair.picture}: {reason}; give --out a name that ends in .png")
    return example


def _fill_one(job: Job, inpainter: Inpainter, seed: int, count: str) -> None:
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
            if example.ends_with_texture and bar.n >= calls:
                bar.set_postfix_str("copying texture")  # minutes, where a hole is very large

        fills = inpainter(example, seed=seed, num_samples=len(job.results), callback=advance)
        bar.set_postfix_str("")
    results = zip(job.results, fills, strict=True)
    write_together({path: encode_picture(filled, format_of(path)) for path, filled in results})
    # Again, as too little memory makes batches smaller and calls more.
    calls = inpainter.count_calls(example, num_samples=len(job.results))
    print(f"{picture} -> {', '.join(job.results)} ({calls:,} network calls)")
    if loses_transparency(example.photo, format_of(job.results[0])):
        print(transparency_note(1))  # only a picture by itself becomes another file than a PNG
