from pathlib import Path

import pytest
import torch

from repaint.checkpoints.formats import read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.inference.inputs import config_digest
from repaint.pipeline.precision import COMPILING_REPAYS, pick_compiled, pick_precision
from tests.helpers.tiny import make_run, write_config

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def load(folder: Path, **changes: object) -> Config:
    return load_config(Config, write_config(folder, **changes))


def test_precisions(tmp_path: Path) -> None:
    assert pick_precision(load(tmp_path), CUDA) is None
    assert pick_precision(load(tmp_path, use_fp16=True), CPU) == "fp16"
    assert pick_precision(load(tmp_path, precision="fp16", use_fp16=True), CPU) == "fp16"
    assert pick_precision(load(tmp_path, precision="bf16", use_fp16=False), CPU) == "bf16"


def test_tf32_is_refused_without_the_gpus_that_have_it(tmp_path: Path) -> None:
    assert pick_precision(load(tmp_path, precision="tf32"), CUDA) == "tf32"
    with pytest.raises(ConfigError, match="tf32 is a number format of NVIDIA's GPUs, not of cpu; use fp32 or auto"):
        pick_precision(load(tmp_path, precision="tf32"), CPU)


def test_two_precisions_are_a_contradiction(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use_fp16: true and precision: bf16 contradict each other; leave one out"):
        load(tmp_path, use_fp16=True, precision="bf16")


@pytest.mark.parametrize(
    ("changes", "device", "calls", "compiled"),
    [
        ({"precision": "bf16"}, CUDA, COMPILING_REPAYS, True),
        ({"precision": "bf16"}, CUDA, COMPILING_REPAYS - 1, False),
        ({"precision": "bf16"}, CPU, 10**6, False),
        ({}, CUDA, 10**6, False),
        ({"precision": "fp32"}, CUDA, 10**6, False),
        ({"compile": True}, CPU, 1, True),
        ({"compile": False, "precision": "bf16"}, CUDA, 10**6, False),
    ],
)
def test_compiling(
    tmp_path: Path, changes: dict[str, object], device: torch.device, calls: int, compiled: bool
) -> None:
    assert pick_compiled(load(tmp_path, **changes), device, calls) is compiled


def test_results_of_another_precision_are_other_results(tmp_path: Path) -> None:
    make_run(tmp_path)
    weights = read_weights(str(tmp_path / "model.safetensors"))
    digests = {
        name: config_digest(load(tmp_path, **changes), weights, None, CPU)
        for name, changes in {
            "plain": {},
            "bf16": {"precision": "bf16"},
            "fp16": {"precision": "fp16"},
            "use_fp16": {"use_fp16": True},
        }.items()
    }
    assert len(set(digests.values())) == 3
    assert digests["fp16"] == digests["use_fp16"]
