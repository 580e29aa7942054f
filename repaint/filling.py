"""Filling pictures: windows of many pictures and samples go through the sampler together."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from repaint import build
from repaint.animation import Frame, Recorder, draw_frames, draw_pair, encode_animation
from repaint.config import Config
from repaint.data import storage
from repaint.data.canvas import Canvas
from repaint.data.dataset import Pair, load_example
from repaint.data.images import encode_png, to_tensor, to_uint8, to_unit
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model
from repaint.errors import DataError
from repaint.noise import PictureNoise, picture_seed
from repaint.outputs import Results
from repaint.sampler import Callback, Step, p_sample_loop
from repaint.schedule import count_network_calls


@dataclass(frozen=True)
class Engine:
    """All that turns a batch of examples into filled pictures."""

    config: Config
    model: Model
    diffusion: GaussianDiffusion
    cond_fn: CondFn | None
    times: list[int]
    device: torch.device

    @property
    def nfe(self) -> int:
        """Network calls per batch."""
        return count_network_calls(self.times)

    def fill(self, canvases: Sequence[Canvas], labels: Sequence[int | None], callback: Callback) -> Tensor:
        """Fill the next window of each canvas: float32 [B, 3, size, size]."""
        config = self.config
        views = [canvas.look(config.image_size) for canvas in canvases]
        x0 = torch.stack([to_unit(to_tensor(pixels)) for pixels, _ in views]).to(self.device)
        keep_mask = torch.stack([torch.tensor(known)[None].float() for _, known in views]).to(self.device)
        seeds = [
            picture_seed(config.seed, canvas.example.pair.index, canvas.sample, canvas.position) for canvas in canvases
        ]
        return p_sample_loop(
            self.model,
            self.diffusion,
            x0,
            keep_mask,
            self.times,
            PictureNoise(seeds, x0.shape[1:], self.device, config.noise_device),
            y=None if None in labels else torch.tensor(labels, device=self.device),
            cond_fn=self.cond_fn,
            ddim_eta=config.ddim_eta if config.use_ddim else None,
            inject=config.inpa_inj_sched_prev,
            paste_known=config.paste_known,
            callback=callback,
        )


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
        skipped: targets that were finished before.
        failed: paths of the pictures of which a target could not be filled.
        flattened: paths of the pictures whose transparency the files of their fills cannot hold.
    """

    done: int = 0
    skipped: int = 0
    failed: set[str] = field(default_factory=set)
    flattened: set[str] = field(default_factory=set)


def counted(config: Config) -> str:
    """What the targets of a run are called: pictures, or fills if each picture has several."""
    return "pictures" if config.num_samples_per_image == 1 else "fills"


