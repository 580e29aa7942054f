"""Shapes of operations, against PyTorch's own functions for the meta device."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.models import shapes
from repaint.pipeline.network import estimate_memory, find_costly_convolution

CONFS = Path(__file__).parents[2] / "confs"
CHANGES = {"channel_mult": "1,2", "num_channels": 32, "image_size": 32, "attention_resolutions": "16"}
VARIANTS: list[dict[str, object]] = [
    {},
    {"use_fp16": True},
    {"method": "dps"},
    {"class_cond": True, "resblock_updown": False, "use_scale_shift_norm": False},
    {"num_channels": 96, "num_heads": 2, "num_head_channels": -1, "use_new_attention_order": True},
]


def estimates(name: str, changes: dict[str, object]) -> Iterator[object]:
    overrides = [f"{key}={value}" for key, value in changes.items()]
    config = load_config(Config, CONFS / name, overrides)
    yield find_costly_convolution(config, None)
    for batch in (1, 3):
        yield estimate_memory(config, batch, torch.device("cpu"))


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_network_has_the_shapes_that_pytorch_gives(
    changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(estimates("face_example.yml", CHANGES | changes))
    monkeypatch.setattr(shapes, "ShapesOnly", nullcontext)
    assert found == list(estimates("face_example.yml", CHANGES | changes))


def test_a_classifier_has_the_shapes_that_pytorch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(estimates("test_inet256_thin.yml", {}))
    monkeypatch.setattr(shapes, "ShapesOnly", nullcontext)
    assert found == list(estimates("test_inet256_thin.yml", {}))
