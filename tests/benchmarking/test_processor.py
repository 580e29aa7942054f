from pathlib import Path

import pytest

from repaint.benchmarking import processor
from repaint.benchmarking.processor import MOST_OPERATORS, measure_processor, operator_shares
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.models.optimize import Precision
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(("bf16", "profiled"), [(50.0, ["fp32", "bf16"]), (49.0, ["fp32"])])
def test_formats_that_are_not_far_behind_are_profiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bf16: float, profiled: list[str]
) -> None:
    monkeypatch.setattr(processor, "measure_rates", lambda _shape: {"fp32": 100.0, "bf16": bf16})
    config = load_config(Config, write_config(tmp_path)).model_copy(update={"compile": True})  # which is left out
    found = measure_processor(config)
    assert found["GFLOP/s a core"] == {"fp32": 100.0, "bf16": bf16}
    assert list(found["share of the time"]) == profiled
    for shares in found["share of the time"].values():
        assert len(shares) == MOST_OPERATORS
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        assert 0.5 < sum(shares.values()) < 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_operators_of_the_whole_network_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    monkeypatch.setattr(processor, "MOST_OPERATORS", 1000)  # which are the largest differs between machines
    shares = operator_shares(load_config(Config, write_config(tmp_path)), precision)
    assert {"convolution", "native_group_norm", "addmm", "cat"} <= set(shares)
    assert sum(shares.values()) == pytest.approx(1)
