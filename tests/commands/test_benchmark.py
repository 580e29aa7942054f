"""The benchmark through its command line; what it measures is not looked at, only that it measures all it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import benchmark

ROOT = Path(__file__).parents[1]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/benchmark.py", "--device", "cpu", "--calls", "1", "--rounds", "1", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_all_sides(tmp_path: Path) -> None:
    out = tmp_path / "times.json"
    done = run("--batch", "2", "--json", str(out), "--set", "precision=bf16")
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert 2.3e9 < told["flops"] < 2.6e9
    assert all(rate > 1e8 for rate in told["rates"].values())
    sides = [(each["work"]["batch"], each["side"]) for each in told["timings"] if each["side"] != "diffusers"]
    assert sides == [(2, side) for side in ("published way", "plain", "ours")]
    for each in told["timings"]:
        assert 0 < each["measured"]["network"] < each["measured"]["call"] < 10
        assert each["measured"]["peak_bytes"] > 2**26
    assert "bf16 at best: matrix product " in done.stdout
    assert told["pasting"] > 0
    assert "pasting a fill of 64x64 into 12 megapixels: " in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| 2 |")]
    assert len(rows) == len(told["timings"])
    assert {row.count("|") for row in rows} == {8}


def test_growth_over_batch_size_and_calls() -> None:
    done = run("--growth")
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ")[:3] for line in done.stdout.splitlines() if line.startswith("| ")][2:]
    batches, sizes, calls = rows[:4], rows[4:7], rows[7:]
    assert [row[0] for row in batches] == ["1", "2", "4", "8"]
    assert [row[1] for row in sizes] == ["32", "64", "128"]
    assert [row[2] for row in calls] == ["5", "10", "20"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "tpu"], "error: --device tpu: not available here"),
        (["--device", "cpu", "--set", "precision=tf32"], "tf32 is a number format of NVIDIA's GPUs"),
        (
            ["--device", "cpu", "--set", "model_path=examples"],
            "model_path examples: a model of diffusers; guided-diffusion's are timed here",
        ),
    ],
)
def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *options])
    assert benchmark.main() == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
