"""Building blocks of guided-diffusion's networks (Dhariwal and Nichol 2021, section 3), under its state-dict keys.

Modules sit at the positions inside `nn.Sequential` that the published checkpoints name; parameterless ones
(`nn.SiLU`, `nn.Dropout`, `nn.Identity`) hold places.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from repaint.models.normalisation import GroupNorm32
from repaint.models.shared_attention import Attend


def timestep_embedding(timesteps: Tensor, width: int, max_period: float = 10_000) -> Tensor:
    """Sinusoidal embedding of timesteps [B] (may be fractional) as float32 [B, width]: cosines, then sines."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps.float()[:, None] * torch.exp(-math.log(max_period) * exponents)
    embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
    return F.pad(embedding, (0, width % 2))


class PointwiseConv1d(nn.Conv1d):
    """A convolution of width 1, see `_pointwise`."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return _pointwise(x, self.weight, self.bias) if x.device.type == "cpu" else super().forward(x)


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution, see `_pointwise`."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return _pointwise(x, self.weight, self.bias) if x.device.type == "cpu" else super().forward(x)


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution of kernel size 1 as a matrix product: [B, C, ...] -> [B, O, ...], in x's memory layout.

    On CPUs the convolution's own kernel adds up in another order for every number of threads, so the same picture
    would differ in its last bits; matrix products need not (see `repaint.workers.process_settings`).
    """
    if x.is_contiguous():
        out = weight.flatten(1) @ x.flatten(2)
        return (out if bias is None else out + bias[:, None]).reshape(*out.shape[:2], *x.shape[2:])
    return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)


def zero_init(module: nn.Module) -> nn.Module:
    """Start a module at zero, so that a fresh residual branch adds nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Upsample(nn.Module):
    """Double height and width (nearest neighbour), then a 3x3 convolution if `use_conv`."""

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1) if use_conv else None

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return x if self.conv is None else self.conv(x)


class Downsample(nn.Module):
    """Halve height and width: a strided 3x3 convolution if `use_conv`, else the mean of 2x2 pixels."""

    op: nn.Module

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if use_conv else nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.op(x)
        return out


class ResBlock(nn.Module):
    """Residual block with the timestep embedding.

    Args:
        channels: input channels.
        emb_channels: width of the embedding.
        dropout: probability.
        out_channels: output channels.
        use_scale_shift_norm: the embedding scales and shifts the second normalisation, instead of being added.
        resample: "up" or "down" changes the resolution inside the block.
        use_checkpoint: recompute activations in the backward pass to save memory.
    """

    def __init__(
        self,
        channels: int,
        emb_channels: int,
        dropout: float,
        out_channels: int,
        use_scale_shift_norm: bool,
        resample: str | None = None,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.use_scale_shift_norm = use_scale_shift_norm
        self.use_checkpoint = use_checkpoint
        self.resample: nn.Module | None = None
        if resample is not None:
            self.resample = (Upsample if resample == "up" else Downsample)(channels, use_conv=False)
        self.in_layers = nn.Sequential(
            GroupNorm32(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        emb_width = 2 * out_channels if use_scale_shift_norm else out_channels
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, emb_width))
        self.out_layers = nn.Sequential(
            GroupNorm32(out_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            zero_init(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.skip_connection = nn.Identity() if channels == out_channels else PointwiseConv2d(channels, out_channels)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [B, channels, H, W], emb [B, emb_channels], or [1, ...] for all alike -> [B, out_channels, H', W']."""
        if self.use_checkpoint and self.training:
            out: Tensor = checkpoint(self._forward, x, emb, use_reentrant=False)
            return out
        return self._forward(x, emb)

    def _forward(self, x: Tensor, emb: Tensor) -> Tensor:
        norm, silu, conv = self.in_layers
        h = silu(norm(x))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = conv(h)
        emb_out = self.emb_layers(emb).to(h.dtype)
        norm, *rest = self.out_layers
        h = norm(h, *emb_out.chunk(2, dim=1)) if self.use_scale_shift_norm else norm(h + emb_out[..., None, None])
        for layer in rest:
            h = layer(h)
        out: Tensor = h.add_(self.skip_connection(x))
        return out


