"""The benchmark through its command line: all that was asked for is measured; the times are not judged."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import torch

from repaint.benchmarking import pasting
from repaint.benchmarking.rounds import Failure, Outcome, Timing, Work
from repaint.benchmarking.timing import Measurement
from repaint.benchmarking.variants import DIFFUSERS, OURS, PLAIN, PUBLISHED
from repaint.commands import benchmark
from repaint.commands.handlers import benchmark as handler
from repaint.config.run import Config
from repaint.models.optimize import Precision
from repaint.pipeline import precision_choice
from tests.helpers.threads import processes_as_threads

QUICK = ["--device", "cpu", "--calls", "1", "--rounds", "1"]


def machine_rates(_device: torch.device, precision: Precision | None) -> dict[str, float]:
    rate = 1e10 if precision == "bf16" else 2e10
    return {"matrix product": 1.5 * rate, "convolution": rate}


def test_all_variants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    processes_as_threads(monkeypatch)
    monkeypatch.setattr(pasting, "_ROUNDS", 1)
    monkeypatch.setattr(handler, "machine_rates", machine_rates)
    out = tmp_path / "times.json"
    assert benchmark.main([*QUICK, "--batch", "2", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    written = json.loads(out.read_text())
    assert 2.3e9 < written["flops"] < 2.6e9
    assert written["rates"] == {"float32": {"matrix product": 3e10, "convolution": 2e10}}
    variants = [(each["work"]["batch"], each["variant"]) for each in written["timings"]]
    ours = [(batch, variant) for batch, variant in variants if variant != "diffusers"]
    assert ours == [(2, variant) for variant in ("published way", "plain", "ours")]
    for each in written["timings"]:
        assert 0 < each["measured"]["network"] < each["measured"]["call"]
        assert each["measured"]["peak_bytes"] > 2**26
    assert written["pasting"] > 0
    assert "pasting a fill of 64x64 into 12 megapixels: " in printed
    assert "float32 at best: matrix product 30 GFLOP/s" in printed
    rows = [line for line in printed.splitlines() if line.startswith("| 2 |")]
    assert len(rows) == len(variants)
    assert {row.count("|") for row in rows} == {8}


def test_growth_over_batch_size_and_calls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fake_times(
        variants: Mapping[str, tuple[str, Config]], _device: torch.device, works: Iterable[Work], rounds: int
    ) -> Outcome:
        assert [(name, kind, config.precision) for name, (kind, config) in variants.items()] == [
            ("ours", "ours", "bf16")
        ]
        assert rounds == 1
        return Outcome([Timing("ours", work, Measurement(0.25, 0.2, 2**30)) for work in works], [])

    monkeypatch.setattr(handler, "time_variants", fake_times)
    monkeypatch.setattr(handler, "machine_rates", machine_rates)
    monkeypatch.setattr(handler, "count_flops", lambda _config: 2_500_000_000)
    assert benchmark.main([*QUICK, "--growth", "--set", "precision=bf16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "bf16 at best: matrix product 15 GFLOP/s" in lines[1]
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    batches, sizes, calls = rows[:4], rows[4:7], rows[7:]
    assert [row[0] for row in batches] == ["1", "2", "4", "8"]
    assert [row[1] for row in sizes] == ["32", "64", "128"]
    assert [row[2] for row in calls] == ["5", "10", "20"]
    assert batches[3][3:] == ["250.0", "2.00"]


def test_each_variant_is_compared_with_the_rate_of_its_own_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = (PUBLISHED, PLAIN, OURS, DIFFUSERS)
    times = [Timing(variant, Work(64, 1, 1), Measurement(0.25, 0.2, 2**30)) for variant in variants]
    monkeypatch.setattr(handler, "time_variants", lambda *_arguments: Outcome(times, []))
    monkeypatch.setattr(handler, "time_pasting", lambda _size: 1.0)
    monkeypatch.setattr(handler, "machine_rates", machine_rates)
    monkeypatch.setattr(handler, "count_flops", lambda _config: 2_500_000_000)
    out = tmp_path / "times.json"
    assert benchmark.main([*QUICK, "--set", "precision=bf16", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "float32 at best: matrix product 30 GFLOP/s, convolution 20 GFLOP/s\nbf16 at best: " in printed
    rows = [line.strip("|").split("|") for line in printed.splitlines() if line.startswith("| 1 |")]
    shares = {row[1].strip(): row[5].strip() for row in rows}
    assert shares == {PUBLISHED: "50%", PLAIN: "50%", OURS: "100%", DIFFUSERS: ""}
    assert {name: rates["convolution"] for name, rates in json.loads(out.read_text())["rates"].items()} == {
        "float32": 2e10,
        "bf16": 1e10,
    }


def test_what_fails_is_one_line_after_the_numbers_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = Work(64, 1, 1), Work(64, 2, 1)
    cost = Measurement(0.25, 0.2, 2**30)
    done = [(PUBLISHED, small), (PLAIN, small), (PLAIN, large), (OURS, large)]
    outcome = Outcome(
        [Timing(variant, work, cost) for variant, work in done],
        [Failure(OURS, small, "it is broken", "Traceback ..."), Failure(PUBLISHED, large, "it is too large")],
    )
    monkeypatch.setattr(handler, "time_variants", lambda *_arguments: outcome)
    monkeypatch.setattr(handler, "time_pasting", lambda _size: 1.0)
    monkeypatch.setattr(handler, "machine_rates", machine_rates)
    monkeypatch.setattr(handler, "count_flops", lambda _config: 2_500_000_000)
    out = tmp_path / "times.json"
    assert benchmark.main([*QUICK, "--batch", "1", "2", "--json", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.err == "error: ours, batch 1 at 64 pixels: it is broken (and 1 more)\n"
    assert "| 1 | plain | 250.0 | 1.00 |" in printed.out
    assert "| 2 | ours | 250.0 |  |" in printed.out  # there is nothing to compare it with
    written = json.loads(out.read_text())
    assert len(written["timings"]) == 4
    assert [failure["reason"] for failure in written["failures"]] == ["it is broken", "it is too large"]


def test_auto_precision_is_chosen_before_the_rounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def time_variants(variants: Mapping[str, tuple[str, Config]], *_others: object) -> Outcome:
        # Each variant has a process of its own, which would measure again.
        assert {config.precision for _, config in variants.values()} == {"bf16"}
        return Outcome([], [])

    monkeypatch.setattr(precision_choice, "measure_rates", lambda _shape: {"fp32": 500.0, "bf16": 900.0})
    monkeypatch.setattr(handler, "time_variants", time_variants)
    monkeypatch.setattr(handler, "machine_rates", machine_rates)
    monkeypatch.setattr(handler, "count_flops", lambda _config: 2_500_000_000)
    assert benchmark.main([*QUICK, "--growth", "--set", "precision=auto"]) == 0
    out = capsys.readouterr().out
    assert "precision: auto is bf16 (measured: fp32 500, bf16 900 GFLOP/s a core)\n" in out
    assert "bf16 at best: " in out


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
    monkeypatch.chdir(Path(__file__).parents[2])
    assert benchmark.main(options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
