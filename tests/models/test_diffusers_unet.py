"""The adapter of diffusers' networks on every way of running one."""

from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.models.cuda_graph import Replay
from repaint.models.diffusers_unet import DiffusersUNet
from repaint.models.memory import activation_bytes
from repaint.models.optimize import Precision, prepare
from repaint.models.torch_settings import ScopedCall
from tests.helpers.diffusers_models import UNET, make_unet
from tests.helpers.networks import compiler_that_counts
from tests.helpers.tiny import SIZE

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
X, T = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)), torch.tensor(300).expand(2)


def adapter(**changes: Any) -> DiffusersUNet:
    network = DiffusersUNet(UNET | changes).eval()
    network.unet.load_state_dict(make_unet(**changes).state_dict())
    return network


@torch.no_grad()
def answer(**changes: Any) -> Tensor:
    out: Tensor = make_unet(**changes)(X, T).sample
    return out


@torch.no_grad()
def test_a_prepared_network_means_the_same() -> None:
    fast = prepare(adapter(), CPU)
    for _ in range(2):
        torch.testing.assert_close(fast(X, T), answer(), rtol=0, atol=1e-5)
    assert fast(X, T).is_contiguous()


@pytest.mark.parametrize(("precision", "worst"), [("bf16", 0.05), ("fp16", 0.005)])
@torch.no_grad()
def test_half_precision_stays_close_and_ends_in_float32(precision: Precision, worst: float) -> None:
    fast = prepare(adapter(), CPU, precision)
    assert isinstance(fast, DiffusersUNet)
    out, exact = fast(X, T), answer()
    assert out.dtype == torch.float32
    assert 0 < (out - exact).norm() < worst * exact.norm()
    assert fast.unet.conv_in.weight.dtype == fast.dtype != torch.float32
    assert fast.unet.conv_out.weight.dtype == fast.unet.conv_norm_out.weight.dtype == torch.float32


@torch.no_grad()
def test_a_compiled_network_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    pieces = compiler_that_counts(monkeypatch)
    one_level = {"block_out_channels": (32,), "down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)}
    fast = prepare(adapter(**one_level), CPU, compiled=True)
    for t in (300, 10):
        out = fast(X, torch.tensor(t).expand(2))
    first = len(pieces)
    torch.testing.assert_close(fast(X, T), answer(**one_level), rtol=0, atol=1e-5)
    assert 0 < first == len(pieces)  # another time compiles nothing
    assert not torch.equal(out, fast(X, T))


@torch.no_grad()
def test_replays_answer_what_the_network_would(recordings: list[tuple[Tensor, ...]]) -> None:
    network = adapter()
    replay = Replay(network)
    for call in range(3):
        t = torch.tensor(100 * call).expand(2)
        torch.testing.assert_close(replay(X + call, t), network(X + call, t))
    assert len(recordings) == 1


def test_on_a_gpu_compiled_networks_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler_that_counts(monkeypatch)
    monkeypatch.setattr(DiffusersUNet, "to", lambda network, *_args, **_options: network)
    call = prepare(adapter(), CUDA, "bf16", compiled=True)
    assert isinstance(call, ScopedCall)
    assert isinstance(call.call, Replay)


def test_memory_counts_what_waits_for_the_decoder() -> None:
    def estimate(batch: int, precision: torch.dtype | None = None, **changes: int) -> int:
        with torch.device("meta"):
            network = DiffusersUNet(UNET | changes)
            if precision is not None:
                network.convert(precision)
            x, t = torch.empty(batch, 3, SIZE, SIZE), torch.empty(batch)
            return activation_bytes(network, lambda: network(x, t))

    full, half_size = 32 * SIZE**2, 64 * (SIZE // 2) ** 2  # numbers of a map at each resolution
    assert estimate(1, layers_per_block=4) - estimate(1) == 4 * 3 * (full + half_size)
    assert estimate(8) == 8 * estimate(1)
    assert 0.4 * estimate(8) < estimate(8, torch.bfloat16) < 0.8 * estimate(8)
