"""Inpainting run: pictures and masks in, filled pictures out, by one worker or several."""

import hashlib
import json
import sys
from contextlib import nullcontext, suppress
from functools import partial
from itertools import groupby

from repaint.checkpoints.formats import read_classifier_weights
from repaint.config.run import Config
from repaint.data import storage
from repaint.data.encoding import transparency_note
from repaint.data.examples import load_example
from repaint.data.window_order import MOST_WINDOWS, widest_round
from repaint.errors import DataError
from repaint.inference.batch_size import largest_batch
from repaint.inference.inputs import build_folders, build_reading
from repaint.inference.job import Job, load_job
from repaint.inference.manifest import last_batch_size, manifest_path, merge_manifest
from repaint.inference.plan import Plan, prepare, print_notes, summarize
from repaint.inference.precision import settle_precision
from repaint.inference.results import ResultFolders, Results, check_writable, remove_leftovers
from repaint.inference.sheets import write_sheets
from repaint.inference.target_filler import TargetFiller
from repaint.inference.targets import Tally, target_noun
from repaint.workers.worker import Worker

EXIT_OK = 0
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
VERDICT = "verdict"  # persisted: exit code of the whole job, which a restart of the workers would not change
OVERWRITTEN = "overwritten"  # persisted: `--overwrite` has been carried out


def run(config: Config, worker: Worker, overwrite: bool = False) -> int:
    """Inpaint all pictures of a configuration, together with the other workers of the run.

    Args:
        config: as loaded from its file.
        worker: this worker.
        overwrite: do finished pictures again.

    Returns:
        Exit code: 0, 3 if some pictures could not be done, 130 after Ctrl-C. All but the main worker return 0, but
        after Ctrl-C: the main worker's code is that of the run.

    Raises:
        RepaintError: nothing could be started, or a result cannot be written.
    """
    plan = prepare(config, worker.device)
    classifier = read_classifier_weights(plan.config)
    plan = settle_precision(plan, classifier, worker, _is_to_discard(worker, overwrite))
    job = load_job(plan, classifier, worker.device)
    folders = build_folders(job.config)
    with storage.lock(folders.log) if worker.is_main else nullcontext():  # of two runs each would write all pictures
        return _run(plan, job, folders, worker, overwrite)


def _run(plan: Plan, job: Job, folders: ResultFolders, worker: Worker, overwrite: bool) -> int:
    finished, batch_size = _agree_on_work(job, folders, worker, overwrite)
    resumed = len(finished) > 0
    manifest = manifest_path(folders.log, worker.rank if worker.world_size > 1 else None)
    results = Results(folders, job.expected, finished, manifest)
    if worker.is_main:
        _print_plan(plan, job, len(finished), batch_size, worker)
    filler = TargetFiller(job, results, batch_size, worker)
    interrupted = False
    try:
        try:
            filler.run()
        except KeyboardInterrupt:
            interrupted = True
        tallies = worker.gather("tally", filler.tally.to_json(), filler.progress.refresh)
    finally:
        filler.progress.close()
    if tallies is None:
        # A machine whose processes end long before the others' would take the job's rendezvous with it.
        worker.wait_for("end")
        return EXIT_INTERRUPTED if interrupted else EXIT_OK
    tally = Tally.merge(tallies)
    if worker.world_size > 1:
        results.finished = merge_manifest(folders.log, folders.inpainted, job.expected)
    if resumed and not interrupted:
        pairs = dict.fromkeys(target.pair for target in job.targets if target.name in results.finished)
        results.write_missing_inputs(pairs, partial(load_example, reading=build_reading(job.config)))
    code = _conclude(job, results, tally, interrupted, worker)
    _print_results(job, results, tally)
    worker.publish("end", "")
    return code


