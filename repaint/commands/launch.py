"""Start of the commands: first arguments are parsed, at once, then PyTorch and all else is loaded, for seconds.

A command is `repaint.commands.NAME.main`, which imports no library, and `repaint.commands.handlers.NAME.handle`.
"""

import argparse
import importlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, Protocol

from repaint.commands.console import is_main_process, with_safe_output

_EXIT_INTERRUPTED = 128 + signal.SIGINT
_SPINS = "3000"  # some tens of microseconds


class Main(Protocol):
    """The main function of a command."""

    def __call__(self, arguments: Sequence[str] | None = None, /, **options: str) -> int:
        """Run the command with its arguments, by default those of the process; returns its exit code."""


def load_main(module: str) -> Main:
    """Import `repaint.commands.MODULE` and return its main function."""
    main: Main = importlib.import_module(f"repaint.commands.{module}").main
    return main


def handle(command: str, args: argparse.Namespace) -> int:
    """Load what a command needs and run it with its parsed arguments; returns its exit code."""
    _spin_briefly()
    with _quick_interrupt():
        from repaint.commands.errors import guard  # only here, as it loads PyTorch

        handler = importlib.import_module(f"repaint.commands.handlers.{command}")
    return guard(lambda: handler.handle(args), getattr(args, "debug", False))


def script(module: str) -> Callable[[Sequence[str] | None], int]:
    """The main function of a script that runs `repaint.commands.MODULE`, which is imported only when it is called."""

    def main(arguments: Sequence[str] | None = None) -> int:
        return with_safe_output(lambda: load_main(module)(arguments))

    return main


def _spin_briefly() -> None:
    """Let PyTorch's threads, about to be loaded, wait asleep for each other rather than in a loop.

    GNU OpenMP spins 300,000 times by default: beside other work on the same cores a run took three times as long, with
    this number less than twice, and as long as before on quiet cores (docs/performance.md). A user's own setting wins.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


@contextmanager
def _quick_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once: an exception would pass through half-loaded modules; not all of them bear it.

    Nothing changes where Ctrl-C does not raise KeyboardInterrupt, as in a process that ignores it, or in a thread.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end_process)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_process(_signal: int, _frame: object) -> NoReturn:
    if is_main_process():
        os.write(2, b"interrupted\n")
    os._exit(_EXIT_INTERRUPTED)
