"""Prefetching of pictures in background threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from repaint.data.examples import Example
from repaint.data.pairing import Pair

_THREADS = 4  # several requests at a time hide the latency of remote storage


class Prefetcher:
    """Loads the next pictures in background threads, in their expected order.

    The order is a hint only: a picture that another process fills is loaded in vain, and one requested out of order
    is loaded on request.

    Args:
        pairs: in the expected order.
        load: loads one pair; its exceptions are raised when that pair is requested.
        depth: number of pictures to prefetch.
    """

    def __init__(self, pairs: Iterable[Pair], load: Callable[[Pair], Example], depth: int) -> None:
        self._pairs = list(dict.fromkeys(pairs))
        self._positions = {pair: position for position, pair in enumerate(self._pairs)}
        self._load, self._depth = load, depth
        self._threads = ThreadPoolExecutor(_THREADS, "prefetch")
        self._pending: dict[int, Future[Example]] = {}

    def __call__(self, pair: Pair) -> Example:
        """Return the example of a pair, waiting until it is loaded. It is not kept for another request."""
        position = self._positions[pair]
        for skipped in [other for other in self._pending if other < position]:
            self._pending.pop(skipped).cancel()
        for upcoming in range(position, min(position + 1 + self._depth, len(self._pairs))):
            if upcoming not in self._pending:
                self._pending[upcoming] = self._threads.submit(self._load, self._pairs[upcoming])
        return self._pending.pop(position).result()

    def close(self) -> None:
        """Cancel what is not loaded yet."""
        self._threads.shutdown(cancel_futures=True)
