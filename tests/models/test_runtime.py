import copy

import pytest
import torch

from repaint.models import runtime
from repaint.models.blocks import ResBlock
from repaint.models.runtime import keep_host_memory, prepare
from repaint.models.unet import UNet
from tests.models.test_unet import pictures, unet


def prepared(network: UNet) -> UNet:
    fast = copy.deepcopy(network)
    prepare(fast)
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


def test_libraries_without_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_host_memory() in (True, False)

    class Other:
        pass

    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda _name: Other())
    assert keep_host_memory() is False
