"""A fill that works in the background: it can be watched and stopped. Knows no browser."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint.data.images import to_uint8
from repaint.inpainter import Inpainter, Picture
from repaint.sampler import Step
from repaint.visual.contact_sheets import enlarge, tile

PREVIEW_SECONDS = 0.2  # least time between two previews: drawing them must not slow the sampler down
PREVIEW_COLUMNS = 4
PREVIEW_WIDTH = 256  # least, of each fill


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The user has asked for the end of a job."""


@dataclass(frozen=True)
class Look:
    """A job on its way.

    Attributes:
        calls: network calls so far.
        total: network calls that it takes.
        preview: uint8 [H, W, 3], what the network now takes for the clean pictures of the windows that it works at.
    """

    calls: int
    total: int
    preview: NDArray[np.uint8]


class Job:
    """Fills of one picture, made in a thread of their own from the first look on.

    Args:
        painter: the model; takes one job at a time.
        image: see `Inpainter.__call__`.
        mask: the same.
        seed: of the noise.
        num_samples: fills to make.
        stopping: is set, at any time and from any thread, to end the job before its next network call.

    Attributes:
        fills: the result, when `looks` has ended; empty if the job was stopped.
        calls: network calls so far.
    """

    def __init__(
        self, painter: Inpainter, image: Picture, mask: Picture, seed: int, num_samples: int, stopping: Event
    ) -> None:
        self.painter, self.image, self.mask, self.seed, self.num_samples = painter, image, mask, seed, num_samples
        self.fills: list[Image.Image] = []
        self.calls = 0
        self.stopping = stopping
        self._looks: SimpleQueue[Look | Exception | None] = SimpleQueue()
        self._seen = 0.0

    def looks(self) -> Iterator[Look]:
        """Do the job, and tell of it a few times a second. Leaving the loop stops it.

        Raises:
            RepaintError: see `Inpainter.__call__`.
        """
        total = self.painter.count_calls(self.image, self.mask, self.num_samples)
        worker = Thread(target=self._work, args=(total,), name="fill", daemon=True)
        worker.start()
        try:
            while (look := self._looks.get()) is not None:
                if isinstance(look, Exception):
                    raise look
                yield look
        finally:
            self.stopping.set()
            worker.join()

    def _work(self, total: int) -> None:
        def see(step: Step) -> None:
            self.calls += step.s < step.t
            if self.stopping.is_set():
                raise Stopped
            if time.monotonic() - self._seen >= PREVIEW_SECONDS:
                self._looks.put(Look(self.calls, total, _draw(step)))
                self._seen = time.monotonic()

        try:
            if not self.stopping.is_set():
                self.fills = self.painter(
                    self.image, self.mask, seed=self.seed, num_samples=self.num_samples, callback=see
                )
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by the thread that looks
            self._looks.put(error)
        self._looks.put(None)


def _draw(step: Step) -> NDArray[np.uint8]:
    pictures = [enlarge(to_uint8(x), PREVIEW_WIDTH) for x in step.pred_xstart]
    return tile(pictures, min(len(pictures), PREVIEW_COLUMNS))
