import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from repaint.benchmarking import variants
from repaint.benchmarking.timing import measure
from repaint.benchmarking.variants import DIFFUSERS, OURS, PLAIN, PUBLISHED, make_variant, variant_names
from repaint.checkpoints.architecture import build_unet_config
from repaint.config.loading import load_config
from repaint.config.run import Config
from tests.helpers.tiny import SIZE, write_config

CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(Config, write_config(tmp_path))


@torch.no_grad()
def test_our_variants_do_the_same_work(config: Config) -> None:
    """Otherwise comparing their times would mean nothing."""
    filled = []
    for name in (PUBLISHED, PLAIN, OURS):
        variant: Any = make_variant(name, config, CPU)
        generator = torch.Generator().manual_seed(0)
        for parameter in variant.network.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))  # whatever its layout
        filled.append(variant.sample(variant.network, SIZE, 2, 3))
    assert filled[0].shape == (2, 3, SIZE, SIZE)
    assert filled[0][..., SIZE // 2 :].std() > 0.1
    for other in filled[1:]:
        torch.testing.assert_close(other, filled[0], rtol=1e-4, atol=1e-4)


def test_the_published_way_keeps_pytorchs_own_convolutions(config: Config) -> None:
    kinds = {type(module) for module in make_variant(PUBLISHED, config, CPU).network.modules()}  # type: ignore[attr-defined]
    assert nn.Conv1d in kinds
    assert not any(kind.__name__.startswith("Pointwise") for kind in kinds)


class FakeUNet(nn.Module):
    """As much of diffusers as is used."""

    def __init__(self, **flags: Any) -> None:
        super().__init__()
        self.flags = flags

    def forward(self, x: torch.Tensor, _t: int) -> torch.Tensor:
        return x


class FakePipeline:
    def __init__(self, unet: FakeUNet, scheduler: object) -> None:
        self.unet, self.scheduler = unet, scheduler

    def to(self, _device: torch.device) -> "FakePipeline":
        return self

    def set_progress_bar_config(self, disable: bool) -> None:
        assert disable

    def __call__(self, picture: torch.Tensor, mask: torch.Tensor, num_inference_steps: int, **_options: Any) -> None:
        assert picture.shape[2:] == mask.shape[2:]
        for t in range(num_inference_steps):
            self.unet(picture, t)


def test_diffusers_is_a_variant_where_it_is_installed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = ModuleType("diffusers")
    library.UNet2DModel, library.RePaintPipeline = FakeUNet, FakePipeline
    library.RePaintScheduler = lambda num_train_timesteps: num_train_timesteps
    monkeypatch.setitem(sys.modules, "diffusers", library)
    monkeypatch.setattr(variants.importlib.util, "find_spec", lambda _name: True)
    assert variant_names()[-1] == DIFFUSERS
    variant: Any = make_variant(DIFFUSERS, config, CPU)
    flags = variant.pipeline.unet.flags
    unet = build_unet_config(config)
    assert flags["block_out_channels"] == [unet.width(level) for level in range(len(unet.channel_mult))]
    assert flags["down_block_types"] == ["DownBlock2D", "AttnDownBlock2D"]
    assert flags["up_block_types"] == ["AttnUpBlock2D", "UpBlock2D"]
    measured = measure(variant, CPU, SIZE, 2, 4)
    assert 0 < measured.network < measured.call
    again = measure(variant, CPU, SIZE, 2, 4)  # the pipeline calls this timer, not the first one
    assert 0 < again.network < again.call


def test_without_diffusers_there_are_three_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants.importlib.util, "find_spec", lambda _name: None)
    assert variant_names() == [PUBLISHED, PLAIN, OURS]
