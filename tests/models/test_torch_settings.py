import contextlib
from typing import Any

import pytest
import torch

from repaint.models.torch_settings import ScopedCall, float32_products, recompile_limit


def settings() -> tuple[object, ...]:
    return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()


@pytest.mark.parametrize("tf32", [True, False])
def test_the_programs_own_settings_are_restored(tf32: bool) -> None:
    before = settings()
    with float32_products(tf32):
        assert settings() == (tf32, "high" if tf32 else "highest")
    assert settings() == before
    with contextlib.suppress(RuntimeError), float32_products(tf32):
        raise RuntimeError("in the network")
    assert settings() == before


def test_settings_in_pytorchs_newer_interface_are_restored() -> None:
    """PyTorch refuses to read the older ones where a program has used the newer ones."""
    conv: Any = getattr(torch.backends.cudnn, "conv", None)
    if not hasattr(conv, "fp32_precision"):
        pytest.skip("this PyTorch has the older interface alone")
    before = settings(), conv.fp32_precision
    try:
        conv.fp32_precision = "ieee"
        with pytest.raises(RuntimeError, match="tf32"):
            settings()
        with float32_products(True):
            assert conv.fp32_precision == "tf32"
        assert conv.fp32_precision == "ieee"
    finally:
        conv.fp32_precision = before[1]
        torch.backends.cudnn.allow_tf32 = before[0][0]
    assert (settings(), conv.fp32_precision) == before


def test_all_settings_hold_during_a_call_only() -> None:
    limit = torch._dynamo.config.recompile_limit

    def call(x: torch.Tensor) -> torch.Tensor:
        assert torch._dynamo.config.recompile_limit == limit + 7
        assert settings() == (True, "high")
        return x + 1

    scoped = ScopedCall(call, (lambda: float32_products(True), lambda: recompile_limit(limit + 7)))
    before = settings()
    assert scoped(torch.zeros(1)) == 1
    assert (settings(), torch._dynamo.config.recompile_limit) == (before, limit)
