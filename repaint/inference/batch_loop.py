"""Batched inpainting: windows of many pictures and samples go through the sampler together (continuous batching)."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from repaint.data.images import to_uint8
from repaint.errors import is_out_of_memory
from repaint.inference.finite_check import FiniteCheck
from repaint.inference.state import FillState
from repaint.pipeline.pipeline import Pipeline
from repaint.sampler import Step


class BatchObserver(ABC):
    """What the caller of a `BatchLoop` does with its progress, its results and its failures.

    Windows of a batch are numbered as in the states that `started` receives. An exception ends the loop.
    """

    def started(self, batch: Sequence[FillState]) -> None:  # noqa: B027 - an observer may ignore it
        """A batch with the next window of each of these states goes to the sampler."""

    def stepped(self, step: Step) -> None:  # noqa: B027
        """The sampler made a transition; the step holds one entry per window of the batch."""

    def filled(self, number: int, pixels: NDArray[np.uint8]) -> None:  # noqa: B027
        """Window `number` of the batch is filled, uint8 [size, size, 3], and is about to be pasted."""

    def finished(self, state: FillState) -> None:  # noqa: B027
        """All windows of a picture are filled, or it has no hole."""

    @abstractmethod
    def failed(self, state: FillState, reason: str) -> None:
        """The fill of a window is not finite; the loop drops the state."""

    @abstractmethod
    def ran_out_of_memory(self, batch_size: int, reason: str) -> int:
        """A batch did not fit into memory and has to be done again; returns a smaller batch size, or raises."""


class BatchLoop:
    """Fills pictures window by window, with windows of several pictures and samples in each batch.

    A state leaves its batch as soon as all its windows are filled, and the next one takes its place, so batches are
    full as long as there is enough to do.

    Args:
        pipeline: fills batches of crops.
        states: fills to make; the next one is taken when there is room for it.
        batch_size: most windows at a time, and the size of every batch that the network sees.
        observer: receives progress, results and failures.
    """

    def __init__(
        self, pipeline: Pipeline, states: Iterable[FillState], batch_size: int, observer: BatchObserver
    ) -> None:
        self.pipeline, self.batch_size, self.observer = pipeline, batch_size, observer
        self._states = iter(states)
        self._active: list[FillState] = []
        self._postponed: list[FillState] = []

    def run(self) -> None:
        """Fill until no state is left."""
        while self._refill():
            self._fill_batch()

    def _refill(self) -> bool:
        """Fill up the batch; False when nothing is left to do. A picture without a hole is finished at once."""
        while len(self._active) < self.batch_size:
            state = self._postponed.pop(0) if self._postponed else next(self._states, None)
            if state is None:
                break
            if self.pipeline.has_to_fill(state.example.known):
                self._active.append(state)
            else:
                self.observer.finished(state)
        return bool(self._active)

    def _fill_batch(self) -> None:
        """Fill the next window of each active state."""
        started = time.perf_counter()
        finite_check = FiniteCheck()
        self.observer.started(self._active)
        samples = self._sample(finite_check)
        if samples is None:
            return
        seconds = (time.perf_counter() - started) / len(self._active)
        unfinished = []
        for number, (state, sample) in enumerate(zip(self._active, samples, strict=True)):
            reason = finite_check.report(number)
            if reason is not None:
                self.observer.failed(state, reason)
                continue
            pixels = to_uint8(sample)
            self.observer.filled(number, pixels)
            state.paste(pixels)
            state.nfe += self.pipeline.nfe
            state.seconds += seconds
            if state.finished:
                self.observer.finished(state)
            else:
                unfinished.append(state)
        self._active = unfinished

    def _sample(self, finite_check: FiniteCheck) -> Tensor | None:
        """Samples for the active windows; None if memory was too small and the batch has become smaller."""
        count = len(self._active)
        crops = [state.crop(self.pipeline.config) for state in self._active]

        def callback(step: Step) -> None:
            step = replace(step, x=step.x[:count], pred_xstart=step.pred_xstart[:count])  # without the padding
            finite_check(step)
            self.observer.stepped(step)

        try:
            return self.pipeline.fill(crops, self.batch_size, callback)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0] or type(error).__name__
        # Only here, when the error no longer holds the batch's tensors, can their memory be freed.
        self.batch_size = self.observer.ran_out_of_memory(self.batch_size, reason)
        self._postponed = self._active[self.batch_size :] + self._postponed
        self._active = self._active[: self.batch_size]
        return None
