"""Background inpainting job with progress reports that can be stopped; independent of the browser."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from queue import SimpleQueue
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.examples import Example
from repaint.data.images import to_uint8
from repaint.data.in_memory import Picture
from repaint.inpainter import Inpainter
from repaint.sampler import Step
from repaint.visual.contact_sheets import enlarge, shrink, tile

REPORT_SECONDS = 0.2  # least time between two reports, so that drawing previews does not slow the sampler down
PREVIEW_COLUMNS = 4
PREVIEW_WIDTH = 256  # least width of each fill


class Stopped(Exception):  # noqa: N818 - no error
    """Raised inside a job whose end was requested."""


@dataclass(frozen=True)
class JobProgress:
    """Progress of a running job.

    Attributes:
        unit: of the work: "training step" while the model is adapted to the picture, then "network call".
        done: units so far.
        total: units in all.
        preview: uint8 [H, W, 3], the predicted clean pictures (pred_xstart) of the windows in work; None in training.
    """

    unit: str
    done: int
    total: int
    preview: NDArray[np.uint8] | None


class Job:
    """Fills of one picture, computed in a thread that starts with the first update.

    Args:
        inpainter: the model; it runs one job at a time.
        image: see `Inpainter.__call__`.
        mask: the same.
        seed: of the noise.
        num_samples: number of fills.
        stop_requested: set it, at any time and from any thread, to end the job before its next network call.

    Attributes:
        fills: the result, once `updates` has ended; empty if the job was stopped.
        calls: network calls so far.
        example: the picture as it is filled, once there is an update.
    """

    example: Example

    def __init__(
        self, inpainter: Inpainter, image: Picture, mask: Picture, seed: int, num_samples: int, stop_requested: Event
    ) -> None:
        self.inpainter, self.image, self.mask, self.seed, self.num_samples = inpainter, image, mask, seed, num_samples
        self.fills: list[Image.Image] = []
        self.calls = 0
        self.stop_requested = stop_requested
        self._updates: SimpleQueue[JobProgress | Exception | None] = SimpleQueue()
        self._last_report = 0.0

    def updates(self) -> Iterator[JobProgress]:
        """Run the job, and report its progress a few times a second. Leaving the loop stops it.

        Raises:
            RepaintError: see `Inpainter.__call__`.
        """
        self.example = self.inpainter.read(self.image, self.mask)
        worker = Thread(target=self._work, name="fill", daemon=True)
        worker.start()
        try:
            while (update := self._updates.get()) is not None:
                if isinstance(update, Exception):
                    raise update
                yield update
        finally:
            self.stop_requested.set()
            worker.join()

    def _work(self) -> None:
        try:
            self._check_stop()
            self._adapt()
            total = self.inpainter.count_calls(self.example, num_samples=self.num_samples)

            def report(step: Step) -> None:
                self.calls += step.calls
                self._report("network call", self.calls, total, step)

            self.fills = self.inpainter(self.example, seed=self.seed, num_samples=self.num_samples, callback=report)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by `updates`
            self._updates.put(error)
        self._updates.put(None)

    def _adapt(self) -> None:
        """Adapt the model to the picture if the inpainter does so; the fill finds the adapted model."""
        settings = self.inpainter.pipeline.config.adapt
        if settings is None:
            return
        steps = count(1)
        self.inpainter.adapt(self.example, lambda: self._report("training step", next(steps), settings.steps))

    def _report(self, unit: str, done: int, total: int, step: Step | None = None) -> None:
        self._check_stop()
        if time.monotonic() - self._last_report >= REPORT_SECONDS:
            self._updates.put(JobProgress(unit, done, total, None if step is None else _draw(step)))
            self._last_report = time.monotonic()

    def _check_stop(self) -> None:
        if self.stop_requested.is_set():
            raise Stopped


def _draw(step: Step) -> NDArray[np.uint8]:
    pictures = [enlarge(shrink(to_uint8(x), PREVIEW_WIDTH), PREVIEW_WIDTH) for x in step.pred_xstart]
    return tile(pictures, min(len(pictures), PREVIEW_COLUMNS))
