from pathlib import Path

import torch

from repaint.checkpoints.formats import read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.pipeline.network import estimate_memory, load_network
from tests.helpers.tiny import make_run, write_config

CPU = torch.device("cpu")


def load(folder: Path, **changes: object) -> Config:
    return load_config(Config, write_config(folder, **changes))


def test_memory_estimate_grows_with_batch_and_halves_with_fp16(tmp_path: Path) -> None:
    weights, activations = estimate_memory(load(tmp_path), 2, CPU)
    half_weights, more_activations = estimate_memory(load(tmp_path, use_fp16=True), 20, CPU)
    assert 4 * 1e4 < weights < 4e6
    assert 0.5 * weights <= half_weights < 0.75 * weights
    assert 4 * activations < more_activations < 11 * activations


def test_memory_estimate_of_the_published_models() -> None:
    confs = Path(__file__).parents[2] / "confs"
    weights, activations = estimate_memory(load_config(Config, confs / "face_example.yml"), 1, CPU)
    assert weights == 4 * 552_814_086
    assert 0.3e9 < activations < 3e9
    _, guided = estimate_memory(load_config(Config, confs / "test_inet256_thin.yml"), 1, CPU)
    assert guided > activations  # the classifier's backward pass keeps its activations


def test_loading_moves_the_weights(tmp_path: Path) -> None:
    config = load_config(Config, make_run(tmp_path))
    weights = read_weights(str(tmp_path / "model.safetensors"))
    load_network(config, weights, CPU)
    assert not weights.state
