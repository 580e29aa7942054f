"""BatchLoop pictures: windows of many pictures and samples go through the sampler together."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from repaint.config.run import Config
from repaint.data import storage
from repaint.data.examples import load_example
from repaint.data.fill_state import FillState
from repaint.data.images import encode_png, to_uint8
from repaint.data.pairing import Pair
from repaint.data.prefetch import Prefetcher
from repaint.errors import ConfigError, DataError, is_out_of_memory
from repaint.inference.crops import make_crop
from repaint.inference.finite_check import FiniteCheck
from repaint.inference.inputs import build_reading
from repaint.inference.progress import Progress
from repaint.inference.results import Results
from repaint.pipeline.pipeline import Pipeline
from repaint.pipeline.precision import pick_precision
from repaint.sampler import Step
from repaint.visual.animation import Frame, Recorder, draw_frames, draw_pair, encode_animation
from repaint.workers.worker import Worker


@dataclass(frozen=True)
class Target:
    """One picture to make: fill number `sample` of a pair, under a name of its own."""

    name: str
    pair: Pair
    sample: int


@dataclass
class Tally:
    """How a run fared.

    Attributes:
        done: targets filled.
        failed: paths of the pictures of which a target could not be filled.
        flattened: paths of the pictures whose transparency the files of their fills cannot hold.
    """

    done: int = 0
    failed: set[str] = field(default_factory=set)
    flattened: set[str] = field(default_factory=set)

    def to_json(self) -> str:
        """For another process."""
        return json.dumps([self.done, sorted(self.failed), sorted(self.flattened)])

    @classmethod
    def merge(cls, texts: Sequence[str]) -> "Tally":
        """How all processes fared, from what each of them told."""
        merged = cls()
        for done, failed, flattened in map(json.loads, texts):
            merged.done += done
            merged.failed |= set(failed)
            merged.flattened |= set(flattened)
        return merged


def counted(config: Config) -> str:
    """What the targets of a run are called: pictures, or fills if each picture has several."""
    return "pictures" if config.num_samples_per_image == 1 else "fills"


class BatchLoop:
    """One process's share of a run: canvases come in one by one, are filled together window by window, and go out.

    A batch takes windows of any pictures and samples, so it is full as long as there is enough to do.

    Args:
        config: of the run.
        pipeline: fills batches.
        targets: of the whole run; the processes take the next one whenever they have room.
        results: takes what is done.
        record: what all manifest lines tell.
        batch_size: most windows at a time, and the size of every batch.
        team: of the run.
    """

    def __init__(
        self,
        config: Config,
        pipeline: Pipeline,
        targets: Sequence[Target],
        results: Results,
        record: Mapping[str, object],
        batch_size: int,
        team: Worker,
    ) -> None:
        self.config, self.pipeline, self.results = config, pipeline, results
        self.record, self.batch_size = record, batch_size
        self.tally = Tally()
        skipped = len(results.finished)
        calls = pipeline.nfe * (len(targets) - skipped)
        pictures = f"{len(targets)} {counted(config)}"
        self.progress = Progress(team, calls, pictures, skipped, config.show_progress)
        skip = frozenset(results.finished)
        claimed = (targets[number] for number in team.claim(len(targets)))
        self.queue = self._open(target for target in claimed if target.name not in skip)
        reading = build_reading(config)
        expected = (target.pair for target in targets if target.name not in skip)
        self.reader = Prefetcher(expected, lambda pair: load_example(pair, reading), batch_size)
        self.writer = ThreadPoolExecutor(1, "writer")  # one: a picture's line in the manifest comes after its files
        self.writing: deque[Future[None]] = deque()
        self.active: list[tuple[Target, FillState]] = []
        self.postponed: list[tuple[Target, FillState]] = []

    def run(self) -> None:
        """Fill until there is nothing left to take; what is finished is written even if an error ends the run."""
        try:
            while self._refill():
                self._fill_batch()
        finally:
            self.reader.close()
            self._settle(0)
            self.writer.shutdown()

    def _open(self, targets: Iterator[Target]) -> Iterator[tuple[Target, FillState]]:
        """Canvases of the readable pictures; each picture is read once for all its samples."""
        for pair, group in groupby(targets, key=lambda target: target.pair):
            try:
                example = self.reader(pair)
            except DataError as error:
                for _ in group:
                    self._fail(pair, str(error), 1)
                continue
            for target in group:
                self.progress.plan((len(example.windows) - 1) * self.pipeline.nfe)
                yield target, FillState(example, target.sample)

    def _refill(self) -> bool:
        """Top the batch up; False when nothing is left. A picture without a hole is written as it is."""
        while len(self.active) < self.batch_size:
            entry = self.postponed.pop(0) if self.postponed else next(self.queue, None)
            if entry is None:
                break
            if not self.pipeline.has_to_fill(entry[1].example.known):
                self.progress.plan(-len(entry[1].example.windows) * self.pipeline.nfe)
                self._write(*entry)
            else:
                self.active.append(entry)
        return bool(self.active)

    def _fill_batch(self) -> None:
        started = time.perf_counter()
        recorder, watch = self._recorder(), FiniteCheck()
        filled = self._sample(recorder, watch)
        if filled is None:
            return
        share = (time.perf_counter() - started) / len(self.active)
        unfinished = []
        for number, ((target, canvas), x) in enumerate(zip(self.active, filled, strict=True)):
            trouble = watch.report(number)
            if trouble is not None:
                narrow = pick_precision(self.config, self.pipeline.device) == "fp16"
                hint = "; fp16 overflows easily, take precision: bf16 instead" if narrow else ""
                windows_left = len(canvas.example.windows) - canvas.position - 1
                self._fail(target.pair, f"{target.pair.picture}: {trouble}{hint}", windows_left)
                continue
            pixels = to_uint8(x)
            if recorder is not None:
                self._write_animation(recorder.frames, number, pixels)
            canvas.take(pixels)
            canvas.nfe += self.pipeline.nfe
            canvas.seconds += share
            if canvas.finished:
                self._write(target, canvas)
            else:
                unfinished.append((target, canvas))
        self.active = unfinished

    def _sample(self, recorder: Recorder | None, watch: FiniteCheck) -> Tensor | None:
        """The fills of the active windows; None if memory was too small, and the batch has become smaller."""
        wanted = self.results.wanted
        crops = [make_crop(self.config, canvas, wanted[target.name].get("y")) for target, canvas in self.active]
        calls = 0

        def callback(step: Step) -> None:
            nonlocal calls
            if step.s < step.t:
                calls += 1
                self.progress.called(len(self.active))
            watch(step)
            if recorder is not None:
                recorder(step)

        try:
            return self.pipeline.fill(crops, self.batch_size, callback)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0] or type(error).__name__
        # Only here, when the error no longer holds the batch's tensors, can their memory be given back.
        self.progress.called(-calls * len(self.active))
        self._halve(reason)
        return None

    def _halve(self, reason: str) -> None:
        """Go on with half as many pictures at a time; the others of the batch wait."""
        if self.batch_size == 1:
            raise ConfigError(
                f"out of memory with one picture at a time ({reason}); it takes a smaller network, precision: bf16, or "
                f"a device with more memory"
            )
        smaller = -(-self.batch_size // 2)
        tqdm.write(
            f"out of memory with batches of {self.batch_size}: going on with {smaller} (pictures may differ by a grey "
            f"level from those of other sizes; batch_size: {smaller} starts so)",
            file=sys.stderr,
        )
        if self.pipeline.device.type == "cuda":
            torch.cuda.empty_cache()
        self.batch_size = smaller
        self.postponed = self.active[smaller:] + self.postponed
        self.active = self.active[:smaller]

    def _recorder(self) -> Recorder | None:
        config = self.config
        frames = config.animation_frames if config.animation else 0
        if not frames and not config.snapshot_interval:
            return None
        return Recorder(self.pipeline.times, frames, config.snapshot_interval, self._write_snapshots)

    def _write_snapshots(self, frame: Frame) -> None:
        for number in range(len(self.active)):
            path = storage.join(self.results.folders.log, f"snapshots/{self._film_name(number)}/{frame.nfe:06d}.png")
            storage.write_bytes(path, encode_png(draw_pair(frame, number)))

    def _write_animation(self, frames: Sequence[Frame], number: int, pixels: NDArray[np.uint8]) -> None:
        """Animation of window `number` of the batch, ending with its fill."""
        kind = self.config.animation
        if kind is not None:
            pages = draw_frames(frames, number, self.pipeline.times, pixels)
            path = storage.join(self.results.folders.log, f"animations/{self._film_name(number)}.{kind}")
            storage.write_bytes(path, encode_animation(pages, kind))

    def _film_name(self, number: int) -> str:
        """Name without ending of what shows window `number` of the batch come about.

        Where pictures have windows each has a folder, also if one is enough for it: `a_window0` could be a picture.
        """
        target, canvas = self.active[number]
        stem = target.name.rpartition(".")[0]
        return f"{stem}/window{canvas.position}" if self.config.eval_data.fit == "window" else stem

    def _write(self, target: Target, canvas: FillState) -> None:
        record = {**self.record, "batch_size": self.batch_size, "nfe": canvas.nfe, "seconds": round(canvas.seconds, 3)}
        self._settle(self.batch_size)  # a slow disk must not let finished pictures pile up
        self.writing.append(self.writer.submit(self.results.write, target.name, canvas, record))
        alpha = canvas.example.photo.alpha
        if target.name.endswith(".jpg") and alpha is not None and alpha.min() < 255:
            self.tally.flattened.add(target.pair.picture)

    def _settle(self, most: int) -> None:
        """Wait until at most so many pictures are still to be written; raises what went wrong with the others."""
        while len(self.writing) > most:
            self.writing.popleft().result()
            self.tally.done += 1
            self.progress.done()

    def _fail(self, pair: Pair, message: str, windows_left: int) -> None:
        """Note that a fill cannot be made, which saves some windows; tell it once for all fills of the picture."""
        self.progress.plan(-windows_left * self.pipeline.nfe)
        if pair.picture not in self.tally.failed:
            self.tally.failed.add(pair.picture)
            tqdm.write(f"skipped: {message}", file=sys.stderr)
