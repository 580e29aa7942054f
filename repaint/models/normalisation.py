"""Group normalisation whose statistics are exact on large maps too."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_PIXELS = 64 * 64  # of a map whose sums PyTorch's channels-last kernel for CPUs keeps to a relative error of 1e-6
MOST_PARTS = 64  # of a map, whose sums are apart


class GroupNorm32(nn.GroupNorm):
    """Group normalisation over 32 groups whose statistics are float32 or better whatever the input's type."""

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels)

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """Normalise x [B, C, ...], then multiply by 1 + scale and add shift, both [B, C], or [1, C] for all alike."""
        if scale is None or shift is None:
            return self._normalise(x, self.weight, self.bias)
        if len(scale) > 1:
            return torch.addcmul(shift[..., None, None], self(x), 1 + scale[..., None, None])
        # They go into the normalisation's own weight and bias: one pass over x instead of three.
        factor = 1 + scale[0].float()
        bias = torch.addcmul(shift[0].float(), self.bias, factor)
        return self._normalise(x, self.weight * factor, bias)

    def _normalise(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if x.is_meta:  # PyTorch would go through its Python decomposition: half of the time of a memory estimate
            return torch.empty_like(x)
        if x.device.type == "cpu" and x.dtype == torch.bfloat16:  # for which a kernel with float32 sums exists
            return F.group_norm(x, self.num_groups, weight, bias, self.eps)
        return group_norm(x.float(), self.num_groups, weight, bias, self.eps).to(x.dtype)


class ExactGroupNorm(nn.GroupNorm):
    """PyTorch's layer of any number of groups, computed by `group_norm`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class's name
        if input.dtype != torch.float32:
            return super().forward(input)
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


def group_norm(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Group normalisation of float32 maps, without the rounding of PyTorch's channels-last kernel for CPUs.

    That kernel adds up a whole map in float32, so that its error grows with the map: relative to float64 4e-7 at 64
    pixels, 4e-6 at 256, 4e-5 at 512, where the plain layout has 6e-8. Here the sums of parts of a map are combined in
    float64. Small maps, other layouts and devices, and whatever needs gradients take PyTorch's kernel.

    Args:
        x: [B, C, ...].
        groups: divides C.
        weight: [C].
        bias: [C].
        eps: added to the variance.
    """
    if torch.compiler.is_compiling() or not _is_inexact(x) or _needs_gradient(x, weight, bias):
        return F.group_norm(x, groups, weight, bias, eps)
    pictures = [_statistics(x[i : i + 1], groups) for i in range(len(x))]
    mean, variance = (torch.stack(each) for each in zip(*pictures, strict=True))
    width = x.shape[1] // groups
    scale = (variance + eps).rsqrt().repeat_interleave(width, dim=1) * weight  # float64 [B, C]
    shift = bias - mean.repeat_interleave(width, dim=1) * scale
    return torch.addcmul(shift.float()[..., None, None], x, scale.float()[..., None, None])


def _is_inexact(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.ndim == 4
        and x.shape[2] * x.shape[3] > MOST_PIXELS
        and not x.is_contiguous()
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def _needs_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _statistics(x: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Mean and variance, float64 [groups], of a float32 map [1, C, H, W] in channels-last layout.

    The sums over each channel are those of batch normalisation: the one kernel of PyTorch that computes them at the
    speed of the memory and writes nothing else. Neighbouring pixels count as further channels, for shorter sums.
    """
    pixels, channels = x.shape[2] * x.shape[3], x.shape[1]
    parts = math.gcd(pixels, MOST_PARTS)
    wide = x.permute(0, 2, 3, 1).reshape(1, 1, pixels // parts, parts * channels).permute(0, 3, 1, 2)
    means, variances = (
        each.double().view(parts, groups, -1).transpose(0, 1).flatten(1)
        for each in torch.batch_norm_update_stats(wide, None, None, 0.0)
    )
    mean = means.mean(dim=1)
    return mean, (variances + (means - mean[:, None]) ** 2).mean(dim=1)  # within the parts, and between them
