from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.models.classifier import Classifier
from repaint.models.unet import UNet, UNetConfig
from tests.helpers.golden_inputs import fill_by_rule, relative_error

SIZE = 16
CLASSES = 7
TIMESTEPS = torch.tensor([3, 700])


def classifier_config(**changes: Any) -> UNetConfig:
    flags: dict[str, Any] = {
        "image_size": SIZE,
        "num_channels": 32,
        "num_res_blocks": 1,
        "channel_mult": (1, 2),
        "attention_resolutions": (8,),
        "num_head_channels": 16,
        "resblock_updown": True,
        "out_channels": CLASSES,
    }
    return UNetConfig(**(flags | changes))


def classifier(**changes: Any) -> Classifier:
    return fill_by_rule(Classifier(classifier_config(**changes)))


def pictures() -> Tensor:
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resblock_updown": False},
        {"use_scale_shift_norm": False},
        {"num_res_blocks": 2},
        {"channel_mult": (1, 1, 2)},
    ],
)
@torch.no_grad()
def test_logits(changes: dict[str, Any]) -> None:
    network = classifier(**changes)
    logits = network(pictures(), TIMESTEPS)
    assert logits.shape == (2, CLASSES)
    assert logits.isfinite().all()
    torch.testing.assert_close(network(pictures()[1:], TIMESTEPS[1:]), logits[1:], rtol=0, atol=1e-4)


def test_pool_has_a_position_per_pixel_of_the_smallest_map_and_one_for_the_mean() -> None:
    assert classifier().out[2].positional_embedding.shape == (64, 8 * 8 + 1)
    assert classifier(channel_mult=(1, 1, 2)).out[2].positional_embedding.shape == (64, 4 * 4 + 1)


@torch.no_grad()
def test_timestep_matters() -> None:
    network = classifier()
    assert relative_error(network(pictures(), TIMESTEPS + 100), network(pictures(), TIMESTEPS)) > 1e-3


def test_encoder_is_the_unet_s() -> None:
    encoder = {key: value.shape for key, value in classifier().state_dict().items() if not key.startswith("out.")}
    unet = UNet(classifier_config()).state_dict()
    assert encoder == {
        key: value.shape for key, value in unet.items() if not key.startswith(("out.", "output_blocks."))
    }


def test_gradient_reaches_the_picture() -> None:
    x = pictures().requires_grad_()
    (gradient,) = torch.autograd.grad(classifier()(x, TIMESTEPS)[:, 0].sum(), x)
    assert gradient.isfinite().all()
    assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0


@torch.no_grad()
def test_half_precision_answers_alike() -> None:
    network = classifier()
    full = network(pictures(), TIMESTEPS)
    network.convert(torch.float16)
    assert network.dtype == torch.float16
    half = network(pictures(), TIMESTEPS)
    assert half.dtype == torch.float32
    assert 0 < relative_error(half, full) < 1e-2
