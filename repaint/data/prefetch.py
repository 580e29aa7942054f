"""Reading pictures before they are asked for."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from repaint.data.examples import Example
from repaint.data.pairing import Pair

_READERS = 4  # so that a slow store answers several questions at a time


class Prefetcher:
    """Reads the next pictures in the background, in the order in which they will probably be asked for.

    Nothing depends on the guess: a picture that another process takes was read in vain, and one that was not foreseen
    is read when it is asked for.

    Args:
        pairs: in the expected order.
        load: reads one; what it raises comes out when its picture is asked for.
        depth: pictures to read ahead.
    """

    def __init__(self, pairs: Iterable[Pair], load: Callable[[Pair], Example], depth: int) -> None:
        self._pairs = list(dict.fromkeys(pairs))
        self._numbers = {pair: number for number, pair in enumerate(self._pairs)}
        self._load, self._depth = load, depth
        self._readers = ThreadPoolExecutor(_READERS, "reader")
        self._reading: dict[int, Future[Example]] = {}

    def __call__(self, pair: Pair) -> Example:
        """The picture of a pair, which the caller keeps if it needs it again."""
        number = self._numbers[pair]
        for passed in [other for other in self._reading if other < number]:
            self._reading.pop(passed).cancel()
        for coming in range(number, min(number + 1 + self._depth, len(self._pairs))):
            if coming not in self._reading:
                self._reading[coming] = self._readers.submit(self._load, self._pairs[coming])
        return self._reading.pop(number).result()

    def close(self) -> None:
        """Give up what is not read yet."""
        self._readers.shutdown(cancel_futures=True)
