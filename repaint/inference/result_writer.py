"""Writing results in the background, while the next batch is sampled."""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from repaint.inference.results import Results
from repaint.inference.state import FillState


class ResultWriter:
    """A queue of finished pictures to be written, which blocks when it is full.

    Args:
        results: writes a picture and its manifest line.
        on_written: called in the caller's thread for each picture that was written.
    """

    def __init__(self, results: Results, on_written: Callable[[], object]) -> None:
        self._results, self._on_written = results, on_written
        self._executor = ThreadPoolExecutor(1, "writer")  # one: a picture's manifest line comes after its files
        self._pending: deque[Future[None]] = deque()

    def write(self, state: FillState, record: Mapping[str, Any], most_pending: int) -> None:
        """Write a finished picture, after waiting until at most so many others are still to be written.

        Raises:
            DataError: one of those before it could not be written.
        """
        self._wait(most_pending)  # a slow disk must not let finished pictures pile up
        self._pending.append(self._executor.submit(self._results.write, state, record))

    def close(self) -> None:
        """Write all that is pending; raises like `write`."""
        self._wait(0)
        self._executor.shutdown()

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            self._pending.popleft().result()
            self._on_written()
