"""Parts of a training step that training and adaptation share."""

from collections.abc import Mapping

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
