"""The report of a GPU machine, with tiny sizes on the CPU: its real steps, most of them in this process."""

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from repaint.benchmarking import processor, report, report_steps, timing
from repaint.benchmarking.report import Settings, Step
from repaint.benchmarking.report_steps import compare_speed, large_config
from repaint.benchmarking.variants import OURS, PLAIN, PUBLISHED
from repaint.commands import gpu_report
from repaint.commands.handlers import gpu_report as handler
from repaint.errors import ConfigError
from repaint.models import optimize
from tests.helpers.threads import processes_as_threads

TINY = ["--tiny", "--device", "cpu", "--out"]
COMPILED = "compiled speed"  # its compiler has its own test


def speed_with_a_failing_variant(settings: Settings) -> Mapping[str, Any]:
    """As the report's own steps of speed, for a process of its own."""
    failing = large_config(settings, precision="tf32")  # which a CPU lacks
    return compare_speed(settings, {"ours, tf32": (OURS, failing), PLAIN: (PLAIN, large_config(settings))})


def in_this_process(step: Step, settings: Settings, _limit: float) -> dict[str, Any]:
    try:
        return dict(step(settings))
    except Exception:  # noqa: BLE001 - as in the report's processes
        return {"error": traceback.format_exc()}


def test_every_step_measures_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    processes_as_threads(monkeypatch)
    monkeypatch.setattr(report, "_in_process", in_this_process)
    monkeypatch.setattr(report_steps, "variant_names", lambda: [PUBLISHED])  # loading diffusers takes seconds
    monkeypatch.setattr(processor, "PICTURES", 1)
    monkeypatch.setattr(timing, "MATRIX_SIDE", 32)
    monkeypatch.setattr(timing, "CONV_SHAPE", (1, 4, 8))
    steps = [name for name in gpu_report.STEPS if name != COMPILED]
    assert gpu_report.main([*TINY, str(tmp_path), "--only", *steps]) == 0
    assert f"{len(steps)} of {len(steps)} steps" in capsys.readouterr().out

    found = json.loads((tmp_path / "report.json").read_text())["steps"]
    assert found["CUDA tests"]["tests"] > 5
    assert found["CUDA tests"]["failures"] == 0
    assert max(found["golden parity"]["fp32"].values()) < 1e-5
    assert found["batch size"]["largest"] == 4
    assert found["pictures"]["faces64_thick"]["fp32"]["most"] == 0
    assert found["training"]["fp32, 2 pictures a step"]["pictures a second"] > 0
    timed = {(each["work"]["batch"], each["variant"]) for each in found["uncompiled speed"]["timings"]}
    assert timed == {(1, "published way"), (2, "published way"), (1, "ours, fp32"), (2, "ours, fp32")}

    assert found["machine"]["bundled network on the CPU"]["GFLOP/s a core"]["bf16"] > 0

    text = (tmp_path / "report.md").read_text()
    assert "| bundled network on the CPU, share of the time, fp32, mkldnn_convolution | 0." in text
    assert "| sizes | tiny |" in text
    assert "| 2 | ours, fp32 |" in text
    assert "| faces64_thick | fp32 | 0 |" in text
    assert text.count("not measured") == len(gpu_report.STEPS) - len(steps)


@pytest.mark.timeout(200)  # against waiting for a process that has ended
def test_in_processes_of_their_own_a_variant_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handler.RUNS, "uncompiled speed", speed_with_a_failing_variant)
    assert gpu_report.main([*TINY, str(tmp_path), "--only", "uncompiled speed"]) == 0
    found = json.loads((tmp_path / "report.json").read_text())["steps"]["uncompiled speed"]
    assert [(each["work"]["batch"], each["variant"]) for each in found["timings"]] == [(1, PLAIN), (2, PLAIN)]
    failed = [(each["work"]["batch"], each["variant"]) for each in found["failures"]]
    assert failed == [(1, "ours, tf32"), (2, "ours, tf32")]
    text = (tmp_path / "report.md").read_text()
    assert "| 1 | ours, tf32 | failed: precision: tf32 is a number format of NVIDIA's GPUs" in text


def test_a_machine_that_cannot_compile_has_a_failed_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_device: torch.device) -> None:
        raise ConfigError("compile: PyTorch cannot compile here")

    processes_as_threads(monkeypatch)
    monkeypatch.setattr(report, "_in_process", in_this_process)
    monkeypatch.setattr(optimize, "_require_compiler", fail)
    assert gpu_report.main([*TINY, str(tmp_path), "--only", COMPILED]) == 3
    error = json.loads((tmp_path / "report.json").read_text())["steps"][COMPILED]["error"]
    assert "ours, fp32, compiled, batch 1 at 16 pixels: compile: PyTorch cannot compile here" in error


def test_a_failed_step_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "run_steps", lambda *_arguments: {"machine": {"error": "ValueError: broken"}})
    assert gpu_report.main([*TINY, str(tmp_path), "--only", "machine"]) == 3
    assert "ValueError: broken" in (tmp_path / "report.md").read_text()


def test_numbers_of_another_device_or_size_do_not_join_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = ["--device", "cpu", "--out", str(tmp_path), "--limit", "0"]
    assert gpu_report.main(["--tiny", *nothing]) == 3  # no step is begun
    assert gpu_report.main(nothing) == 2
    message = f"error: {tmp_path / 'report.json'}: measured with sizes 'tiny' and not 'full'; give another --out\n"
    assert capsys.readouterr().err == message
    monkeypatch.setattr(handler, "device_name", lambda _device: "NVIDIA H200")
    assert gpu_report.main(["--tiny", *nothing]) == 2
    assert "and not 'NVIDIA H200'; give another --out\n" in capsys.readouterr().err


def test_a_damaged_report_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text("{")
    assert gpu_report.main([*TINY, str(tmp_path), "--only", "machine"]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'report.json'}: damaged, or of an earlier version; remove it, or give another --out\n"
    )


def test_an_unknown_step_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_report.main([*TINY, str(tmp_path), "--only", "golden"]) == 2
    assert "--only 'golden': no such step" in capsys.readouterr().err
