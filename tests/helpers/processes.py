"""Commands in processes of their own, which start at once: see `fork_server`."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 1200  # seconds that nothing takes, however busy the machine is


class Process:
    """A command that runs, as `python ARGUMENTS` would: a script, or `-m torch.distributed.run` and its arguments.

    No file that it writes may hold more than `most_bytes`: a disk that is full.
    """

    def __init__(self, *arguments: str | Path, folder: Path = ROOT, most_bytes: int | None = None) -> None:
        place = Path(mkdtemp(prefix="repaint-process-"))
        self._streams = [place / "out", place / "err"]
        request = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "most_bytes": most_bytes,
            "streams": [str(path) for path in self._streams],
        }
        self.pid: int = _ask("start", request)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _ask("poll", self.pid)
        return self.returncode

    def wait(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(self._streams[1].read_text())
            time.sleep(0.02)
        return code

    def communicate(self) -> tuple[str, str]:
        """Wait for the end; returns what was printed on standard output and standard error."""
        self.wait()
        out, err = (path.read_text() for path in self._streams)
        return out, err


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    process = Process(*arguments, **options)
    out, err = process.communicate()
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@cache
def _server() -> subprocess.Popen[str]:
    """It ends with this process, whose end closes its standard input."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests/helpers/fork_server.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, bufsize=1, **pipes)  # type: ignore[call-overload]


def _ask(order: str, value: object) -> Any:
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([order, value]) + "\n")
    return json.loads(server.stdout.readline())
