"""A recorder of CUDA graphs that needs no GPU."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, ...]]:
    """Stands for `torch.cuda.make_graphed_callables`; the inputs of all recordings."""
    made = []

    def record(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Callable[..., Tensor]:
        made.append(inputs)
        out = function(*inputs)

        def replay(*tensors: Tensor) -> Tensor:
            assert len(tensors) == len(inputs)
            for own, given in zip(inputs, tensors, strict=True):
                own.copy_(given)
            return out.copy_(function(*inputs))

        return replay

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    return made
