"""One process of a distributed run: its rank and device, shared counters and messages.

Everything goes through the key-value store of the job (`torch.distributed.Store`). Inference needs no process group and
no collective call, so a slow or dead worker holds nobody up: each one sends heartbeats, and nobody waits for a worker
whose heartbeat has stopped. Training adds a process group, see `repaint.workers.rendezvous.process_group`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch.distributed import DistError, HashStore, Store

from repaint.errors import DataError

POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 5
LOST_SECONDS = 60  # without a heartbeat
CHUNK = 2**20  # characters in one value of the store, which takes up to 8 MiB


@dataclass
class _LastHeartbeat:
    """The last heartbeat seen of a worker, and when it changed by this worker's clock."""

    value: bytes = b""
    since: float = field(default_factory=lambda: time.monotonic())


@dataclass
class Worker:
    """One process of a run, with what the processes share; a plain `python` run is a single worker.

    Attributes:
        rank: number of this worker, from 0.
        world_size: number of workers.
        device: of this worker.
        store: shared by the workers of this start.
        job: shared store that also outlives restarts of the workers (`torchrun --max-restarts`).
    """

    rank: int
    world_size: int
    device: torch.device
    store: Store
    job: Store
    _heartbeats: dict[int, _LastHeartbeat] = field(default_factory=dict, repr=False)

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which plans, prints and writes shared files."""
        return self.rank == 0

    def claim(self, count: int) -> Iterator[int]:
        """Numbers from 0 to count - 1; each goes to one worker only, whichever asks first."""
        while (number := self.add("claimed", 1) - 1) < count:
            yield number

    def add(self, name: str, amount: int) -> int:
        """Add to a shared counter that starts at 0; returns its new value."""
        return int(self.store.add(f"counter/{name}", amount))

    def publish(self, name: str, text: str) -> None:
        """Publish a message to the other workers."""
        chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
        for number, chunk in enumerate(chunks):
            self.store.set(f"message/{name}/{number}", chunk)
        self.store.set(f"message/{name}", str(len(chunks)))

    def wait_for(self, name: str) -> str:
        """Wait until the main worker has published a message, and return it.

        Raises:
            DataError: the main worker has died without publishing it.
        """
        while not self.store.check([f"message/{name}"]):
            if not self._is_alive(0):
                raise DataError("the main process (rank 0) of this run is gone; the same command goes on")
            time.sleep(POLL_SECONDS)
        return self._read(name)

    def gather(self, name: str, text: str, waiting: Callable[[], object]) -> list[str] | None:
        """Collect one message from each worker that is alive; only the main worker waits for them.

        Args:
            name: of the exchange.
            text: message of this worker.
            waiting: called again and again while the main worker waits.

        Returns:
            The messages, by rank, in the main worker; None in the others.
        """
        self.publish(f"{name}/{self.rank}", text)
        if not self.is_main:
            return None
        silent = set(range(self.world_size))
        while silent := {rank for rank in silent if not self.store.check([f"message/{name}/{rank}"])}:
            if not any(self._is_alive(rank) for rank in silent):
                break
            waiting()
            time.sleep(POLL_SECONDS)
        return [self._read(f"{name}/{rank}") for rank in range(self.world_size) if rank not in silent]

    def persist(self, name: str, text: str) -> None:
        """Store a message that outlives restarts of the workers."""
        self.job.set(f"message/{name}", text)

    def load_persisted(self, name: str) -> str | None:
        """A message stored by `persist`, or None."""
        return bytes(self.job.get(f"message/{name}")).decode() if self.job.check([f"message/{name}"]) else None

    def _read(self, name: str) -> str:
        count = int(self.store.get(f"message/{name}"))
        return "".join(bytes(self.store.get(f"message/{name}/{number}")).decode() for number in range(count))

    def _is_alive(self, rank: int) -> bool:
        last = self._heartbeats.setdefault(rank, _LastHeartbeat())
        key = _heartbeat_key(rank)
        value = bytes(self.store.get(key)) if self.store.check([key]) else b""
        if value != last.value:
            self._heartbeats[rank] = last = _LastHeartbeat(value)
        return time.monotonic() - last.since < LOST_SECONDS


def single_worker(device: torch.device) -> Worker:
    """The only worker of a plain `python` run."""
    return Worker(0, 1, device, HashStore(), HashStore())


def send_heartbeats(store: Store, rank: int) -> None:
    """Show that this process is alive for as long as it is; runs in a thread with a connection of its own."""
    while True:
        try:
            store.set(_heartbeat_key(rank), str(time.monotonic()))
        except DistError:  # the job is over
            return
        time.sleep(HEARTBEAT_SECONDS)


def _heartbeat_key(rank: int) -> str:
    return f"heartbeat/{rank}"
