"""What `torchrun` gives a process: its rank, the number of processes, its device."""

import os
from dataclasses import dataclass

import torch
from torch import distributed

from repaint.errors import ConfigError


@dataclass(frozen=True)
class Process:
    """One process of a run; a plain `python` run is the only one of its kind."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process speaks to the user and writes shared files."""
        return self.rank == 0


def pick_device(name: str | None) -> torch.device:
    """The device called `name`, or the best one at hand.

    Raises:
        ConfigError: the name is unknown, or the device is not there.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not _is_there(device):
        raise ConfigError(f"--device {name}: not available here; without --device the best one is taken")
    return device


def _is_there(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu"


def pick_own_device(name: str | None) -> torch.device:
    """The device of this process: of several GPUs the one of its number on this machine.

    Raises:
        ConfigError: like `pick_device`, or there are more processes than GPUs.
    """
    device = pick_device(name)
    if device.type != "cuda" or device.index is not None or "RANK" not in os.environ:
        return device
    number, count = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= count:
        raise ConfigError(f"process {number} of this machine has no GPU of its own; start {count} (--nproc_per_node)")
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device


def start(device_name: str | None) -> Process:
    """Join the group that `torchrun` started (nccl on GPUs, gloo otherwise), or stand alone without one."""
    device = pick_own_device(device_name)
    if "RANK" not in os.environ:
        return Process(0, 1, device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Process(distributed.get_rank(), distributed.get_world_size(), device)


def stop() -> None:
    """Leave the group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
