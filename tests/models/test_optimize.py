import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.errors import ConfigError
from repaint.models import optimize
from repaint.models.blocks import ResBlock
from repaint.models.cuda_graph import Replay
from repaint.models.optimize import Precision, fastest_precision, prepare
from repaint.models.torch_settings import ScopedCall
from repaint.models.unet import UNet
from tests.helpers.networks import compiler_that_counts, pictures, unet
from tests.helpers.tiny import SIZE, tiny_unet

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def prepared(network: UNet, **options: Any) -> UNet:
    fast = prepare(copy.deepcopy(network), CPU, **options)
    assert isinstance(fast, UNet)
    return fast


@pytest.mark.parametrize("scale_shift", [True, False])
@pytest.mark.parametrize("classes", [None, 5])
@torch.no_grad()
def test_a_prepared_network_means_the_same(scale_shift: bool, classes: int | None) -> None:
    network = unet(use_scale_shift_norm=scale_shift, num_classes=classes, resblock_updown=True)
    fast = prepared(network)
    x = pictures()
    y = None if classes is None else torch.arange(len(x)) % classes
    for t in (torch.arange(len(x)) * 300, torch.tensor(700).expand(len(x))):
        expected = network(x, t.clone(), y)
        for _ in range(2):  # nothing that a second call needs was overwritten
            torch.testing.assert_close(fast(x, t, y), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
    assert fast(x, t, y).is_contiguous()


@torch.no_grad()
def test_maps_stay_channels_last_through_all_blocks() -> None:
    """One that is not would be copied at the next convolution, at the cost of several convolutions."""
    fast = prepared(unet(resblock_updown=True))
    layouts = []
    for module in fast.modules():
        if isinstance(module, ResBlock):
            module.register_forward_hook(
                lambda _module, inputs, out: layouts.extend(
                    each.is_contiguous(memory_format=torch.channels_last) for each in (inputs[0], out)
                )
            )
    for batch in (1, 3):
        fast(pictures()[:1].expand(batch, -1, -1, -1), torch.tensor(5).expand(batch))
    assert layouts
    assert all(layouts)


@torch.no_grad()
def test_a_shared_timestep_is_embedded_once() -> None:
    network = unet()
    seen = []
    network.time_embed.register_forward_hook(lambda _module, inputs, _out: seen.append(len(inputs[0])))
    x = pictures()
    shared = network(x, torch.tensor(500).expand(len(x)))
    each = network(x, torch.full((len(x),), 500))
    assert seen == [1, len(x)]
    torch.testing.assert_close(shared, each, rtol=1e-5, atol=1e-5)


# Precision


@pytest.mark.parametrize(("precision", "worst"), [("bf16", 0.1), ("fp16", 0.01)])
@torch.no_grad()
def test_half_precision_stays_close_and_keeps_the_ends_in_float32(precision: Precision, worst: float) -> None:
    network = unet(resblock_updown=True)
    fast = prepared(network, precision=precision)
    x, t = pictures(), torch.tensor(300).expand(2)
    exact, out = network(x[:2], t), fast(x[:2], t)
    assert out.dtype == torch.float32
    assert 0 < (out - exact).abs().max() < worst * exact.abs().max()
    half = torch.bfloat16 if precision == "bf16" else torch.float16
    assert fast.input_blocks[1][0].in_layers[2].weight.dtype == half
    assert fast.input_blocks[1][0].in_layers[0].weight.dtype == torch.float32
    assert fast.out[2].weight.dtype == fast.time_embed[0].weight.dtype == torch.float32


@torch.no_grad()
def test_statistics_of_bf16_maps_are_float32() -> None:
    """Sums in bf16 itself, of eight bits, would be off by far more than the rounding of the result."""
    norm = optimize.UNet(unet().config).out[0]
    x = (torch.randn(1, norm.num_channels, 64, 64, generator=torch.Generator().manual_seed(0)) + 3).bfloat16()
    exact = norm(x.float())
    assert (norm(x).float() - exact).abs().max() < 2**-8 * exact.abs().max()


@pytest.mark.parametrize(
    ("capability", "has_bf16", "fastest"), [((9, 0), True, "bf16"), ((7, 5), False, "fp16"), ((6, 1), False, "fp32")]
)
def test_fastest_precision_of_gpus(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], has_bf16: bool, fastest: Precision
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16 or including_emulation)
    assert fastest_precision(CUDA) == fastest


def test_fastest_precision_elsewhere() -> None:
    assert fastest_precision(torch.device("mps")) == "fp32"


@pytest.mark.parametrize(("precision", "rounds"), [("fp32", False), ("tf32", True)])
def test_float32_on_a_gpu_is_tf32_only_if_asked(
    monkeypatch: pytest.MonkeyPatch, precision: Precision, rounds: bool
) -> None:
    seen = []

    def forward(_network: UNet, x: Tensor, _timesteps: Tensor) -> Tensor:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return x

    monkeypatch.setattr(UNet, "to", lambda network, *_args, **_options: network)
    monkeypatch.setattr(UNet, "forward", forward)
    before = settings()
    prepare(unet(), CUDA, precision)(pictures(), torch.zeros(3))
    assert seen == [(rounds, rounds)]
    assert settings() == before


def settings() -> tuple[object, ...]:
    return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision(), torch._dynamo.config.recompile_limit


# Compilation


@torch.no_grad()
def test_a_compiled_network_means_the_same_and_equal_blocks_share_code(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    pieces = compiler_that_counts(monkeypatch)
    network = unet(resblock_updown=True, num_res_blocks=3)
    fast = prepare(copy.deepcopy(network), CPU, compiled=True)
    x, t = pictures()[:2], torch.tensor(300).expand(2)
    expected = network(x, t)
    torch.testing.assert_close(fast(x, t), expected, rtol=1e-5, atol=1e-5)
    first = len(pieces)
    blocks = sum(isinstance(module, ResBlock) for module in network.modules())
    assert 0 < first < blocks
    torch.testing.assert_close(fast(x, t), expected, rtol=1e-5, atol=1e-5)
    assert len(pieces) == first  # nothing is compiled twice
    assert settings()[-1] < blocks  # PyTorch's limit for shapes of equal code is its own again


@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch compiles with g++")
@torch.no_grad()
def test_pytorchs_own_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    network = tiny_unet()
    x, embedding = torch.randn(1, 32, SIZE, SIZE), torch.randn(1, 128)
    from torch._inductor import config as inductor  # only here, as it loads the compiler

    with inductor.patch(compile_threads=1):  # more are processes, and each of them has to load PyTorch
        fast = prepare(copy.deepcopy(network), CPU, compiled=True)
        assert isinstance(fast, ScopedCall)
        block, compiled = (each.input_blocks[1][0] for each in (network, fast.call))  # one: each takes many seconds
        torch.testing.assert_close(compiled(x, embedding), block(x, embedding), rtol=1e-4, atol=1e-4)


def test_compiling_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_function: object) -> Any:
        raise RuntimeError("no g++ here\nlong story")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ConfigError, match=r"compile: PyTorch cannot compile here \(no g\+\+ here\); install g\+\+"):
        prepare(unet(), CPU, compiled=True)


def test_on_a_gpu_compiled_networks_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler_that_counts(monkeypatch)
    monkeypatch.setattr(UNet, "to", lambda network, *_args, **_options: network)
    fast = prepare(unet(), CUDA, compiled=True)
    assert isinstance(fast, ScopedCall)
    assert isinstance(fast.call, Replay)
    assert isinstance(prepare(unet(), CUDA), UNet)
