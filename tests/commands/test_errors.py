"""The command line around a run: errors as one line, exit codes, devices."""

from pathlib import Path

import pytest
import torch

from repaint.commands import errors
from repaint.commands.fill import main as fill_command
from repaint.errors import ConfigError
from tests.helpers.command import run, user_error
from tests.helpers.tiny import make_run


def test_ctrl_c_while_a_process_waits_for_the_main_one_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise ConfigError("wrong")

    def ring(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(errors.time, "sleep", ring)
    assert errors.guard(fail) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (MemoryError("Unable to allocate 9 GiB"), "take smaller pictures or holes (Unable to allocate 9 GiB)"),
        (MemoryError(), "take smaller pictures or holes (MemoryError)"),
        (torch.OutOfMemoryError("CUDA out of memory.\nMore"), "lower batch_size (CUDA out of memory.)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "lower batch_size (DefaultCPUAllocator: can't allocate)"),
    ],
)
def test_what_to_do_when_memory_is_used_up_depends_on_what_for(
    error: Exception, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert errors.guard(fail) == 2
    assert capsys.readouterr().err == f"error: out of memory; {advice}\n"


def test_a_job_whose_other_processes_cannot_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "0")
    user_error(capsys, run(make_run(tmp_path)), "RANK is set, but the job's other processes cannot be found")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(errors.RepaintError):
        run(tmp_path / "nowhere.yml", "--debug")


def test_unknown_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    code = fill_command(["--conf_path", str(conf), "--device", "quantum"])
    user_error(capsys, code, "--device quantum: not available here")
