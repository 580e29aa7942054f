"""Progress bar of a run, for all its workers together."""

import time

from tqdm import tqdm

from repaint.workers.worker import Worker

FLUSH_SECONDS = 0.5


class Progress:
    """Counts network calls, one for each picture or window in a batch, over all workers; the main one shows a bar.

    Args:
        worker: this worker.
        calls: planned, as far as is known before the pictures are read.
        pictures: of the run, and what they are called.
        skipped: how many of them are done already.
        shown: whether there is a bar at all.
    """

    def __init__(self, worker: Worker, calls: int, pictures: str, skipped: int, shown: bool) -> None:
        self._worker, self._planned, self._pictures, self._skipped = worker, calls, pictures, skipped
        self._pending = {"calls": 0, "extra": 0, "done": 0}
        self._flushed = time.perf_counter()
        self._bar = tqdm(total=calls, unit="call", disable=not (shown and worker.is_main))

    def called(self, windows: int) -> None:
        """A network call for so many pictures is over; negative if a batch has to be done again."""
        self._count("calls", windows)

    def plan(self, calls: int) -> None:
        """So many more network calls will be needed than planned; negative if fewer."""
        self._count("extra", calls)

    def done(self) -> None:
        """A picture is written."""
        self._count("done", 1)

    def _count(self, name: str, amount: int) -> None:
        self._pending[name] += amount
        if time.perf_counter() - self._flushed > FLUSH_SECONDS:
            self.refresh()

    def refresh(self, doing: str = "") -> None:
        """Share what was counted, and show what all have counted, and what is being done without network calls."""
        self._share(doing)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._share()
        self._bar.close()

    def _share(self, doing: str = "") -> None:
        sums = {name: self._worker.add(name, amount) for name, amount in self._pending.items()}
        self._pending = dict.fromkeys(self._pending, 0)
        self._flushed = time.perf_counter()
        self._bar.total = max(self._planned + sums["extra"], sums["calls"])
        self._bar.n = sums["calls"]
        pictures = f"{self._skipped + sums['done']}/{self._pictures}"
        self._bar.set_postfix_str(f"{pictures}, {doing}" if doing else pictures, refresh=False)
