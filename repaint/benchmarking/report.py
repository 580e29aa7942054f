"""A report in steps: each runs in a process of its own, under a time limit, and is kept when it is done."""

import json
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from repaint.data.storage import write_bytes

JSON_FILE = "report.json"
_SHORTEST = 5.0  # seconds for a step; with less left it is not begun


@dataclass(frozen=True)
class Settings:
    """What the steps of a report measure with.

    Attributes:
        device: such as "cuda".
        tiny: take sizes so small that a processor gets through in a minute: a test of the report itself.
        folder: for files on the way.
    """

    device: str
    tiny: bool
    folder: str


Step = Callable[[Settings], Mapping[str, Any]]  # values that JSON holds


def run_steps(
    steps: Mapping[str, Step], settings: Settings, limit: float, announce: Callable[[str], None]
) -> dict[str, Any]:
    """Run the steps that `report.json` in the folder does not hold yet, and add each when it is done.

    Args:
        steps: by name, in the order to run; module functions, as they run in a process of their own.
        settings: of all of them.
        limit: seconds for all together; a step that is under way then is ended, for another call to begin anew.
        announce: called with a line about each step.

    Returns:
        The results by step: what it measured, or the key "error" with a traceback, which another call tries again.
    """
    end = time.monotonic() + limit
    path = Path(settings.folder, JSON_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, step in steps.items():
        if name in results and "error" not in results[name]:
            continue
        left = end - time.monotonic()
        if left < _SHORTEST:
            announce(f"{name}: not begun, the time limit is reached")
            continue
        announce(f"{name} ...")
        started = time.monotonic()
        result = _in_process(step, settings, left)
        seconds = time.monotonic() - started
        if result is None:
            announce(f"{name}: ended by the time limit after {seconds:.0f} s")
            continue
        announce(f"{name}: {'failed' if 'error' in result else 'done'} in {seconds:.0f} s")
        results[name] = result | {"seconds": seconds}
        write_bytes(str(path), json.dumps(results, indent=1).encode())
    return results


def _in_process(step: Step, settings: Settings, limit: float) -> dict[str, Any] | None:
    """The step's result, or None when it took longer than `limit` seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(step, settings, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(limit):
            return None
        result: dict[str, Any] = ours.recv()
        return result
    except EOFError:
        process.join()
        return {"error": f"the process ended with exit code {process.exitcode}"}
    finally:
        _end(process.pid)
        process.join()


def _end(pid: int | None) -> None:
    """End a step with the processes that it started."""
    if pid is not None:
        for kill in (os.killpg, os.kill):  # the first fails if the process has not come to its own group
            try:
                kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _call(step: Step, settings: Settings, answer: Connection) -> None:
    os.setsid()
    try:
        answer.send(dict(step(settings)))
    except BaseException:  # noqa: BLE001 - whatever fails belongs into the report
        answer.send({"error": traceback.format_exc()})
