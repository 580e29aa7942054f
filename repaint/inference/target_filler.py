"""One worker's share of a run: claims pictures, fills them in batches, writes the results, counts the failures."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from repaint.data import storage
from repaint.data.encoding import loses_transparency
from repaint.data.examples import load_example
from repaint.data.pairing import Pair
from repaint.data.prefetch import Prefetcher
from repaint.data.window_order import widest_round
from repaint.errors import DataError, WriteError
from repaint.inference.adapted_models import ADAPTED_MODELS, ModelAdapter
from repaint.inference.batch_loop import BatchLoop, BatchObserver
from repaint.inference.batch_size import halve_batch_size
from repaint.inference.inputs import build_reading
from repaint.inference.job import Job
from repaint.inference.progress import Progress
from repaint.inference.recording import BatchRecorder
from repaint.inference.result_writer import ResultWriter
from repaint.inference.results import Results
from repaint.inference.state import FillState, PartTask
from repaint.inference.targets import Tally, Target, target_noun
from repaint.pipeline.pipeline import Pipeline
from repaint.sampler import Step
from repaint.workers.worker import Worker

_MOST_AHEAD = 16  # pictures that are read ahead, or wait to be written: one of 12 megapixels takes 50 MB


class TargetFiller(BatchObserver):
    """Fills targets of a run until none is left to claim; observes its own `BatchLoop`.

    Args:
        job: the run.
        results: receives what is done.
        batch_size: most parts at a time, and the size of every batch.
        worker: this worker.

    Attributes:
        tally: counts of this worker.
        progress: of all workers.
    """

    def __init__(self, job: Job, results: Results, batch_size: int, worker: Worker) -> None:
        self._job, self._results, self._worker = job, results, worker
        self._nfe = job.pipeline.nfe
        finished = frozenset(results.finished)
        remaining = [target.pair for target in job.targets if target.name not in finished]
        reading = build_reading(job.config)
        self.tally = Tally()
        self.progress = Progress(
            worker,
            self._nfe * (len(job.targets) - len(finished)),
            f"{len(job.targets)} {target_noun(job.config)}",
            len(finished),
            job.config.show_progress,
        )
        self._reader = Prefetcher(remaining, lambda pair: load_example(pair, reading), min(batch_size, _MOST_AHEAD))
        self._recorder = BatchRecorder(job.config, job.pipeline.times_of, results.folders.log)
        self._writer = ResultWriter(results, self._count_written)
        self._adapter = None
        if job.config.adapt is not None:
            self._adapter = ModelAdapter(job.pipeline, storage.join(results.folders.log, ADAPTED_MODELS))
        self._finished, self._batch_size = finished, batch_size
        self._calls = 0  # of the batch so far, one for each window and tile
        self._rounds = self._inputs = 1

    def run(self) -> None:
        """Fill until nothing is left to claim; what is finished is written even if an error ends the run."""
        try:
            for loop in self._loops():
                loop.run()
        finally:
            self._reader.close()
            self._writer.close()

    def _loops(self) -> Iterator[BatchLoop]:
        """Loops over what goes through one network: over all states, or with `adapt` over those of each picture."""
        targets = self._job.targets
        if self._adapter is None:
            claimed = chain.from_iterable(self._claim([[target] for target in targets]))
            yield BatchLoop(self._job.pipeline, self._open_states(claimed), self._batch_size, self)
            return
        # A picture is claimed whole, when its turn has come: no other worker adapts the model to it, too.
        pictures = [list(fills) for _, fills in groupby(targets, key=lambda target: target.pair)]
        for left in self._claim(pictures):
            states = list(self._open_states(left))
            if states:
                yield from self._loop_of_picture(self._adapter, states)

    def _loop_of_picture(self, adapter: ModelAdapter, states: Sequence[FillState]) -> Iterator[BatchLoop]:
        """The loop over the fills of a picture by the model adapted to it; none if that cannot be made."""
        # Of all fills of the picture, done or not: an interruption must not change the batch size.
        example = states[0].example
        parts = self._job.config.num_samples_per_image * widest_round(example)
        try:
            pipeline = self._adapt(adapter, states[0])
            yield BatchLoop(pipeline, states, max(1, min(self._batch_size, parts)), self)
        except WriteError:
            raise  # a full disk ends the run
        except DataError as error:
            for state in states:
                self._count_failure(example.pair, str(error), state.count_left(self._job.pipeline.count_calls))

    def _adapt(self, adapter: ModelAdapter, state: FillState) -> Pipeline:
        assert self._job.config.adapt is not None
        shown = self._job.config.show_progress and self._worker.is_main
        name = f"adapting to {state.example.pair.name}"
        with tqdm(total=self._job.config.adapt.steps, unit="step", desc=name, leave=False, disable=not shown) as bar:
            return adapter(state.example, bar.update)

    def _claim(self, shares: Sequence[Sequence[Target]]) -> Iterator[list[Target]]:
        """Claim shares of the targets, and give what of each is left to do."""
        for number in self._worker.claim(len(shares)):
            yield [target for target in shares[number] if target.name not in self._finished]

    def _open_states(self, targets: Iterable[Target]) -> Iterator[FillState]:
        """The states of the readable targets; each picture is read once for all its samples."""
        for pair, group in groupby(targets, key=lambda target: target.pair):
            yield from self._open_pair(pair, group)

    def _open_pair(self, pair: Pair, targets: Iterator[Target]) -> Iterator[FillState]:
        try:
            example = self._reader(pair)
        except DataError as error:
            for _ in targets:
                self._count_failure(pair, str(error), self._nfe)
            return
        for target in targets:
            state = FillState(example, target.sample, target.label, target.name)
            self.progress.plan(state.count_left(self._job.pipeline.count_calls) - self._nfe)
            yield state

    def started(self, batch: Sequence[PartTask], rounds: int) -> None:
        """Start to record the batch."""
        self._calls, self._rounds, self._inputs = 0, rounds, sum(task.size.inputs for task in batch)
        self._recorder.start(batch)

    def stepped(self, step: Step) -> None:
        """Count network calls, and record the step."""
        # Of each window and tile: how many of them make a batch of the network is no matter of theirs.
        step = replace(step, nfe=step.nfe // self._rounds, calls=step.calls // self._rounds)
        self._calls += step.calls * self._inputs
        self.progress.called(step.calls * self._inputs)
        self._recorder.step(step)

    def filled(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Write the animation of a part."""
        self._recorder.finish(number, pixels)

    def copying_texture(self) -> None:
        """Say so, as the bar stands still."""
        self.progress.refresh("copying texture")

    def finished(self, state: FillState) -> None:
        """Write a picture; the windows of one without a hole were planned in vain."""
        self.progress.plan(-state.count_left(self._job.pipeline.count_calls))
        # A resumed run goes on with the run's size, of which adapted models may have had less.
        figures = {"batch_size": self._batch_size, "nfe": state.nfe, "seconds": round(state.seconds, 3)}
        self._writer.write(state, self._job.record | figures, min(self._batch_size, _MOST_AHEAD))
        if state.example.known.ndim == 3:
            self.tally.coloured.add(state.example.pair.picture)
        if loses_transparency(state.example.photo, state.name.rpartition(".")[2]):
            self.tally.flattened.add(state.example.pair.picture)

    def failed(self, state: FillState, reason: str, calls_left: int) -> None:
        """Report a picture whose fill is not finite."""
        pair = state.example.pair
        self._count_failure(pair, f"{pair.picture}: {reason}", calls_left)

    def ran_out_of_memory(self, batch_size: int, reason: str) -> int:
        """Do the batch again in two halves."""
        self.progress.called(-self._calls)
        self._batch_size = halve_batch_size(batch_size, reason, self._job.pipeline.device)
        return self._batch_size

    def _count_written(self) -> None:
        self.tally.done += 1
        self.progress.done()

    def _count_failure(self, pair: Pair, message: str, calls_left: int) -> None:
        """Count a fill that cannot be made, which saves network calls; report it once for all fills of the picture."""
        self.progress.plan(-calls_left)
        if pair.picture not in self.tally.failed:
            self.tally.failed.add(pair.picture)
            tqdm.write(f"skipped: {message}", file=sys.stderr)
