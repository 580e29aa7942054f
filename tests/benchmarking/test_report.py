"""The report's bookkeeping with steps that take no time; tests/commands/test_gpu_report.py runs the real ones."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from repaint.benchmarking import report
from repaint.benchmarking.report import JSON_FILE, Settings, Step, run_steps
from repaint.errors import ConfigError, DataError

CONDITIONS = {"device": "NVIDIA H100", "sizes": "tiny"}


def counting(settings: Settings) -> Mapping[str, Any]:
    """Writes down each of its calls."""
    with Path(settings.folder, "calls").open("a") as file:
        file.write("x")
    return {"device": settings.device}


def failing(_settings: Settings) -> Mapping[str, Any]:
    raise ValueError("no such thing")


def dying(_settings: Settings) -> Mapping[str, Any]:
    os._exit(7)


def sleeping(settings: Settings) -> Mapping[str, Any]:
    """Takes a minute, in a process of its own that must end with it."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    Path(settings.folder, "child").write_text(str(child))
    time.sleep(60)
    return {}


def run(folder: Path, steps: Mapping[str, Step], limit: float = 100) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    return run_steps(steps, Settings("cpu", True, str(folder)), CONDITIONS, limit, lines.append), lines


def alive(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and ") Z " not in state.read_text()


def test_what_is_done_is_kept_and_failures_are_tried_again(tmp_path: Path) -> None:
    results, lines = run(tmp_path, {"bad": failing, "dead": dying, "good": counting})
    assert "ValueError: no such thing" in results["bad"]["error"]
    assert results["dead"]["error"] == "the process ended with exit code 7"
    assert results["good"]["device"] == "cpu"
    assert results["good"]["seconds"] > 0
    assert [line.split(" in ")[0] for line in lines if " in " in line] == ["bad: failed", "dead: failed", "good: done"]
    again, _ = run(tmp_path, {"bad": counting, "good": failing})
    assert "error" not in again["bad"]
    assert again["good"] == results["good"]
    assert (tmp_path / "calls").read_text() == "xx"
    assert json.loads((tmp_path / JSON_FILE).read_text()) == {"conditions": CONDITIONS, "steps": again}


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"device": "NVIDIA H200"}, "device 'NVIDIA H200' and not 'NVIDIA H100'"),
        ({"sizes": "full"}, "sizes 'full' and not 'tiny'"),
    ],
)
def test_numbers_of_other_conditions_are_refused(tmp_path: Path, changes: dict[str, str], difference: str) -> None:
    content = json.dumps({"conditions": CONDITIONS | changes, "steps": {"good": {"seconds": 1.0}}})
    (tmp_path / JSON_FILE).write_text(content)
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, {"good": counting})
    assert str(caught.value) == f"{tmp_path / JSON_FILE}: measured with {difference}; give another --out"
    assert (tmp_path / JSON_FILE).read_text() == content


@pytest.mark.parametrize(
    "content",
    [
        b'{"conditions": {',
        b"[]",
        b'{"machine": {}}',
        b'{"conditions": {}, "steps": {}}',
        b'{"conditions": {"device": "", "sizes": ""}, "steps": {"good": 1}}',
        b"\xff",
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JSON_FILE).write_bytes(content)
    with pytest.raises(DataError, match="damaged, or of an earlier version; remove it, or give another --out"):
        run(tmp_path, {"good": counting})
    assert (tmp_path / JSON_FILE).read_bytes() == content


def test_a_cut_off_call_leaves_its_conditions(tmp_path: Path) -> None:
    run(tmp_path, {"good": counting}, limit=0)
    assert json.loads((tmp_path / JSON_FILE).read_text()) == {"conditions": CONDITIONS, "steps": {}}


def test_the_time_limit_ends_a_step_with_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_SHORTEST", 1.0)
    results, lines = run(tmp_path, {"first": counting, "slow": sleeping, "last": counting}, limit=6)
    assert list(results) == ["first"]
    assert lines[-2].startswith("slow: ended by the time limit")
    assert lines[-1] == "last: not begun, the time limit is reached"
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 30
    while alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(child)
