"""Group normalisation against float64, on maps large enough to show how it adds up."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repaint.models.diffusers_unet import DiffusersUNet
from repaint.models.normalisation import ExactGroupNorm, GroupNorm32, group_norm
from repaint.models.optimize import prepare
from tests.helpers.diffusers_models import UNET
from tests.helpers.golden_inputs import relative_error
from tests.helpers.networks import pictures, unet

WIDTH, GROUPS = 64, 32
CPU = torch.device("cpu")


def maps(height: int, width: int, batch: int = 1, channels: int = WIDTH) -> Tensor:
    """Channels-last maps whose channels have means and variances of their own."""
    generator = torch.Generator().manual_seed(0)
    x, mean, std = (
        torch.randn(shape, generator=generator)
        for shape in ((batch, channels, height, width), (batch, channels, 1, 1), (batch, channels, 1, 1))
    )
    return (x * std.exp() + 2 * mean).to(memory_format=torch.channels_last)


def affine() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(WIDTH, generator=generator), torch.randn(WIDTH, generator=generator)


def in_float64(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.group_norm(x.double().contiguous(), GROUPS, weight.double(), bias.double())


@pytest.mark.parametrize(("height", "width"), [(256, 256), (512, 512), (96, 160), (130, 130), (258, 386)])
@torch.no_grad()
def test_large_maps_are_normalised_exactly(height: int, width: int) -> None:
    x, (weight, bias) = maps(height, width, batch=2), affine()
    out = group_norm(x, GROUPS, weight, bias, 1e-5)
    assert relative_error(out.double(), in_float64(x, weight, bias)) < 1e-6
    assert out.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def test_a_constant_map_stays_finite() -> None:
    x = torch.full((1, WIDTH, 128, 128), 3.0).to(memory_format=torch.channels_last)
    weight, bias = affine()
    torch.testing.assert_close(group_norm(x, GROUPS, weight, bias, 1e-5)[0, :, 5, 5], bias, rtol=0, atol=1e-3)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_small_and_plain_maps_keep_pytorch_s_bytes(layout: torch.memory_format) -> None:
    size = 64 if layout is torch.channels_last else 128
    x, (weight, bias) = maps(size, size).contiguous().to(memory_format=layout), affine()
    assert torch.equal(group_norm(x, GROUPS, weight, bias, 1e-5), F.group_norm(x, GROUPS, weight, bias))


def test_gradients_are_pytorch_s() -> None:
    x = maps(80, 80).requires_grad_(True)
    weight, bias = (each.requires_grad_(True) for each in affine())
    ours = torch.autograd.grad(group_norm(x, GROUPS, weight, bias, 1e-5).pow(3).sum(), (x, weight, bias))
    theirs = torch.autograd.grad(F.group_norm(x, GROUPS, weight, bias).pow(3).sum(), (x, weight, bias))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@torch.no_grad()
def test_group_norm_of_half_precision_states() -> None:
    x = torch.randn(2, WIDTH, 8, 8)
    norm = GroupNorm32(WIDTH)
    out = norm(x.half())
    assert out.dtype == torch.float16
    torch.testing.assert_close(out.float(), F.group_norm(x.half().float(), 32), rtol=1e-2, atol=2e-3)


@torch.no_grad()
def test_a_thin_network_at_256_pixels_keeps_the_promise_of_1e_5() -> None:
    """The published size: prepared for sampling, against the plain layout of the published code."""
    x, t = pictures(256), torch.tensor([500, 500])
    out = prepare(unet(image_size=256), CPU)(x, t)
    assert relative_error(out, unet(image_size=256)(x, t)) < 2e-6  # with PyTorch's own kernel 8e-6


@torch.no_grad()
def test_networks_of_diffusers_have_it_too() -> None:
    network = DiffusersUNet(UNET)
    norms = [module for module in network.modules() if isinstance(module, nn.GroupNorm)]
    assert norms
    assert all(isinstance(module, ExactGroupNorm) for module in norms)
    x = maps(128, 128, channels=norms[0].num_channels)
    norm = norms[0]
    exact = F.group_norm(x.double().contiguous(), norm.num_groups, norm.weight.double(), norm.bias.double(), norm.eps)
    assert relative_error(norm(x).double(), exact) < 1e-6
