"""Adapter of the diffusers library's UNets to the call of the sampler. The only import of that library."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repaint.errors import missing_extra
from repaint.models.normalisation import ExactGroupNorm


def library() -> Any:
    """The diffusers library; ConfigError if it is not installed."""
    try:
        import diffusers
    except ImportError:
        raise missing_extra("a model of diffusers", "the diffusers library", "diffusers") from None
    return diffusers


class DiffusersUNet(nn.Module):
    """diffusers' `UNet2DModel` as (x [B, 3, H, W], timesteps [B], y [B] or None) -> [B, out_channels, H, W].

    Args:
        flags: its configuration, as in its `config.json`.
    """

    def __init__(self, flags: Mapping[str, Any]) -> None:
        super().__init__()
        self.unet: Any = library().UNet2DModel.from_config(dict(flags))
        for module in self.unet.modules():
            if type(module) is nn.GroupNorm:
                module.__class__ = ExactGroupNorm
        self.dtype = torch.float32  # of the weights and the activations, but for the last layers

    @property
    def input_blocks(self) -> list[nn.Module]:
        """The parts whose outputs are skip connections to the decoder."""
        return [self.unet.conv_in, *self.unet.down_blocks]

    @property
    def compiled_parts(self) -> list[nn.Module]:
        """What to compile one by one."""
        return [self]

    def convert(self, dtype: torch.dtype) -> None:
        """Convert all weights to another type, but those of the last layers."""
        nn.Module.to(self.unet, dtype)  # the library's own `to` warns of layers to be kept, of which there are none
        self.unet.conv_norm_out.float().register_forward_pre_hook(_to_float)
        self.unet.conv_out.float()
        self.dtype = dtype

    def forward(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
        """Raises ValueError if `y` is given to an unconditional network or missing for a class-conditional one."""
        out: Tensor = self.unet(x.to(self.dtype), timesteps, class_labels=y, return_dict=False)[0]
        return out.to(x.dtype).contiguous()  # whatever layout the network works in


def _to_float(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(each.float() for each in inputs)
