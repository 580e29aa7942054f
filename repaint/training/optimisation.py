"""Parts of a training step that training and adaptation share."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from repaint.diffusion.gaussian import Model


def with_autocast(network: nn.Module, device: torch.device, bf16: bool) -> Model:
    """The network as the loss calls it; with bf16 its arithmetic is bfloat16's, its weights stay float32."""

    def model(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            output: Tensor = network(x, timesteps, y)
        return output

    return model


def flip_half(generator: torch.Generator, *batches: Tensor) -> tuple[Tensor, ...]:
    """Mirror half of the pictures, chosen at random, left to right: the same ones in each batch [B, C, H, W]."""
    device, count = batches[0].device, len(batches[0])
    flip = (torch.rand(count, 1, 1, 1, generator=generator, device=generator.device) < 0.5).to(device)
    return tuple(torch.where(flip, batch.flip(3), batch) for batch in batches)


def draw_times_and_noise(x0: Tensor, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Times int64 [B] below `steps`, and standard normal noise like x0 [B, C, H, W]."""
    t = torch.randint(steps, (len(x0),), generator=generator, device=generator.device)
    noise = torch.randn(x0.shape, generator=generator, device=generator.device)
    return t.to(x0.device), noise.to(x0.device)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether none of them has an infinity or a NaN."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


@torch.no_grad()
def update_average(average: Mapping[str, Tensor], network: nn.Module, rate: float, step: int) -> None:
    """Move the average of the weights by one step, in place.

    The rate is lower at first: otherwise the average contains the initial weights for 1 / (1 - rate) steps.

    Args:
        average: by the keys of the network's state.
        network: after its optimiser step.
        rate: decay per step.
        step: number of steps before this one.
    """
    rate = min(rate, (1 + step) / (10 + step))
    for key, value in network.state_dict().items():
        average[key].lerp_(value, 1 - rate)
