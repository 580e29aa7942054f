"""Batched inpainting: parts of many pictures and samples go through the sampler together (continuous batching)."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from repaint.data.images import to_uint8
from repaint.data.window_order import count_rounds, next_batch
from repaint.errors import is_out_of_memory
from repaint.inference.finite_check import FiniteCheck
from repaint.inference.state import FillState, PartTask
from repaint.pipeline.pipeline import Pipeline
from repaint.pipeline.precision import pick_precision
from repaint.sampler import Step


class BatchObserver(ABC):
    """What the caller of a `BatchLoop` does with its progress, its results and its failures.

    Parts (windows, or areas of them) of a batch are numbered as in the list that `started` receives; all of them are
    refined, or none is. An exception ends the loop.
    """

    def started(self, batch: Sequence[PartTask], rounds: int) -> None:  # noqa: B027 - an observer may ignore it
        """A batch goes to the sampler; so many batches of windows or tiles are one call of the network for all."""

    def stepped(self, step: Step) -> None:  # noqa: B027
        """The sampler made a transition; the step holds one entry per part of the batch, padded to the largest."""

    def filled(self, number: int, pixels: NDArray[np.uint8]) -> None:  # noqa: B027
        """Part `number` of the batch is filled, uint8 [h, w, 3], and is about to be pasted."""

    def copying_texture(self) -> None:  # noqa: B027
        """A window may now get texture from around its hole: no network call, but minutes where it is large."""

    def finished(self, state: FillState) -> None:  # noqa: B027
        """All parts of a picture are filled, or it has no hole."""

    @abstractmethod
    def failed(self, state: FillState, reason: str, calls_left: int) -> None:
        """The fill of a part is not finite; the loop drops the state, of which so many network calls are left out."""

    @abstractmethod
    def ran_out_of_memory(self, batch_size: int, reason: str) -> int:
        """A batch did not fit into memory and has to be done again; returns a smaller batch size, or raises."""


class BatchLoop:
    """Fills pictures part by part, with parts of several pictures and samples in each batch.

    Parts of a picture that do not touch go together, and those of the next pictures fill what room is left, so
    batches are full as long as there is enough to do.

    Args:
        pipeline: fills batches of crops.
        states: fills to make; the next one is taken when there is room for it.
        batch_size: windows, or tiles of areas, in every batch that the network sees.
        observer: receives progress, results and failures.
        shrink: let the network see a batch of fewer windows at the next of the sizes 1, 2, 4 ... instead. A window's
            last bits depend on the size, so only for states whose batches never vary: all fills of one picture.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        states: Iterable[FillState],
        batch_size: int,
        observer: BatchObserver,
        shrink: bool = False,
    ) -> None:
        self.pipeline, self.batch_size, self.observer = pipeline, batch_size, observer
        self._shrink = shrink
        self._states = self._with_holes(states)
        self._open: list[FillState] = []

    def run(self) -> None:
        """Fill until no state is left."""
        while batch := self._next_batch():
            self._fill_batch(batch)

    def _with_holes(self, states: Iterable[FillState]) -> Iterator[FillState]:
        """The states that have something to fill; a picture without a hole is finished at once."""
        for state in states:
            if self.pipeline.has_to_fill(state.example.known):
                yield state
            else:
                self.observer.finished(state)

    def _next_batch(self) -> list[PartTask]:
        """The parts to fill next; none when nothing is left to do."""
        return next_batch(self._open, self._states, FillState.ready, lambda task: task.size, self.batch_size)

    def _fill_batch(self, batch: Sequence[PartTask]) -> None:
        started = time.perf_counter()
        finite_check = FiniteCheck()
        inputs = sum(task.size.inputs for task in batch)
        self.observer.started(batch, count_rounds([task.size for task in batch], self._size_for(batch)))
        samples = self._sample(batch, finite_check)
        if samples is None:
            return
        seconds = (time.perf_counter() - started) / inputs
        calls = self.pipeline.count_calls(batch[0].size.tiles > 0)
        failures: dict[FillState, str] = {}
        spent: Counter[FillState] = Counter()
        for number, (task, sample) in enumerate(zip(batch, samples, strict=True)):
            state = task.state
            reason = finite_check.report(number)
            if reason is not None:
                failures.setdefault(state, f"{reason}{self._overflow_hint()}")
                spent[state] += calls * task.size.inputs
                continue
            pixels = to_uint8(sample)
            self.observer.filled(number, pixels)
            begun = time.perf_counter()
            if task.ends_with_texture:
                self.observer.copying_texture()
            state.paste(task.number, pixels)
            state.nfe += calls * task.size.inputs
            state.seconds += seconds * task.size.inputs + time.perf_counter() - begun
        self._close_states(failures, spent)

    def _size_for(self, batch: Sequence[PartTask]) -> int:
        """How many windows or tiles the network is to see at a time."""
        squares = sum(task.size.squares for task in batch)
        return min(self.batch_size, 1 << (squares - 1).bit_length()) if self._shrink else self.batch_size

    def _overflow_hint(self) -> str:
        narrow = pick_precision(self.pipeline.config, self.pipeline.device) == "fp16"
        return "; fp16 overflows easily, take precision: bf16 instead" if narrow else ""

    def _close_states(self, failures: Mapping[FillState, str], spent: Counter[FillState]) -> None:
        """Hand over the states that are finished, or have parts that failed after so many network calls."""
        states, self._open = self._open, []
        for state in states:
            if state in failures:
                left = state.count_left(self.pipeline.count_calls) - spent[state]
                self.observer.failed(state, failures[state], left)
            elif state.finished:
                self.observer.finished(state)
            else:
                self._open.append(state)

    def _sample(self, batch: Sequence[PartTask], finite_check: FiniteCheck) -> list[Tensor] | None:
        """Samples for the parts of a batch; None if memory was too small, and the next batch has to be smaller."""
        count = len(batch)
        crops = [task.state.crop(task.number, self.pipeline.config) for task in batch]

        def callback(step: Step) -> None:
            step = replace(step, x=step.x[:count], pred_xstart=step.pred_xstart[:count])  # without the padding
            finite_check(step)
            self.observer.stepped(step)

        try:
            return self.pipeline.fill(crops, self._size_for(batch), callback)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0] or type(error).__name__
        # Only here, when the error no longer holds the batch's tensors, can their memory be freed.
        self.batch_size = self.observer.ran_out_of_memory(self.batch_size, reason)
        return None
