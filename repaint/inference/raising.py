"""Fills of one picture for a caller in the same process: failures are raised."""

from typing import NoReturn

import torch

from repaint.errors import DataError
from repaint.inference.batch_loop import BatchObserver
from repaint.inference.batch_size import halve_batch_size
from repaint.inference.state import FillState
from repaint.sampler import Callback, Step


class RaisingObserver(BatchObserver):
    """Observer of the fills of one picture: hands the steps to the caller, and raises an error for each failure."""

    def __init__(self, callback: Callback | None, device: torch.device) -> None:
        self._callback, self._device = callback, device

    def stepped(self, step: Step) -> None:
        """Call the callback, whose exception ends the work."""
        if self._callback is not None:
            self._callback(step)

    def failed(self, state: FillState, reason: str, calls_left: int) -> NoReturn:
        """Raise DataError."""
        raise DataError(f"{state.example.pair.picture}: fill {state.sample}: {reason}")

    def ran_out_of_memory(self, batch_size: int, reason: str) -> int:
        """Do the batch again in two halves; ConfigError if it was a single window."""
        return halve_batch_size(batch_size, reason, self._device, has_key=False)
