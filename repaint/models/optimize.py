"""Fast inference of a network on its device: precision, memory layout, compilation, CUDA graphs."""

import ctypes
import math
import os
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from repaint.errors import ConfigError
from repaint.models.blocks import ResBlock
from repaint.models.cuda_graph import Replay
from repaint.models.diffusers_unet import DiffusersUNet
from repaint.models.unet import Encoder, UNet

Network = UNet | DiffusersUNet
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
HALF_TYPES: dict[str | None, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}  # of 16 bits

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h
_PROCESSOR_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a Linux container: microseconds in a period of so many
_TENSOR_CORES = (7, 0)  # CUDA capability since which half precision is faster
_MOST_SHAPES = 256  # of compiled blocks, of which a network has a few dozen; PyTorch's own limit is 8


def fastest_precision(device: torch.device) -> Precision:
    """The number format with the fastest convolutions on a device.

    On CPUs it is bf16 only with AMX: with AVX-512's bf16 instructions alone convolutions measured half as fast as in
    float32.
    """
    if device.type == "cpu":
        has_amx = getattr(torch.cpu, "_is_amx_tile_supported", None)  # no public name for it in older PyTorch
        return "bf16" if has_amx is not None and has_amx() else "fp32"
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _TENSOR_CORES:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def prepare(
    network: Network, device: torch.device, precision: Precision | None = None, compiled: bool = False
) -> Network | Replay:
    """Make a network ready for inference; it is changed in place and cannot be trained afterwards.

    Args:
        network: with its weights, on the host.
        device: where it will run.
        precision: number format of the convolutions and of the activations between them; the statistics of
            normalisations, the embeddings and the last layer stay float32. "tf32" is of NVIDIA's GPUs. None leaves
            float32 to PyTorch's settings, by which GPUs round the factors of convolutions to TF32.
        compiled: compile the network's parts with PyTorch, and on a GPU record a call and replay it.

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
    if device.type == "cpu":
        keep_host_memory()
        limit_threads()
    if compiled:
        _compile_parts(network, device)
    return Replay(network) if compiled and device.type == "cuda" else network


def place(network: Encoder | DiffusersUNet, device: torch.device, precision: Precision | None) -> None:
    """Put a network on a device for inference, in a precision, see `prepare`."""
    network.eval().requires_grad_(False)
    if precision in HALF_TYPES:
        network.convert(HALF_TYPES[precision])
    elif precision is not None and device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    network.to(device)


def _overwrite(*sequences: nn.Sequential) -> None:
    """Let the activation functions after a normalisation write over its result, which nothing else needs."""
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


def limit_threads() -> None:
    """Take no more threads than the container may use processors; `OMP_NUM_THREADS` overrules.

    PyTorch takes one for each core that it sees. Threads that wait for one that gets no time slow everything down.
    """
    try:
        quota, period = _PROCESSOR_QUOTA.read_text().split()
        processors = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no container, or the word "max": no limit
        return
    if "OMP_NUM_THREADS" not in os.environ and processors < torch.get_num_threads():
        torch.set_num_threads(processors)


def _compile_parts(network: Network, device: torch.device) -> None:
    _require_compiler(device)
    torch._dynamo.config.recompile_limit = _MOST_SHAPES
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