def _agree_on_work(job: Job, folders: ResultFolders, worker: Worker, overwrite: bool) -> tuple[set[str], int]:
    """The targets that are finished already, and the batch size; the main worker decides and publishes them.

    Raises:
        RepaintError: the results cannot go where they should, or this worker has other inputs than the main one.
    """
    expected = job.expected
    fingerprint = hashlib.sha256(json.dumps([expected.digest, expected.targets]).encode()).hexdigest()
    if worker.is_main:
        check_writable(folders)
        remove_leftovers(folders, expected.targets)
        finished = merge_manifest(folders.log, folders.inpainted, expected, _is_to_discard(worker, overwrite))
        worker.persist(OVERWRITTEN, "")
        batch_size = _pick_batch_size(job, folders, worker)
        worker.publish("plan", json.dumps([fingerprint, sorted(finished), batch_size]))
        return finished, batch_size
    main_fingerprint, finished_names, batch_size = json.loads(worker.wait_for("plan"))
    if main_fingerprint != fingerprint:
        raise DataError(
            f"process {worker.rank} differs from the main process in pictures, masks, weights, configuration or kind "
            f"of device; give all machines the same"
        )
    return set(finished_names), batch_size


def _is_to_discard(worker: Worker, overwrite: bool) -> bool:
    """Whether the results so far are to be replaced; after a restart not those of the start before it."""
    return overwrite and worker.load_persisted(OVERWRITTEN) is None


def _pick_batch_size(job: Job, folders: ResultFolders, worker: Worker) -> int:
    """Batch size of all workers; with `auto` that of the results so far, or else the largest that fits."""
    configured = job.config.eval_data.batch_size
    if configured != "auto":
        return min(configured, _count_windows(job, configured))
    most = -(-_count_windows(job, MOST_WINDOWS * worker.world_size) // worker.world_size)
    if job.config.has_parts and worker.device.type == "cpu":
        most = min(most, MOST_WINDOWS)  # as many pictures of any size may be open at a time
    return last_batch_size(folders.log) or largest_batch(job.pipeline, most)


def _count_windows(job: Job, enough: int) -> int:
    """Parts that can be filled together: but for `fit: crop` read from the pictures, until there are enough."""
    windows = len(job.targets)
    if windows >= enough or not job.config.has_parts:
        return windows
    reading = build_reading(job.config)
    for pair, fills in groupby(job.targets, key=lambda target: target.pair):
        with suppress(DataError):  # reported when it is to be filled
            example = load_example(pair, reading)
            windows += len(list(fills)) * max(0, widest_round(example) - 1)
        if windows >= enough:
            return enough
    return windows


def _conclude(job: Job, results: Results, tally: Tally, interrupted: bool, worker: Worker) -> int:
    """The exit code; one that a restart of the workers would not change is persisted for it."""
    if interrupted:
        print("\ninterrupted: the pictures finished so far are kept, the same command does the rest", file=sys.stderr)
        return EXIT_INTERRUPTED
    lost = [t for t in job.targets if t.name not in results.finished and t.pair.picture not in tally.failed]
    if lost:  # neither done nor reported: the worker that claimed them has died
        print(f"{len(lost)} {target_noun(job.config)} are still missing; the same command does them", file=sys.stderr)
        return EXIT_SOME_FAILED
    if tally.failed:
        worker.persist(VERDICT, str(EXIT_SOME_FAILED))
        return EXIT_SOME_FAILED
    return EXIT_OK


def _print_plan(plan: Plan, job: Job, finished: int, batch_size: int, worker: Worker) -> None:
    print_notes(plan)
    where = f"{worker.world_size} x {worker.device.type}" if worker.world_size > 1 else str(worker.device)
    print(summarize(plan, job.pipeline.times, where, batch_size))
    if finished:
        already = f"{finished} of {len(job.targets)} {target_noun(job.config)} are finished already"
        print(f"{already} (--overwrite does them again)")


def _print_results(job: Job, results: Results, tally: Tally) -> None:
    sheet, diversity = write_sheets(build_reading(job.config), job.targets, results)
    if diversity is not None:
        print(f"diversity: two fills of a picture differ by {diversity:.3f} in the hole (0 to 1)")
    if tally.coloured:
        print(f"coloured masks: each channel of {len(tally.coloured)} pictures was masked by itself, as published")
    if tally.flattened:
        print(transparency_note(len(tally.flattened)))
    contact = f", contact sheet {sheet}" if sheet else ""
    failures = len(tally.failed)
    if job.config.num_samples_per_image == 1:
        done, failed = f"{tally.done} pictures filled", f", {failures} could not be done"
    else:
        done, failed = f"{tally.done} fills made", f", {failures} pictures could not be done in full"
    print(f"{done}{failed if failures else ''}; results in {results.folders.inpainted}{contact}")
