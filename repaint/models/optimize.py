"""Fast inference of a network on its device: precision, memory layout, compilation, CUDA graphs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from repaint.errors import ConfigError
from repaint.models.blocks import ResBlock
from repaint.models.cuda_graph import Replay
from repaint.models.diffusers_unet import DiffusersUNet
from repaint.models.torch_settings import Result, ScopedCall, float32_products, recompile_limit
from repaint.models.unet import Encoder, UNet

Network = UNet | DiffusersUNet
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
HALF_TYPES: dict[str | None, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}  # of 16 bits

_TENSOR_CORES = (7, 0)  # CUDA capability since which half precision is faster
_MOST_SHAPES = 256  # of compiled blocks, of which a network has a few dozen


def fastest_precision(device: torch.device) -> Precision:
    """The number format with the fastest convolutions on a device that is no CPU; those of CPUs are measured, see
    `repaint.models.conv_rates`.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _TENSOR_CORES:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def prepare(
    network: Network,
    device: torch.device,
    precision: Precision | None = None,
    compiled: bool = False,
    gradients: bool = False,
) -> Callable[..., Tensor]:
    """Make a network ready for fast inference; it is changed in place and cannot be trained afterwards.

    No setting of the process is changed: what has to be switched globally is switched during each call only.

    Args:
        network: with its weights, on the host.
        device: where it will run.
        precision: number format of the convolutions and of the activations between them; the statistics of
            normalisations, the embeddings and the last layer stay float32. "tf32" is of NVIDIA's GPUs. None leaves
            float32 to PyTorch's settings, by which GPUs round the factors of convolutions to TF32.
        compiled: compile the network's parts with PyTorch, and on a GPU record a call and replay it.
        gradients: calls may ask for gradients of the input, which a recording has not.

    Returns:
        A callable like the network: (x [B, 3, H, W], timesteps [B], y [B] or None) -> [B, out_channels, H, W].

    Raises:
        ConfigError: PyTorch cannot compile here.
    """
    place(network, device, precision)
    if isinstance(network, UNet):
        _overwrite(network.out)
    for module in network.modules():
        if isinstance(module, ResBlock):
            _overwrite(module.in_layers, module.out_layers)
    if device.type == "cpu" or (device.type == "cuda" and precision not in (None, "fp32")):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        _compile_parts(network, device)
    fast = Replay(network) if compiled and device.type == "cuda" and not gradients else network
    return with_settings(fast, device, precision, compiled)


def with_settings(
    call: Callable[..., Result], device: torch.device, precision: Precision | None, compiled: bool = False
) -> Callable[..., Result]:
    """A network's call with the settings of PyTorch that its precision and compilation need, for that call only.

    Args:
        call: of a network on `device`, also with gradients.
        device: of the network.
        precision: see `prepare`; "fp32" and "tf32" are settings on NVIDIA's GPUs.
        compiled: whether the network's parts are compiled.
    """
    settings: list[Callable[[], AbstractContextManager[object]]] = []
    if device.type == "cuda" and precision in ("fp32", "tf32"):
        settings.append(partial(float32_products, precision == "tf32"))
    if compiled:
        settings.append(partial(recompile_limit, _MOST_SHAPES))
    return ScopedCall(call, tuple(settings)) if settings else call


def place(network: Encoder | DiffusersUNet, device: torch.device, precision: Precision | None) -> None:
    """Put a network on a device for inference, its weights in a precision, see `prepare`."""
    network.eval().requires_grad_(False)
    if precision in HALF_TYPES:
        network.convert(HALF_TYPES[precision])
    network.to(device)


def _overwrite(*sequences: nn.Sequential) -> None:
    """Let the activation functions after a normalisation write over its result, which nothing else needs."""
    for sequence in sequences:
        for layer in sequence:
            if isinstance(layer, nn.SiLU):
                layer.inplace = True


def _compile_parts(network: Network, device: torch.device) -> None:
    _require_compiler(device)
    for part in network.compiled_parts:
        part.compile(dynamic=False)


def _require_compiler(device: torch.device) -> None:
    try:
        torch.compile(_probe)(torch.zeros(8, device=device))
    except Exception as error:  # noqa: BLE001 - any way in which a compiler can be missing or broken
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"compile: PyTorch cannot compile here ({reason}); install g++, or set compile: false"
        ) from None


def _probe(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1
