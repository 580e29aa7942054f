"""Making a network fast on the device it runs on, without changing what it computes."""

import ctypes

import torch
from torch import nn

from repaint.models.blocks import ResBlock
from repaint.models.unet import UNet

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h


def prepare(network: UNet) -> None:
    """Make a network ready for inference, in place; it cannot be trained afterwards.

    On a CPU its maps are laid out channels-last, which PyTorch's convolutions and 1x1 convolutions like best, and
    memory is kept between calls. Activations that nobody needs again are overwritten.
    """
    network.eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, ResBlock):
            _overwrite(module.in_layers, module.out_layers)
    _overwrite(network.out)
    if next(network.parameters()).device.type == "cpu":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        keep_host_memory()


def _overwrite(*sequences: nn.Sequential) -> None:
    """Let the activation functions after a normalisation write over its result."""
    for sequence in sequences:
        for layer in sequence:
            if isinstance(layer, nn.SiLU):
                layer.inplace = True


def keep_host_memory() -> bool:
    """Keep freed memory for the next call instead of giving it back to the system, which clears it page by page.

    Returns:
        Whether the C library has this option (glibc has).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; TypeError: Windows
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
