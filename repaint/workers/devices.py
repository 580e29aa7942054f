"""Choosing the device of a process: CPU, CUDA or MPS."""

import os

import torch

from repaint.errors import ConfigError


def pick_device(name: str | None) -> torch.device:
    """The device called `name`; for None the best one available (CUDA, then MPS, then the CPU).

    Raises:
        ConfigError: the name is unknown, or the device is not available.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not _is_available(device):
        raise ConfigError(f"--device {name}: not available here; without --device the best one is taken")
    return device


def _is_available(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"


def pick_worker_device(name: str | None) -> torch.device:
    """The device of this worker of `torchrun`: of several GPUs the one with the worker's local rank.

    Without `torchrun`, and for CPU, MPS or a GPU named by its number, the same as `pick_device`.

    Raises:
        ConfigError: like `pick_device`, or the machine has more workers than GPUs.
    """
    device = pick_device(name)
    if device.type != "cuda" or device.index is not None or "RANK" not in os.environ:
        return device
    local_rank, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local_rank >= count:
        raise ConfigError(
            f"process {local_rank} of this machine has no GPU of its own; start {count} (--nproc_per_node)"
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device
