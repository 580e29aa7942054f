"""Calling the main function of a script within the test's own process."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, list[str], str]]
ROOT = Path(__file__).parents[2]


def script_in(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A function of a script's arguments that gives exit code, lines of output, and errors. It runs in `folder`."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.chdir(folder)
    script = importlib.import_module(name)

    def run(*arguments: str) -> tuple[int, list[str], str]:
        code = script.main(arguments)
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return run
