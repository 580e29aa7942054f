"""The main job: pictures and masks in, filled pictures out."""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import yaml

from repaint import __version__
from repaint.checkpoints.formats import (
    holds_architecture,
    is_available,
    read_classifier_weights,
    read_weights,
)
from repaint.checkpoints.resolve import resolve
from repaint.checkpoints.weights import Weights
from repaint.config.run import Config, describe, no_effect_keys
from repaint.data import storage
from repaint.data.pairing import Pair
from repaint.errors import DataError
from repaint.inference.batch_loop import BatchLoop, Tally, Target, counted
from repaint.inference.batch_size import largest_batch
from repaint.inference.checks import check_config, check_results
from repaint.inference.inputs import (
    build_folders,
    build_labels,
    build_pairs,
    build_reading,
    config_digest,
    describe_mask,
    result_names,
)
from repaint.inference.results import (
    ResultFolders,
    Results,
    batch_size_before,
    check_writable,
    collect,
    manifest_path,
    remove_leftovers,
)
from repaint.inference.sheets import write_sheets
from repaint.noise import picture_seed
from repaint.pipeline.network import check_weights, estimate_memory
from repaint.pipeline.pipeline import Pipeline, build_pipeline
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import build_times, describe_schedule
from repaint.schedule import count_network_calls
from repaint.visual.animation import require_codec
from repaint.workers.worker import Worker

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
VERDICT = "verdict"  # what the team remembers as the exit code of the whole job, restarts included
OVERWRITTEN = "overwritten"  # what it remembers when `--overwrite` has been obeyed


@dataclass(frozen=True)
class _Job:
    """All of a run that every process knows by itself."""

    config: Config
    pipeline: Pipeline
    targets: list[Target]
    wanted: dict[str, dict[str, Any]]
    digest: str
    record: dict[str, object]
    notes: list[str | None]


def run(config: Config, team: Worker, overwrite: bool = False) -> int:
    """Inpaint all pictures of a configuration, together with the other processes of the team.

    Returns:
        Exit code: 0, 3 if some pictures could not be done, 130 after Ctrl-C. All but the main process return 0, but
        after Ctrl-C: what it knows concerns all.

    Raises:
        RepaintError: nothing could be started, or a result cannot be written.
    """
    job = _prepare(config, team.device)
    folders = build_folders(job.config)
    finished, batch_size = _plan(job, folders, team, overwrite)
    manifest = manifest_path(folders, team.rank if team.world_size > 1 else None)
    results = Results(folders, job.digest, job.wanted, finished, manifest)
    if team.is_main:
        _say_plan(job, len(finished), batch_size, team)
    filling = BatchLoop(job.config, job.pipeline, job.targets, results, job.record, batch_size, team)
    interrupted = False
    try:
        try:
            filling.run()
        except KeyboardInterrupt:
            interrupted = True
        tallies = team.gather("tally", filling.tally.to_json(), filling.progress.refresh)
    finally:
        filling.progress.close()
    if tallies is None:
        # A machine whose processes end long before the others' would take the job's rendezvous with it.
        team.hear("end")
        return EXIT_INTERRUPTED if interrupted else EXIT_OK
    tally = Tally.merge(tallies)
    if team.world_size > 1:
        results.finished = collect(folders, job.digest, job.wanted)
    code = _conclude(job, results, tally, interrupted, team)
    _say_results(job.config, job.targets, results, tally)
    team.tell("end", "")
    return code


def _conclude(job: _Job, results: Results, tally: Tally, interrupted: bool, team: Worker) -> int:
    """The exit code. What a restart of the processes would not mend is remembered for it."""
    if interrupted:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        return EXIT_INTERRUPTED
    if _is_incomplete(job, results, tally):
        return EXIT_SOME_FAILED
    if tally.failed:
        team.remember(VERDICT, str(EXIT_SOME_FAILED))
        return EXIT_SOME_FAILED
    return EXIT_OK


