"""A small UNet with weights by rule, noisy pictures for it, and a stand-in for PyTorch's compiler."""

from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.models import optimize
from repaint.models.unet import UNet, UNetConfig
from tests.helpers.golden_inputs import fill_by_rule
from tests.helpers.tiny import SIZE


def unet_config(**changes: Any) -> UNetConfig:
    """Three resolutions, attention at the two smaller ones."""
    flags: dict[str, Any] = {
        "image_size": SIZE,
        "num_channels": 32,
        "num_res_blocks": 1,
        "channel_mult": (1, 1, 2),
        "attention_resolutions": (8, 4),
    }
    return UNetConfig(**(flags | changes))


def unet(**changes: Any) -> UNet:
    return fill_by_rule(UNet(unet_config(**changes)))


def pictures(size: int = SIZE) -> Tensor:
    """Noise [2, 3, size, size]."""
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def compiler_that_counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In place of PyTorch's compiler, which takes long: runs what it is given, and notes each piece of code."""
    pieces = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> Any:
        pieces.append(len(graph.graph.nodes))
        return graph.forward

    compile_module = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **kw: compile_module(self, backend=backend, **kw))
    monkeypatch.setattr(optimize, "_require_compiler", lambda _device: None)
    return pieces
