from pathlib import Path

import pytest
import torch

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.models.conv_rates import ConvShape
from repaint.pipeline import precision_choice
from repaint.pipeline.network import find_costly_convolution
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.precision_choice import PrecisionChoice, choose_precision, resolve_precision
from tests.helpers.tiny import write_config

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def auto(tmp_path: Path) -> Config:
    return load_config(Config, write_config(tmp_path, precision="auto"))


@pytest.mark.parametrize(("bf16", "fastest"), [(943.0, "bf16"), (178.0, "fp32")])
def test_cpus_are_measured(auto: Config, monkeypatch: pytest.MonkeyPatch, bf16: float, fastest: str) -> None:
    shapes: list[ConvShape] = []

    def measure(shape: ConvShape) -> dict[str, float]:
        shapes.append(shape)
        return {"fp32": 336.04, "bf16": bf16}

    monkeypatch.setattr(precision_choice, "measure_rates", measure)
    config, choice = resolve_precision(auto, None, CPU)
    assert choice == PrecisionChoice(fastest, {"fp32": 336.0, "bf16": bf16})
    assert pick_precision(config, CPU) == fastest
    assert shapes == [find_costly_convolution(auto, None)]


def test_gpus_are_known(auto: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_choice, "fastest_precision", lambda device: "bf16" if device == CUDA else None)
    monkeypatch.setattr(precision_choice, "measure_rates", None)
    choice = choose_precision(auto, None, CUDA)
    assert choice == PrecisionChoice("bf16")
    assert choice.describe() == "precision: auto is bf16 (the fastest of this device)"


def test_only_auto_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_choice, "measure_rates", None)
    for precision in (None, "fp32", "bf16"):
        config = load_config(Config, write_config(tmp_path, precision=precision))
        assert resolve_precision(config, None, CPU) == (config, None)


def test_the_line_names_the_choice_and_its_reason() -> None:
    rates = {"fp32": 312.4, "bf16": 21.0}
    assert PrecisionChoice("fp32", rates).describe() == (
        "precision: auto is fp32 (measured: fp32 312, bf16 21 GFLOP/s a core)"
    )
    assert PrecisionChoice("fp32", rates, kept=True).describe() == (
        "precision: auto is fp32 (as in the results so far; measured: fp32 312, bf16 21 GFLOP/s a core)"
    )
    assert PrecisionChoice("bf16", kept=True).describe() == "precision: auto is bf16 (as in the results so far)"


def test_the_costliest_convolution_of_the_published_network() -> None:
    conf = Path(__file__).parents[2] / "confs/test_inet256_thick.yml"  # class-conditional
    shape = find_costly_convolution(load_config(Config, conf), None)
    assert shape == ConvShape(256, 256, (3, 3), (1, 1), 1, 256)
