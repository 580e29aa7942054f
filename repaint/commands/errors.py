"""Error handling of the command line: one line on stderr and an exit code, a traceback for defects alone."""

import sys
import time
from collections.abc import Callable

from torch.distributed import DistError

from repaint.commands.console import is_main_process, with_safe_output
from repaint.commands.warning_lines import file_warnings_as_lines
from repaint.errors import RepaintError, is_out_of_memory
from repaint.inference.runner import EXIT_INTERRUPTED
from repaint.workers.process_settings import optimize_process

EXIT_USER_ERROR = 2
GRACE_SECONDS = 10


def guard(job: Callable[[], int], debug: bool = False) -> int:
    """Run a command; a `RepaintError` becomes one line on stderr and exit code 2, Ctrl-C exit code 130.

    Args:
        job: the command; returns its exit code.
        debug: show the traceback of every error.
    """
    optimize_process()  # the process is the command's own
    return with_safe_output(lambda: _run(job, debug))


def _run(job: Callable[[], int], debug: bool) -> int:
    try:
        try:
            with file_warnings_as_lines():
                return job()
        except (RepaintError, MemoryError, RuntimeError) as error:
            message = _explain(error)
            if debug or message is None:
                raise
            if not is_main_process():
                time.sleep(GRACE_SECONDS)  # if all fail alike, the main process reports it and ends the others
            print(f"error: {message}", file=sys.stderr)
            return EXIT_USER_ERROR
    except KeyboardInterrupt:
        if is_main_process():
            print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _explain(error: Exception) -> str | None:
    """The message of an error that a user can mend; None for a defect of the program, which deserves its traceback."""
    if isinstance(error, RepaintError):
        return str(error)
    detail = str(error).partition("\n")[0] or type(error).__name__
    if is_out_of_memory(error):
        # NumPy's, of whole pictures and of texture that is copied; networks have PyTorch's errors.
        advice = "take smaller pictures or holes" if isinstance(error, MemoryError) else "lower batch_size"
        return f"out of memory; {advice} ({detail})"
    if isinstance(error, DistError):
        return f"the other processes of this run cannot be reached any more; the same command resumes it ({detail})"
    return None
