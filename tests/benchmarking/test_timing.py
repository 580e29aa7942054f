from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from repaint.benchmarking import timing
from repaint.benchmarking.timing import count_flops, machine_rates, measure
from repaint.benchmarking.variants import PLAIN, make_variant
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.models.optimize import Precision
from tests.helpers.tiny import SIZE, write_config

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(Config, write_config(tmp_path))


def test_time_inside_the_network_is_measured_separately(config: Config) -> None:
    variant: Any = make_variant(PLAIN, config, CPU)
    calls = []
    variant.network.register_forward_hook(lambda _module, inputs, _out: calls.append(len(inputs[0])))
    measured = measure(variant, CPU, SIZE, 2, 4)
    assert calls == [2] * 4
    assert 0 < measured.network < measured.call
    assert measured.peak_bytes > 2**26


def test_peak_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MATRIX_SIDE", 32)
    monkeypatch.setattr(timing, "CONV_SHAPE", (1, 4, 8))
    formats: tuple[Precision | None, ...] = (None, "fp32", "bf16")
    for precision in formats:
        rates = machine_rates(CPU, precision)
        assert list(rates) == ["matrix product", "convolution"]
        assert min(rates.values()) > 0


def test_peak_rates_are_those_of_the_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(job: Callable[[], torch.Tensor], _device: torch.device) -> float:
        types.append(job().dtype)
        return 1.0

    types: list[torch.dtype] = []
    monkeypatch.setattr(timing, "MATRIX_SIDE", 8)
    monkeypatch.setattr(timing, "CONV_SHAPE", (1, 4, 8))
    monkeypatch.setattr(timing, "_least_seconds", seconds)
    machine_rates(CPU, "bf16")
    machine_rates(CPU, None)
    assert types == [torch.bfloat16] * 2 + [torch.float32] * 2


def test_slow_operations_are_repeated_less(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([1.5, 1.0, 9.0])
    monkeypatch.setattr(timing, "_seconds", lambda _job, _device: next(durations))
    assert timing._least_seconds(lambda: None, CPU) == 1.0


def test_flops_grow_with_the_size(config: Config) -> None:
    larger = config.model_copy(update={"image_size": 2 * SIZE})
    assert 3.9 < count_flops(larger) / count_flops(config) < 4.5  # attention grows faster than its area
