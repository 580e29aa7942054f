"""`precision: auto` of runs: measured once, printed, noted, and kept by whoever goes on with the results."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.distributed import HashStore

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.inference import runner
from repaint.models.conv_rates import ConvShape
from repaint.pipeline import precision_choice
from repaint.workers.worker import Worker
from tests.helpers.command import class_conditional_run, manifest, run, user_error
from tests.helpers.tiny import make_run

FAST_BF16, SLOW_BF16 = {"fp32": 500.0, "bf16": 900.0}, {"fp32": 300.0, "bf16": 20.0}
MEASURED, KEPT = "(measured: fp32 500, bf16 900 GFLOP/s a core)", "as in the results so far"

Measure = Callable[[Mapping[str, float] | None], list[ConvShape]]


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Fakes what is measured from now on; the list receives the shapes. With None nothing may be measured."""

    def fake(rates: Mapping[str, float] | None) -> list[ConvShape]:
        shapes: list[ConvShape] = []

        def measure_rates(shape: ConvShape) -> Mapping[str, float]:
            assert rates is not None, "measured again"
            shapes.append(shape)
            return rates

        monkeypatch.setattr(precision_choice, "measure_rates", measure_rates)
        return shapes

    return fake


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "out/inpainted").iterdir()}


def lose(folder: Path, name: str) -> None:
    """As if the run had been interrupted before this picture."""
    (folder / f"out/inpainted/{name}").unlink()


def test_the_choice_is_printed_and_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure) -> None:
    conf = make_run(tmp_path, precision="auto")
    shapes = measure(FAST_BF16)
    assert run(conf) == 0
    assert f"precision: auto is bf16 {MEASURED}\n" in capsys.readouterr().out
    assert [(line["precision"], line["precision_rates"]) for line in manifest(tmp_path)] == [("bf16", FAST_BF16)] * 3
    assert len(shapes) == 1
    assert run(conf, "--set", "precision=bf16") == 0
    assert "3 of 3 pictures are finished already" in capsys.readouterr().out
    user_error(capsys, run(conf, "--set", "precision=fp32"), "holds results of another configuration")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pictures_are_those_of_the_chosen_format(tmp_path: Path, measure: Measure, precision: str) -> None:
    conf = make_run(tmp_path, precision="auto")
    measure(FAST_BF16 if precision == "bf16" else SLOW_BF16)
    assert run(conf) == 0
    found = pictures(tmp_path)
    assert run(conf, "--overwrite", "--set", f"precision={precision}") == 0
    assert pictures(tmp_path) == found
    assert all("precision_rates" not in line for line in manifest(tmp_path))


def test_a_resumed_run_keeps_the_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure) -> None:
    conf = make_run(tmp_path, precision="auto")
    measure(FAST_BF16)
    assert run(conf) == 0
    found = pictures(tmp_path)
    lose(tmp_path, "01.png")
    capsys.readouterr()
    measure(None)
    assert run(conf) == 0
    out = capsys.readouterr().out
    assert f"precision: auto is bf16 ({KEPT}; {MEASURED[1:]}\n" in out
    assert "2 of 3 pictures are finished already" in out
    assert pictures(tmp_path) == found
    assert [line["precision_rates"] for line in manifest(tmp_path)] == [FAST_BF16] * 3
    shapes = measure(SLOW_BF16)
    assert run(conf, "--overwrite") == 0  # a new run
    assert [line["precision"] for line in manifest(tmp_path)] == ["fp32"] * 3
    assert len(shapes) == 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_results_without_a_measurement_are_kept_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure, precision: str
) -> None:
    """Those of an earlier version, or of a format that the user chose."""
    conf = make_run(tmp_path, precision="auto")
    assert run(conf, "--set", f"precision={precision}") == 0
    lose(tmp_path, "00.png")
    capsys.readouterr()
    measure(None)
    assert run(conf) == 0
    assert f"precision: auto is {precision} ({KEPT})\n" in capsys.readouterr().out
    assert len(pictures(tmp_path)) == 3


