from typing import Any

import pytest
import torch
from torch import Tensor, nn

from repaint.models.blocks import AttentionBlock
from repaint.models.normalisation import GroupNorm32
from repaint.models.unet import DEFAULT_CHANNEL_MULT, UNet, UNetConfig
from tests.helpers.golden_inputs import relative_error
from tests.helpers.networks import pictures, unet, unet_config
from tests.helpers.tiny import SIZE

TIMESTEPS = torch.tensor([3, 700])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resblock_updown": True},
        {"use_scale_shift_norm": False},
        {"use_new_attention_order": True},
        {"num_heads": 2},
        {"num_head_channels": 16},
        {"num_heads_upsample": 8},
        {"num_res_blocks": 2},
        {"channel_mult": (0.5, 1.5, 2), "num_channels": 64},
        {"channel_mult": (1,), "attention_resolutions": ()},
        {"dropout": 0.1, "use_checkpoint": True},
    ],
)
@torch.no_grad()
def test_output_has_the_shape_of_the_picture(changes: dict[str, Any]) -> None:
    out = unet(**changes)(pictures(), TIMESTEPS)
    assert out.shape == (2, 6, SIZE, SIZE)
    assert out.isfinite().all()
    assert unet(**changes, out_channels=3)(pictures(), TIMESTEPS).shape == (2, 3, SIZE, SIZE)


@torch.no_grad()
def test_fresh_network_answers_zero() -> None:
    assert not UNet(unet_config())(pictures(), TIMESTEPS).any()


@torch.no_grad()
def test_timestep_and_picture_matter_and_pictures_do_not_mix() -> None:
    network, x = unet(), pictures()
    out = network(x, TIMESTEPS)
    assert relative_error(network(x, TIMESTEPS + 100), out) > 1e-2
    assert relative_error(network(x.flip(0), TIMESTEPS), out) > 1e-2
    torch.testing.assert_close(network(x[1:], TIMESTEPS[1:]), out[1:], rtol=0, atol=1e-4)


# Classes


@torch.no_grad()
def test_class_matters() -> None:
    network = unet(num_classes=5)
    assert network.label_emb.weight.shape == (5, 4 * 32)
    out = [network(pictures(), TIMESTEPS, torch.tensor(y)) for y in ([1, 4], [1, 2])]
    torch.testing.assert_close(out[0][0], out[1][0])
    assert relative_error(out[0][1], out[1][1]) > 1e-2


@pytest.mark.parametrize(("num_classes", "y"), [(5, None), (None, torch.tensor([1, 4]))])
def test_classes_must_fit_the_network(num_classes: int | None, y: Tensor | None) -> None:
    with pytest.raises(ValueError, match="if and only if"):
        unet(num_classes=num_classes)(pictures(), TIMESTEPS, y)


# Architecture


def attention_widths(blocks: nn.Module) -> list[tuple[int, int]]:
    """(channels, heads) of the attention layers in order."""
    layers = [module for module in blocks.modules() if isinstance(module, AttentionBlock)]
    return [(layer.qkv.in_channels, layer.num_heads) for layer in layers]


def test_attention_is_at_the_listed_feature_map_sizes() -> None:
    network = unet(attention_resolutions=(4,), num_head_channels=16)
    assert attention_widths(network.input_blocks) == [(64, 4)]
    assert attention_widths(network.middle_block) == [(64, 4)]
    assert attention_widths(network.output_blocks) == [(64, 4)] * 2
    assert attention_widths(unet(attention_resolutions=()).input_blocks) == []


def test_decoder_may_have_its_own_number_of_heads() -> None:
    network = unet(num_heads=2, num_heads_upsample=8)
    assert {heads for _, heads in attention_widths(network.input_blocks)} == {2}
    assert {heads for _, heads in attention_widths(network.output_blocks)} == {8}


@torch.no_grad()
def test_encoder_halves_the_map_between_resolutions() -> None:
    network = unet(channel_mult=(0.5, 1.5, 2), num_channels=64)
    bottom, skips = network.encode(pictures(), network.embed(TIMESTEPS))
    assert [(skip.shape[1], skip.shape[2]) for skip in skips] == [
        (32, 16),
        (32, 16),
        (32, 8),
        (96, 8),
        (96, 4),
        (128, 4),
    ]
    assert bottom.shape == (2, 128, 4, 4)
    assert network.config.down_sampling == 4


def test_published_256x256_network() -> None:
    config = UNetConfig(
        image_size=256,
        num_channels=256,
        num_res_blocks=2,
        channel_mult=DEFAULT_CHANNEL_MULT[256],
        attention_resolutions=(32, 16, 8),
        num_head_channels=64,
        resblock_updown=True,
    )
    with torch.device("meta"):
        network = UNet(config)
        assert network(torch.empty(1, 3, 256, 256), torch.empty(1)).shape == (1, 6, 256, 256)
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(552.8e6, abs=0.05e6)


# Training


def gradients(network: UNet) -> dict[str, Tensor]:
    network.train()
    network(pictures(), TIMESTEPS).square().mean().backward()
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


def test_checkpointing_leaves_the_gradients_alone() -> None:
    plain, recomputed = gradients(unet()), gradients(unet(use_checkpoint=True))
    assert plain.keys() == recomputed.keys() == dict(unet().named_parameters()).keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(recomputed[name], gradient, msg=name)


def test_checkpointing_recomputes_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def checkpoint(function: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(function)
        return function(*arguments)

    monkeypatch.setattr("repaint.models.blocks.checkpoint", checkpoint)
    network = unet(use_checkpoint=True)
    network(pictures(), TIMESTEPS)
    assert not calls  # nothing to recompute outside training
    network.train()(pictures(), TIMESTEPS)
    assert calls


@torch.no_grad()
def test_dropout_acts_in_training_alone() -> None:
    network, x = unet(dropout=0.5), pictures()
    torch.testing.assert_close(network(x, TIMESTEPS), unet()(x, TIMESTEPS))
    network.train()
    assert relative_error(network(x, TIMESTEPS), network(x, TIMESTEPS)) > 1e-2


# Half precision


def test_half_precision_weights() -> None:
    network = unet()
    network.convert(torch.float16)
    convolutions = {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv1d | nn.Conv2d)}
    types = {name: module.weight.dtype for name, module in convolutions.items()}
    assert types.pop("out.2") == torch.float32
    assert set(types.values()) == {torch.float16}
    others = [module for module in network.modules() if isinstance(module, nn.Linear | GroupNorm32)]
    assert {module.weight.dtype for module in others} == {torch.float32}
    assert network.dtype == torch.float16


@torch.no_grad()
def test_half_precision_answers_alike() -> None:
    network = unet(num_head_channels=16)
    full = network(pictures(), TIMESTEPS)
    network.convert(torch.float16)
    half = network(pictures(), TIMESTEPS)
    assert half.dtype == torch.float32
    assert 0 < relative_error(half, full) < 1e-2
