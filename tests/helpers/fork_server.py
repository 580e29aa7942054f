"""Program that has PyTorch and the package loaded, and forks a process for each command it is asked for.

Each line on standard input is a JSON list: ["start", request] answers with a process number, ["poll", number] with its
exit code, null while it runs. A child is a process of its own with all that a command may do to it; what it lacks is
the start of an interpreter, and with torchrun that of each worker.
"""

import dataclasses
import json
import os
import resource
import runpy
import signal
import sys
from typing import Any

import torch.distributed.run as torchrun
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import repaint.commands.errors
import repaint.commands.handlers.fill
import repaint.commands.handlers.train  # noqa: F401 - loaded for the children


def serve() -> dict[str, Any]:
    """Answer requests until standard input ends; returns in each child, with what it shall run."""
    for line in sys.stdin:
        order, value = json.loads(line)
        if order == "start":
            answer: int | None = os.fork()
            if answer == 0:
                request: dict[str, Any] = value
                return request
        else:
            done, status = os.waitpid(value, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if done else None
        print(json.dumps(answer), flush=True)
    raise SystemExit


def redirect(number: int, path: str) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(file, number)
    os.close(file)


def run_script(*arguments: str) -> None:
    """As `python -u script.py ...` does; returns where the script ends with the exit code 0."""
    sys.argv = [argument for argument in arguments if argument != "-u"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise


def launch(config: LaunchConfig, entrypoint: str) -> elastic_launch:
    """In torchrun: its workers are forked, too."""
    assert entrypoint == sys.executable
    return elastic_launch(dataclasses.replace(config, start_method="fork"), run_script)


def main(arguments: list[str], folder: str, streams: list[str], most_bytes: int | None) -> None:
    for number, path in enumerate((os.devnull, *streams)):
        redirect(number, path)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    if arguments[:2] == ["-m", "torch.distributed.run"]:
        torchrun.elastic_launch = launch
        torchrun.main(arguments[2:])
    else:
        run_script(*arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is that of the tests, whose end ends this
    main(**serve())
