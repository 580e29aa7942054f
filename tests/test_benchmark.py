"""The benchmark through its command line; what it measures is not looked at, only that it measures all it promises."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/benchmark.py", "--device", "cpu", "--calls", "2", "--rounds", "1", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_all_sides_at_all_batch_sizes(tmp_path: Path) -> None:
    out = tmp_path / "times.json"
    done = run("--batch", "1", "2", "--json", str(out), "--set", "precision=bf16")
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert 2.3e9 < told["flops"] < 2.6e9
    assert all(rate > 1e8 for rate in told["rates"].values())
    sides = [(each["work"]["batch"], each["side"]) for each in told["timings"] if each["side"] != "diffusers"]
    assert sides == [(batch, side) for batch in (1, 2) for side in ("published way", "plain", "ours")]
    for each in told["timings"]:
        assert 0 < each["measured"]["network"] < each["measured"]["call"] < 10
        assert each["measured"]["peak_bytes"] > 2**26
    assert "bf16 at best: matrix product " in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
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


def test_mistakes_are_one_line() -> None:
    done = run("--device", "tpu")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: --device tpu: not available here")
    done = run("--set", "precision=tf32")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "tf32 is a number format of NVIDIA's GPUs" in done.stderr
    done = run("--set", "model_path=examples")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "model_path examples: a model of diffusers; guided-diffusion's are timed here" in done.stderr
