"""Printing that ends no command: characters that cannot be encoded, closed pipes, full disks. Imports nothing heavy."""

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

EXIT_OUTPUT_LOST = 2


def is_main_process() -> bool:
    """Whether this process reports to the user (rank 0 of `torchrun`, or a plain run)."""
    return os.environ.get("RANK", "0") == "0"


class SafeStream:
    """A text stream to which writing never fails.

    Characters that it cannot encode are escaped. What comes after an error of the device is dropped.

    Args:
        stream: standard output or standard error; None if the process was started without.

    Attributes:
        error: the first error of the device, or None.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = io.StringIO() if stream is None else stream
        self.error: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write as far as possible; returns the length of the text."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush as far as possible."""
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[[], object]) -> None:
        if self.error is not None:
            return
        try:
            action()
        except OSError as error:
            self.error = error
            self._discard_buffer()

    def _discard_buffer(self) -> None:
        """Lead what the buffer holds nowhere, where it would fail again when the process ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def with_safe_output(job: Callable[[], int]) -> int:
    """Run a command whose work does not depend on being able to print.

    A closed pipe, as of `| head -1`, ends quietly. Any other error of standard output is reported in one line.

    Args:
        job: the command; returns its exit code.

    Returns:
        Its exit code, or if that is 0 and output was lost on a full disk, 2.
    """
    out, err = SafeStream(sys.stdout), SafeStream(sys.stderr)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        try:
            code = job()
        finally:
            out.flush()
            err.flush()
        if out.error is None or isinstance(out.error, BrokenPipeError):
            return code
        print(f"error: standard output: {out.error.strerror}; a part of the output is lost", file=sys.stderr)
        return code or EXIT_OUTPUT_LOST
