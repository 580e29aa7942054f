"""Areas of several sizes as one batch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from repaint.noise import PictureNoise


def stack_areas(areas: Sequence[Tensor]) -> Tensor:
    """Areas [C, h, w] of several sizes as one batch [B, C, H, W], padded with 0 below and on the right."""
    height, width = (max(area.shape[side] for area in areas) for side in (1, 2))
    return torch.stack([pad(area, (0, width - area.shape[2], 0, height - area.shape[1])) for area in areas])


def area_noise(
    seeds: Sequence[int], shapes: Sequence[tuple[int, int]], device: torch.device, noise_device: str | None
) -> Callable[[], Tensor]:
    """Standard normal draws for a batch of areas, each area from a generator of its own; see `PictureNoise`.

    Args:
        seeds: one per area.
        shapes: height and width of each.
        device: where the draws are wanted.
        noise_device: where they are drawn.
    """
    draws = [PictureNoise([seed], (3, *shape), device, noise_device) for seed, shape in zip(seeds, shapes, strict=True)]
    return lambda: stack_areas([draw()[0] for draw in draws])
