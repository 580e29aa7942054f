"""Running the command line in this process, and reading what it left behind."""

import json
from pathlib import Path

import pytest

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main as fill_command
from tests.helpers.tiny import make_run, tiny_unet


def run(conf: Path, *arguments: str) -> int:
    """Exit code of a run of the command line on the CPU."""
    return fill_command(["--conf_path", str(conf), "--device", "cpu", *arguments])


def manifest(folder: Path) -> list[dict]:
    """Manifest lines of the run that `make_run` made in a folder."""
    return [json.loads(line) for line in (folder / "out/manifest.jsonl").read_text().splitlines()]


def user_error(capsys: pytest.CaptureFixture[str], code: int, *parts: str) -> None:
    """Check that a command ended with exit code 2 and one line on stderr that holds all these parts."""
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def class_conditional_run(folder: Path, **changes: object) -> Path:
    """Like `make_run`, with a network of seven classes."""
    conf = make_run(folder, class_cond=True, num_classes=7, **changes)
    state = tiny_unet(num_classes=7).state_dict()
    (folder / "model.safetensors").write_bytes(encode_checkpoint(state, {}))
    return conf
