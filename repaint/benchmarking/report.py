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
from typing import Any

from repaint.data.storage import exists, join, read_bytes, write_bytes
from repaint.errors import ConfigError, DataError

JSON_FILE = "report.json"
_CONDITIONS, _STEPS = "conditions", "steps"  # its keys
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
Conditions = Mapping[str, str]


def run_steps(
    steps: Mapping[str, Step],
    settings: Settings,
    conditions: Conditions,
    limit: float,
    announce: Callable[[str], None],
) -> dict[str, Any]:
    """Run the steps that `report.json` in the folder does not hold yet, and add each when it is done.

    Args:
        steps: by name, in the order to run; module functions, as they run in a process of their own.
        settings: of all of them.
        conditions: of all numbers in the file, which keeps them: by name, such as the device's name.
        limit: seconds for all together; a step that is under way then is ended, for another call to begin anew.
        announce: called with a line about each step.

    Returns:
        The results by step: what it measured, or the key "error" with a traceback, which another call tries again.

    Raises:
        ConfigError: the file's numbers are those of other conditions.
        DataError: the file is damaged, or cannot be written.
    """
    end = time.monotonic() + limit
    path = join(settings.folder, JSON_FILE)
    results = _read(path, conditions)
    _write(path, conditions, results)  # before the first step, which leaves files in the folder
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
        _write(path, conditions, results)
    return results


def _read(path: str, conditions: Conditions) -> dict[str, Any]:
    """The results that a report holds, if there is one; see `run_steps` for what is refused."""
    if not exists(path):
        return {}
    try:
        held = json.loads(read_bytes(path))
        results = {name: dict(result) for name, result in held[_STEPS].items()}
        others = {key: held[_CONDITIONS][key] for key in conditions}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: damaged, or of an earlier version; remove it, or give another --out") from None
    for key, value in conditions.items():
        if others[key] != value:
            raise ConfigError(f"{path}: measured with {key} {others[key]!r} and not {value!r}; give another --out")
    return results


def _write(path: str, conditions: Conditions, results: Mapping[str, Any]) -> None:
    write_bytes(path, json.dumps({_CONDITIONS: conditions, _STEPS: results}, indent=1).encode())


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
