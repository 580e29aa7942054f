"""Variants of the benchmark: implementations of the same sampling work to compare in time.

All networks have the architecture of a configuration and untrained weights: time does not depend on weights.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from repaint.checkpoints.architecture import build_unet, build_unet_config
from repaint.config.run import Config
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.reverse_steps import DDPMStep
from repaint.models.blocks import PointwiseConv1d, PointwiseConv2d
from repaint.models.diffusers_unet import library
from repaint.models.optimize import prepare
from repaint.models.unet import UNet, UNetConfig
from repaint.noise import PictureNoise
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import build_diffusion
from repaint.sampler import p_sample_loop

PUBLISHED, PLAIN, OURS, DIFFUSERS = "published way", "plain", "ours", "diffusers"


def variant_names() -> list[str]:
    """Available variants: the published way, our code in plain float32, ours as configured, and diffusers if installed.

    The published way is eager float32 in all that costs time: contiguous maps, attention from matrix products, tables
    copied to the device in every step, an embedding for each picture of the batch.
    """
    return [PUBLISHED, PLAIN, OURS] + ([DIFFUSERS] if importlib.util.find_spec("diffusers") else [])


class Variant(Protocol):
    """One implementation of the work."""

    @property
    def network(self) -> Callable[..., Any]:
        """A network call."""

    def sample(self, call: Callable[..., Any], size: int, batch: int, calls: int) -> object:
        """Fill the right half of grey pictures.

        Args:
            call: the network, or a function that wraps it.
            size: height and width of the pictures.
            batch: number of pictures.
            calls: network calls.
        """


def make_variant(name: str, config: Config, device: torch.device) -> Variant:
    """Build one of `variant_names` for a configuration's architecture on a device."""
    return Diffusers(config, device) if name == DIFFUSERS else Repaint(name, config, device)


@dataclass
class Repaint:
    """Our sampler; `name` is PUBLISHED, PLAIN or OURS."""

    name: str
    config: Config
    device: torch.device

    @cached_property
    def network(self) -> Callable[..., Tensor]:
        """The network, ready on its device."""
        network = build_unet(build_unet_config(self.config))
        if self.name == OURS:
            precision = pick_precision(self.config, self.device)
            return prepare(network, self.device, precision, self.config.compile is True)
        if self.name == PUBLISHED:
            _undo_pointwise(network)
        return network.to(self.device).eval().requires_grad_(False)

    def sample(self, call: Callable[..., Tensor], size: int, batch: int, calls: int) -> Tensor:
        """See `Variant`."""
        diffusion = build_diffusion(self.config, str(calls), self.config.clip_denoised).to(self.device)
        if self.name == PUBLISHED:
            diffusion.__class__ = CopyingDiffusion
        shape = (batch, 3, size, size)
        x0, mask = torch.zeros(shape, device=self.device), torch.ones(shape, device=self.device)
        mask[..., size // 2 :] = 0
        noise = PictureNoise(range(batch), shape[1:], self.device)
        kernels = [SDPBackend.MATH] if self.name == PUBLISHED else list(SDPBackend.__members__.values())
        with sdpa_kernel(kernels):
            return p_sample_loop(
                DDPMStep(diffusion, self._adapt(call)), diffusion, x0, mask, range(calls - 1, -2, -1), noise
            )

    def _adapt(self, call: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The published code embeds the timestep of each picture; a copy hides from our network that they are equal."""
        if self.name == PUBLISHED:
            return lambda x, timesteps, _y: call(x, timesteps.clone())
        return lambda x, timesteps, _y: call(x, timesteps)


class CopyingDiffusion(GaussianDiffusion):
    """Process that reads constants as the published code does: the whole table is copied to the device each time."""

    def at(self, table: str, t: int | Tensor) -> Tensor:
        """See `GaussianDiffusion.at`."""
        values = torch.from_numpy(getattr(self, table).cpu().double().numpy()).to(self.betas.device)
        return values[t].float()


def _undo_pointwise(network: UNet) -> None:
    published: dict[type[nn.Module], type[nn.Module]] = {PointwiseConv1d: nn.Conv1d, PointwiseConv2d: nn.Conv2d}
    for module in network.modules():
        kind = published.get(type(module))
        if kind is not None:
            module.__class__ = kind


class Diffusers:
    """RePaint pipeline of the diffusers library, with its own network of equal widths and depths."""

    def __init__(self, config: Config, device: torch.device) -> None:
        diffusers = library()
        self.pipeline = diffusers.RePaintPipeline(
            unet=diffusers.UNet2DModel(**_diffusers_flags(build_unet_config(config))),
            scheduler=diffusers.RePaintScheduler(num_train_timesteps=config.diffusion_steps),
        ).to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.network: Callable[..., Any] = self.pipeline.unet.forward

    def sample(self, call: Callable[..., Any], size: int, batch: int, calls: int) -> object:
        """See `Variant`."""
        picture, mask = torch.zeros(batch, 3, size, size), torch.ones(batch, 1, size, size)
        mask[..., size // 2 :] = 0
        self.pipeline.unet.forward = call
        steps = {"num_inference_steps": calls, "jump_length": 1, "jump_n_sample": 1}
        filled: object = self.pipeline(picture, mask, **steps, output_type="np")
        return filled


def _diffusers_flags(config: UNetConfig) -> dict[str, Any]:
    attention = [2**level in config.attention_depths for level in range(len(config.channel_mult))]
    resample = "resnet" if config.resblock_updown else "conv"
    return {
        "sample_size": config.image_size,
        "layers_per_block": config.num_res_blocks,
        "block_out_channels": [config.width(level) for level in range(len(attention))],
        "down_block_types": ["AttnDownBlock2D" if each else "DownBlock2D" for each in attention],
        "up_block_types": ["AttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attention)],
        "attention_head_dim": config.num_head_channels,
        "resnet_time_scale_shift": "scale_shift" if config.use_scale_shift_norm else "default",
        "downsample_type": resample,
        "upsample_type": resample,
    }