def _prepare(config: Config, device: torch.device) -> _Job:
    known_early = not holds_architecture(config)
    if known_early:
        _check(config, device)  # before gigabytes are read
    pairs, pairing_note = build_pairs(config)
    weights = read_weights(config.model_path, config.model_format)
    config, assumptions = resolve(config, weights)
    if not known_early:
        _check(config, device)
    labels, labels_note = build_labels(config, pairs)
    classifier = read_classifier_weights(config)
    targets = _targets(config, pairs)
    check_results(config, pairs, [target.name for target in targets])
    size = config.eval_data.batch_size
    pipeline = build_pipeline(config, weights, classifier, device, 1 if size == "auto" else -(-len(targets) // size))
    return _Job(
        config,
        pipeline,
        targets,
        _wanted(config, targets, labels),
        config_digest(config, weights, classifier, device),
        _common_record(config, pipeline, weights.digest),
        [assumptions, pairing_note, labels_note, _precision_note(config, device)],
    )


def _precision_note(config: Config, device: torch.device) -> str | None:
    if config.precision != "auto":
        return None
    return f"precision: auto is {pick_precision(config, device)} on this device"


def _plan(job: _Job, folders: ResultFolders, team: Worker, overwrite: bool) -> tuple[set[str], int]:
    """What is done already, and the size of all batches; the main process finds out and tells the others.

    Raises:
        RepaintError: the results cannot go where they should.
    """
    fingerprint = hashlib.sha256(json.dumps([job.digest, job.wanted]).encode()).hexdigest()
    if team.is_main:
        check_writable(folders)
        remove_leftovers(folders, job.wanted)
        # A restart goes on with what was done since the results before it were given up.
        finished = collect(folders, job.digest, job.wanted, overwrite and team.recall(OVERWRITTEN) is None)
        team.remember(OVERWRITTEN, "")
        batch_size = _batch_size(job, folders, team)
        team.tell("plan", json.dumps([fingerprint, sorted(finished), batch_size]))
        return finished, batch_size
    told, finished_names, batch_size = json.loads(team.hear("plan"))
    if told != fingerprint:
        raise DataError(
            f"process {team.rank} differs from the main process in pictures, masks, weights, configuration or kind of "
            f"device; give all machines the same"
        )
    return set(finished_names), batch_size


def _batch_size(job: _Job, folders: ResultFolders, team: Worker) -> int:
    """How many pictures all processes take at a time; `auto` goes on with the size of the results there are."""
    wanted, count = job.config.eval_data.batch_size, len(job.targets)
    if wanted != "auto":
        return min(wanted, count)
    return batch_size_before(folders) or largest_batch(job.pipeline, -(-count // team.world_size))


def _is_incomplete(job: _Job, results: Results, tally: Tally) -> bool:
    """Whether a picture was neither done nor reported, because the process that took it is gone; tells how many."""
    lost = [t for t in job.targets if t.name not in results.finished and t.pair.picture not in tally.failed]
    if lost:
        print(f"{len(lost)} {counted(job.config)} are still missing; the same command does them", file=sys.stderr)
    return bool(lost)


def _check(config: Config, device: torch.device) -> None:
    """Raise ConfigError for anything in the configuration, or not installed, that keeps it from working."""
    check_config(config)
    pick_precision(config, device)
    if config.animation:
        require_codec(config.animation)


def _targets(config: Config, pairs: Sequence[Pair]) -> list[Target]:
    """All pictures of a run."""
    return [Target(name, pair, sample) for pair in pairs for sample, name in enumerate(result_names(config, pair))]


def _wanted(config: Config, targets: Sequence[Target], labels: Sequence[int] | None) -> dict[str, dict[str, Any]]:
    """What is each target's own, by its name: it decides whether an earlier result still stands."""
    return {
        target.name: {
            "picture": target.pair.picture,
            "mask": target.pair.mask,
            "seed": picture_seed(config.seed, target.pair.index, target.sample),
        }
        | ({} if labels is None else {"y": labels[target.pair.index]})
        for target in targets
    }


def _common_record(config: Config, pipeline: Pipeline, digest: str) -> dict[str, object]:
    ways = config.model_dump(include={"resample", "times"}, exclude_none=True)
    schedule = ways or config.schedule_jump_params.model_dump()
    steps = {"t_T": pipeline.diffusion.num_timesteps, "timestep_respacing": config.timestep_respacing}
    return {
        "schedule": schedule | steps,
        "checkpoint": config.model_path,
        "checkpoint_sha256": digest,
        "device": str(pipeline.device),
        "precision": pick_precision(config, pipeline.device) or "default",
        "versions": {"repaint": __version__, "torch": torch.__version__},
    }


def summary(
    config: Config, pictures: int, times: Sequence[int], device: torch.device | str, batch_size: int | Literal["auto"]
) -> str:
    """The one line printed before a run."""
    calls = count_network_calls(times)
    fills = config.num_samples_per_image
    size = f"{config.image_size}x{config.image_size}"
    each = f", {fills} fills each" if fills > 1 else ""
    total = ""
    if batch_size == "auto" or config.eval_data.fit == "window":  # windows are counted only when the masks are read
        through = " through windows" if config.eval_data.fit == "window" else ""
        work = f"pictures{through} of {size}{each}, {batch_size} at a time"
        if batch_size != "auto":
            total = f" ({calls * -(-pictures * fills // batch_size)} or more)"
    else:
        batches = -(-pictures * fills // batch_size)
        work, total = (
            f"pictures of {size}{each}{',' if each else ''} in {batches} batches",
            f" ({calls * batches} in all)",
        )
    return (
        f"{config.name or 'inpainting'}: {pictures} {work}, {describe_schedule(config)}, {calls} network calls a "
        f"batch{total}, on {device}"
    )


def _say_plan(job: _Job, finished: int, batch_size: int, team: Worker) -> None:
    _say_notes(job.config, *job.notes)
    pictures = len(job.targets) // job.config.num_samples_per_image
    where = f"{team.world_size} x {team.device.type}" if team.world_size > 1 else team.device
    print(summary(job.config, pictures, job.pipeline.times, str(where), batch_size))
    if finished:
        already = f"{finished} of {len(job.targets)} {counted(job.config)} are finished already"
        print(f"{already} (--overwrite does them again)")


def _say_notes(config: Config, *notes: str | None) -> None:
    idle = no_effect_keys(config)
    if idle:
        print(f"keys without effect: {', '.join(idle)}")
    for note in notes:
        if note:
            print(note)


def _say_results(config: Config, targets: Sequence[Target], results: Results, tally: Tally) -> None:
    sheet, diversity = write_sheets(build_reading(config), targets, results)
    if diversity is not None:
        print(f"diversity: two fills of a picture differ by {diversity:.3f} in the hole (0 to 1)")
    if tally.flattened:
        print(f"format: jpg has no transparency; that of {len(tally.flattened)} pictures is left out (png keeps it)")
    contact = f", contact sheet {sheet}" if sheet else ""
    failures = len(tally.failed)
    if config.num_samples_per_image == 1:
        done, failed = f"{tally.done} pictures filled", f", {failures} could not be done"
    else:
        done, failed = f"{tally.done} fills made", f", {failures} pictures could not be done in full"
    print(f"{done}{failed if failures else ''}; results in {results.folders.inpainted}{contact}")


def dry_run(config: Config, device: torch.device) -> int:
    """Print what `run` would do. Files that are not there yet are named at the end; all else that is wrong raises."""
    data = config.eval_data
    inputs = [config.model_path, config.classifier_path if config.guided else None, data.gt_path, data.mask_path]
    missing = [path for path in inputs if path and not storage.exists(path)]
    weights: Weights | None = None
    notes: list[str | None] = []
    if is_available(config.model_path, config.model_format):
        weights = read_weights(config.model_path, config.model_format)
        missing = [path for path in missing if path != config.model_path]
        config, assumptions = resolve(config, weights)
        notes = [assumptions]
        check_weights(config, weights)
    _check(config, device)
    print(yaml.safe_dump(describe(config), sort_keys=False, allow_unicode=True).rstrip())
    pairs: list[Pair] = []
    if data.gt_path not in missing and data.mask_path not in missing:
        pairs, pairing_note = build_pairs(config)
        notes += [pairing_note, build_labels(config, pairs)[1]]
    targets = _targets(config, pairs)
    check_results(config, pairs, [target.name for target in targets])
    for target in targets:
        mask = target.pair.mask or describe_mask(config)
        print(f"{target.pair.picture} + {mask} -> {storage.join(data.paths.srs, target.name)}")
    _say_notes(config, *notes, _precision_note(config, device))
    batch_size = data.batch_size if data.batch_size == "auto" else max(1, min(data.batch_size, len(targets)))
    print(summary(config, len(pairs), build_times(config), device, batch_size))
    if weights is not None or config.model_format != "diffusers":  # whose networks tell their own shapes
        size = 1 if batch_size == "auto" else batch_size
        parameters, activations = estimate_memory(config, size, device, weights)
        print(f"memory: about {parameters / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    for path in missing:
        print(f"missing: {path}")
    return EXIT_OK
