"""Ctrl-C in a training: the current step is finished first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c_flag() -> Iterator[threading.Event]:
    """Turn Ctrl-C into a flag that is checked between steps; a second Ctrl-C interrupts at once."""
    flag = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def set_flag(_signal: int, _frame: object) -> None:
        flag.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, set_flag)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
