"""The benchmark through its command line; what it measures is not looked at, only that it measures all it promises."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_all_sides_at_all_batch_sizes(tmp_path: Path) -> None:
    out = tmp_path / "times.json"
    options = ["--batch", "1", "2", "--calls", "2", "--rounds", "1", "--device", "cpu", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *options], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert 2.3e9 < told["flops"] < 2.6e9
    assert all(rate > 1e8 for rate in told["rates"].values())
    sides = [(each["batch"], each["side"]) for each in told["timings"]]
    assert sides == [(batch, side) for batch in (1, 2) for side in ("published way", "plain", "ours")]
    for each in told["timings"]:
        assert 0 < each["network"] < 10
        assert 0 < each["call"] < 10
        assert each["peak_bytes"] > 2**26
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| 1 |", "| 2 |"))]
    assert len(rows) == 6
    assert {row.count("|") for row in rows} == {8}


def test_a_mistake_is_one_line() -> None:
    command = [sys.executable, "scripts/benchmark.py", "--device", "tpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --device tpu: not available here")
