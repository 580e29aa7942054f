"""The processes of one inpainting run, and the little they share: a counter of work, sums, and messages.

Everything goes through the job's key-value store that `torchrun` provides. There is no process group and no collective
call, so a slow or dead process holds nobody up; `torchrun` notices it and restarts or ends the job.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch.distributed import HashStore, PrefixStore, Store, rendezvous

from repaint.distributed import pick_device

PATIENCE = timedelta(days=7)  # a process may wait this long for what another has to tell
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Team:
    """One process among those of a run; a plain `python` run is a team of one.

    Attributes:
        rank, world_size: number of this process, and how many there are.
        device: of this process.
        store: shared by all.
        attempt: how often `torchrun` has started the processes again.
    """

    rank: int
    world_size: int
    device: torch.device
    store: Store
    attempt: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process plans, speaks to the user and writes shared files."""
        return self.rank == 0

    def claim(self, count: int) -> Iterator[int]:
        """Numbers from 0 to count - 1; each goes to one process only, whichever asks first."""
        while (number := self.add("claimed", 1) - 1) < count:
            yield number

    def add(self, name: str, amount: int) -> int:
        """Add to a shared sum that starts at 0; returns it."""
        return int(self.store.add(f"sum/{name}", amount))

    def tell(self, name: str, text: str) -> None:
        """Leave a message for the others."""
        self.store.set(f"text/{name}", text)

    def hear(self, name: str) -> str:
        """A message, as soon as it is there."""
        return bytes(self.store.get(f"text/{name}")).decode()

    def gather(self, name: str, text: str, waiting: Callable[[], object]) -> list[str] | None:
        """Leave a message; the main process waits for those of all, the others go on.

        Args:
            name: of the exchange.
            text: of this process.
            waiting: called again and again while the main process waits.

        Returns:
            The messages by rank, in the main process; None in the others.
        """
        self.tell(f"{name}/{self.rank}", text)
        self.add(f"{name}/told", 1)
        if not self.is_main:
            return None
        while self.add(f"{name}/told", 0) < self.world_size:
            waiting()
            time.sleep(POLL_SECONDS)
        return [self.hear(f"{name}/{rank}") for rank in range(self.world_size)]


def stand_alone(device: torch.device) -> Team:
    """A team of one."""
    return Team(0, 1, device, HashStore())


def join_team(device_name: str | None) -> Team:
    """Join the processes that `torchrun` started, each with a GPU of its own if there are GPUs; or stand alone.

    Raises:
        ConfigError: the device is unknown or not there.
    """
    device = pick_device(device_name)
    if "RANK" not in os.environ:
        return stand_alone(device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    store, rank, world_size = next(rendezvous("env://"))
    store.set_timeout(PATIENCE)
    attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    # The store outlives a restart of the processes; what an earlier attempt counted must not count again.
    return Team(rank, world_size, device, PrefixStore(f"{attempt}/{world_size}", store), attempt)