def attention(qkv: Tensor, heads: int, new_order: bool, attend: Attend | None = None) -> Tensor:
    """Multi-head attention over positions.

    Args:
        qkv: queries, keys and values [B, 3 * C, N].
        heads: number of heads; divides C.
        new_order: channels are (q k v) x heads; else heads x (q k v), as in the older checkpoints.
        attend: changes what is attended to.

    Returns:
        [B, C, N].
    """
    batch, width, positions = qkv.shape
    head_width = width // (3 * heads)
    if new_order:
        q, k, v = qkv.reshape(batch, 3, heads, head_width, positions).transpose(3, 4).unbind(1)
    else:
        q, k, v = qkv.reshape(batch, heads, 3, head_width, positions).transpose(3, 4).unbind(2)
    # The fused kernels need heads whose channels are adjacent in memory, as in channels-last maps.
    q, k, v = (part if part.stride(-1) == 1 else part.contiguous() for part in (q, k, v))
    if attend is not None:
        k, v = attend(k, v)
    out = F.scaled_dot_product_attention(q, k, v)  # [B, heads, N, head_width]
    return out.transpose(1, 2).reshape(batch, positions, -1).transpose(1, 2)


class AttentionBlock(nn.Module):
    """Residual self-attention over all pixels."""

    def __init__(self, channels: int, num_heads: int, num_head_channels: int, use_new_attention_order: bool) -> None:
        super().__init__()
        self.num_heads = head_count(channels, num_heads, num_head_channels)
        self.use_new_attention_order = use_new_attention_order
        self.norm = GroupNorm32(channels)
        self.qkv = PointwiseConv1d(channels, 3 * channels)
        self.proj_out = zero_init(PointwiseConv1d(channels, channels))

    def forward(self, x: Tensor, attend: Attend | None = None) -> Tensor:
        h = attention(self.qkv(self.norm(x).flatten(2)), self.num_heads, self.use_new_attention_order, attend)
        out: Tensor = x + self.proj_out(h).reshape(x.shape)  # in x's memory layout
        return out


def head_count(channels: int, num_heads: int, num_head_channels: int) -> int:
    """Heads of an attention layer: a fixed width per head, if given, wins over a fixed number (ValueError if odd)."""
    heads = num_heads if num_head_channels == -1 else channels // num_head_channels
    if heads < 1 or channels % heads or (num_head_channels != -1 and heads * num_head_channels != channels):
        raise ValueError(
            f"attention over {channels} channels cannot be split: num_heads {num_heads}, "
            f"num_head_channels {num_head_channels}"
        )
    return heads


class AttentionPool2d(nn.Module):
    """Pool a feature map by attention from its mean (as in CLIP's image encoder).

    Args:
        size: height and width of the map.
        channels: of the map.
        num_head_channels: width of a head.
        out_channels: width of the result.
    """

    def __init__(self, size: int, channels: int, num_head_channels: int, out_channels: int) -> None:
        super().__init__()
        self.num_heads = head_count(channels, -1, num_head_channels)
        self.positional_embedding = nn.Parameter(torch.randn(channels, size**2 + 1) / channels**0.5)
        self.qkv_proj = PointwiseConv1d(channels, 3 * channels)
        self.c_proj = PointwiseConv1d(channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, size, size] -> [B, out_channels]."""
        x = x.flatten(2)
        x = torch.cat([x.mean(dim=2, keepdim=True), x], dim=2)
        x = x + self.positional_embedding.to(x.dtype)
        x = attention(self.qkv_proj(x), self.num_heads, new_order=True)
        out: Tensor = self.c_proj(x)[:, :, 0]
        return out


class TimestepSequential(nn.Sequential):
    """A sequence that passes the embedding, and what to attend to, to the layers that take them."""

    def forward(self, x: Tensor, emb: Tensor, attend: Attend | None = None) -> Tensor:  # type: ignore[override]
        for layer in self:
            if isinstance(layer, ResBlock):
                x = layer(x, emb)
            elif isinstance(layer, AttentionBlock):
                x = layer(x, attend)
            else:
                x = layer(x)
        return x
