"""Running the command line in the test's own process, and what it leaves behind."""

import json
from pathlib import Path

import pytest

from repaint.cli import inpaint_main


def run(conf: Path, *arguments: str) -> int:
    return inpaint_main(["--conf_path", str(conf), "--device", "cpu", *arguments])


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out/manifest.jsonl").read_text().splitlines()]


def user_error(capsys: pytest.CaptureFixture[str], code: int, *says: str) -> None:
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for text in says:
        assert text in err