class Filling:
    """A run in progress: canvases come in one by one, are filled together window by window, and go out when done.

    A batch takes windows of any pictures and samples, so it is full as long as there is enough to do.
    """

    def __init__(
        self, engine: Engine, targets: Sequence[Target], results: Results, record: dict[str, object], tally: Tally
    ) -> None:
        self.engine, self.results, self.record, self.tally = engine, results, record, tally
        self.batch_size = engine.config.eval_data.batch_size
        todo = [target for target in targets if target.name not in results.finished]
        self.waiting = len(todo)
        self.queue = self._open(todo)
        self.active: list[tuple[Target, Canvas]] = []
        self.total = f"{len(targets)} {counted(engine.config)}"

    def run(self) -> None:
        """Fill all there is to fill."""
        with tqdm(total=self._calls_left(), unit="call", disable=not self.engine.config.show_progress) as bar:
            while self._refill():
                bar.total = bar.n + self._calls_left()
                bar.set_postfix_str(f"{self.tally.done + self.tally.skipped}/{self.total}")
                self._fill_batch(bar.update)
            bar.total = bar.n
            bar.refresh()

    def _calls_left(self) -> int:
        """Network calls still to come, as far as is known: a picture that is not read yet counts as one window."""
        windows = self.waiting + sum(len(canvas.example.windows) - canvas.position for _, canvas in self.active)
        return -(-windows // self.batch_size) * self.engine.nfe

    def _open(self, targets: Sequence[Target]) -> Iterator[tuple[Target, Canvas]]:
        """Canvases of the readable pictures; each picture is read once for all its samples."""
        reading = build.build_reading(self.engine.config)
        for pair, group in groupby(targets, key=lambda target: target.pair):
            samples = list(group)
            self.waiting -= len(samples)
            try:
                example = load_example(pair, reading)
            except DataError as error:
                _fail(self.tally, pair, str(error))
                continue
            for target in samples:
                yield target, Canvas(example, target.sample)

    def _refill(self) -> bool:
        """Top the batch up; False when nothing is left. A picture without a hole is written as it is."""
        while len(self.active) < self.batch_size:
            entry = next(self.queue, None)
            if entry is None:
                break
            if self.engine.config.inpa_inj_sched_prev and entry[1].example.known.all():
                self._write(*entry)
            else:
                self.active.append(entry)
        return bool(self.active)

    def _fill_batch(self, on_call: Callable[[], object]) -> None:
        labels = [self.results.wanted[target.name].get("y") for target, _ in self.active]
        started = time.perf_counter()
        recorder = self._recorder()

        def watch(step: Step) -> None:
            if step.s < step.t:
                on_call()
            if recorder is not None:
                recorder(step)

        filled = self.engine.fill([canvas for _, canvas in self.active], labels, watch)
        share = (time.perf_counter() - started) / len(self.active)
        unfinished = []
        for number, ((target, canvas), x) in enumerate(zip(self.active, filled, strict=True)):
            if not x.isfinite().all():
                reason = "the result is not finite; if use_fp16 is on, switch it off, else look at the weights"
                _fail(self.tally, target.pair, f"{target.pair.picture}: {reason}")
                continue
            pixels = to_uint8(x)
            if recorder is not None:
                self._write_animation(recorder.frames, number, pixels)
            canvas.take(pixels)
            canvas.nfe += self.engine.nfe
            canvas.seconds += share
            if canvas.finished:
                self._write(target, canvas)
            else:
                unfinished.append((target, canvas))
        self.active = unfinished

    def _recorder(self) -> Recorder | None:
        config = self.engine.config
        frames = config.animation_frames if config.animation else 0
        if not frames and not config.snapshot_interval:
            return None
        return Recorder(self.engine.times, frames, config.snapshot_interval, self._write_snapshots)

    def _write_snapshots(self, frame: Frame) -> None:
        for number in range(len(self.active)):
            path = storage.join(self.results.folders.log, f"snapshots/{self._film_name(number)}/{frame.nfe:06d}.png")
            storage.write_bytes(path, encode_png(draw_pair(frame, number)))

    def _write_animation(self, frames: Sequence[Frame], number: int, pixels: NDArray[np.uint8]) -> None:
        """Animation of window `number` of the batch, ending with its fill."""
        kind = self.engine.config.animation
        if kind is not None:
            pages = draw_frames(frames, number, self.engine.times, pixels)
            path = storage.join(self.results.folders.log, f"animations/{self._film_name(number)}.{kind}")
            storage.write_bytes(path, encode_animation(pages, kind))

    def _film_name(self, number: int) -> str:
        """Name without ending of what shows window `number` of the batch come about.

        Where pictures have windows each has a folder, also if one is enough for it: `a_window0` could be a picture.
        """
        target, canvas = self.active[number]
        stem = target.name.rpartition(".")[0]
        return f"{stem}/window{canvas.position}" if self.engine.config.eval_data.fit == "window" else stem

    def _write(self, target: Target, canvas: Canvas) -> None:
        record = self.record | {"nfe": canvas.nfe, "seconds": round(canvas.seconds, 3)}
        self.results.write(target.name, canvas, record)
        self.tally.done += 1
        alpha = canvas.example.photo.alpha
        if target.name.endswith(".jpg") and alpha is not None and alpha.min() < 255:
            self.tally.flattened.add(target.pair.picture)


def _fail(tally: Tally, pair: Pair, message: str) -> None:
    """Note and tell that a picture cannot be done, once for all its fills."""
    if pair.picture not in tally.failed:
        tally.failed.add(pair.picture)
        tqdm.write(f"skipped: {message}", file=sys.stderr)