def test_what_dead_workers_have_left_decides_too(tmp_path: Path, measure: Measure) -> None:
    conf = make_run(tmp_path, precision="auto")
    measure(FAST_BF16)
    assert run(conf) == 0
    (tmp_path / "out/manifest_parts").mkdir()
    (tmp_path / "out/manifest.jsonl").rename(tmp_path / "out/manifest_parts/00001.jsonl")
    measure(None)
    assert run(conf) == 0
    assert [line["precision"] for line in manifest(tmp_path)] == ["bf16"] * 3


def test_results_of_another_seed_decide_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure
) -> None:
    conf = make_run(tmp_path, precision="auto")
    measure(FAST_BF16)
    assert run(conf) == 0
    shapes = measure(SLOW_BF16)
    user_error(capsys, run(conf, "--set", "clip_denoised=false"), "holds results of another configuration")
    assert len(shapes) == 1


def test_damaged_rates_of_a_manifest_do_no_harm(tmp_path: Path, measure: Measure) -> None:
    conf = make_run(tmp_path, count=2, precision="auto")
    measure(FAST_BF16)
    assert run(conf) == 0
    path = tmp_path / "out/manifest.jsonl"
    first, second = manifest(tmp_path)
    damaged = first | {"precision_rates": {"fp32": "fast", "bf16": None}}
    path.write_text(f"{json.dumps(damaged)}\n{json.dumps(second)}\n")
    measure(None)
    assert run(conf) == 0


@pytest.mark.parametrize("faster", [True, False])
def test_all_workers_take_the_main_ones_choice(tmp_path: Path, measure: Measure, faster: bool) -> None:
    config = load_config(Config, make_run(tmp_path, precision="auto"))
    shapes = measure(FAST_BF16 if faster else SLOW_BF16)
    store, job = HashStore(), HashStore()
    workers = [Worker(rank, 2, torch.device("cpu"), store, job) for rank in (1, 0)]
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda worker: runner.run(config, worker), workers))
    assert codes == [0, 0]
    assert [line["precision"] for line in manifest(tmp_path)] == ["bf16" if faster else "fp32"] * 3
    assert len(shapes) == 1


# Dry runs


def test_a_dry_run_shows_what_its_run_would_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure
) -> None:
    conf = make_run(tmp_path, precision="auto")
    measure(FAST_BF16)
    assert run(conf, "--dry_run") == 0
    out = capsys.readouterr().out
    assert f"precision: auto is bf16 {MEASURED}\n" in out
    assert "precision: bf16\n" in out
    assert run(conf) == 0
    measure(None)
    capsys.readouterr()
    assert run(conf, "--dry_run") == 0
    assert f"precision: auto is bf16 ({KEPT}; " in capsys.readouterr().out
    measure(SLOW_BF16)
    assert run(conf, "--dry_run", "--overwrite") == 0
    assert "precision: auto is fp32 (measured: fp32 300, bf16 20 GFLOP/s a core)\n" in capsys.readouterr().out


def test_a_dry_run_without_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str], measure: Measure) -> None:
    conf = make_run(tmp_path, precision="auto")
    (tmp_path / "model.safetensors").unlink()
    shapes = measure(SLOW_BF16)
    assert run(conf, "--dry_run") == 0
    assert "precision: auto is fp32 (measured" in capsys.readouterr().out
    assert len(shapes) == 1
    assert run(conf, "--dry_run", "--set", "model_format=diffusers", "--set", f"model_path={tmp_path}/none") == 0
    assert "precision: auto is chosen when the model is there\n" in capsys.readouterr().out
    assert len(shapes) == 1


def test_a_class_conditional_network(tmp_path: Path, measure: Measure) -> None:
    conf = class_conditional_run(tmp_path, precision="auto")
    shapes = measure(FAST_BF16)
    assert run(conf) == 0
    assert shapes == [ConvShape(32, 32, (3, 3), (1, 1), 1, 16)]
