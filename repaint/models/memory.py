"""Memory estimate of a network from a run on PyTorch's meta device (shapes only, no arithmetic)."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from repaint.models.diffusers_unet import DiffusersUNet
from repaint.models.shapes import calling
from repaint.models.unet import Encoder


def parameter_bytes(network: nn.Module) -> int:
    """Bytes of all weights."""
    return sum(p.numel() * p.element_size() for p in network.parameters())


def activation_bytes(network: Encoder | DiffusersUNet, run: Callable[[], object], keep_all: bool = False) -> int:
    """Bytes of activations alive at the worst moment of a forward pass, without the allocator's slack.

    Args:
        network: on the meta device.
        run: runs it once.
        keep_all: all activations are kept for a backward pass (classifier guidance).
    """
    layers = [module for module in network.modules() if not list(module.children())]
    skips: list[int] = []
    every: list[int] = []
    hooks = [_record(module, every) for module in layers] + [_record(block, skips) for block in network.input_blocks]
    with calling(network), torch.set_grad_enabled(keep_all):
        run()
    for hook in hooks:
        hook.remove()
    # Forward only: the skip connections, and around the widest layer its input, its result, the residual branch
    # and the float32 copy for the normalisation.
    return sum(every) if keep_all else sum(skips) + 4 * max(every)


def _record(module: nn.Module, sizes: list[int]) -> torch.utils.hooks.RemovableHandle:
    def note(_module: nn.Module, _inputs: object, out: object) -> None:
        tensors = {id(each): each for each in _tensors(out)}.values()
        if tensors:
            sizes.append(sum(each.numel() * each.element_size() for each in tensors))

    return module.register_forward_hook(note)


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
