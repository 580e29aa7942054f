"""The processes of one inpainting run, and the little they share: a counter of work, sums, and messages.

Everything goes through the job's key-value store that `torchrun` provides. There is no process group and no collective
call, so a slow or dead process holds nobody up: each shows that it lives, and nobody waits for one that no longer does.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch.distributed import DistError, HashStore, PrefixStore, Store, TCPStore

from repaint.errors import ConfigError, DataError
from repaint.workers.devices import pick_own_device

CONNECT = timedelta(minutes=10)
JOIN_SECONDS = 1800  # for the slowest machine of a job to start
POLL_SECONDS = 0.2
PULSE_SECONDS = 5
LOST_SECONDS = 60  # without a pulse
PIECE = 2**20  # characters in one value of the store, which takes up to 8 MiB


@dataclass
class _Heard:
    """The last pulse of a process, and when it changed, by the listener's clock."""

    pulse: bytes = b""
    since: float = field(default_factory=time.monotonic)


@dataclass
class Worker:
    """One process among those of a run; a plain `python` run is a team of one.

    Attributes:
        rank, world_size: number of this process, and how many there are.
        device: of this process.
        store: of these processes.
        job: store that also outlives restarts of the processes.
    """

    rank: int
    world_size: int
    device: torch.device
    store: Store
    job: Store
    _heard: dict[int, _Heard] = field(default_factory=dict)

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
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        for number, piece in enumerate(pieces):
            self.store.set(f"text/{name}/{number}", piece)
        self.store.set(f"text/{name}", str(len(pieces)))

    def hear(self, name: str) -> str:
        """A message of the main process, as soon as it is there.

        Raises:
            DataError: the main process is gone without having told it.
        """
        while not self.store.check([f"text/{name}"]):
            if not self._lives(0):
                raise DataError("the main process (rank 0) of this run is gone; the same command goes on")
            time.sleep(POLL_SECONDS)
        return self._read(name)

    def gather(self, name: str, text: str, waiting: Callable[[], object]) -> list[str] | None:
        """Leave a message; the main process waits for those of all that live, the others go on.

        Args:
            name: of the exchange.
            text: of this process.
            waiting: called again and again while the main process waits.

        Returns:
            The messages, by rank, in the main process; None in the others.
        """
        self.tell(f"{name}/{self.rank}", text)
        if not self.is_main:
            return None
        silent = set(range(self.world_size))
        while silent := {rank for rank in silent if not self.store.check([f"text/{name}/{rank}"])}:
            if not any(self._lives(rank) for rank in silent):
                break
            waiting()
            time.sleep(POLL_SECONDS)
        return [self._read(f"{name}/{rank}") for rank in range(self.world_size) if rank not in silent]

    def remember(self, name: str, text: str) -> None:
        """Leave a message that outlives restarts of the processes."""
        self.job.set(f"text/{name}", text)

    def recall(self, name: str) -> str | None:
        """A message left by `remember`, if there is one."""
        return bytes(self.job.get(f"text/{name}")).decode() if self.job.check([f"text/{name}"]) else None

    def _read(self, name: str) -> str:
        count = int(self.store.get(f"text/{name}"))
        return "".join(bytes(self.store.get(f"text/{name}/{number}")).decode() for number in range(count))

    def _lives(self, rank: int) -> bool:
        heard = self._heard.setdefault(rank, _Heard())
        key = f"pulse/{rank}"
        pulse = bytes(self.store.get(key)) if self.store.check([key]) else b""
        if pulse != heard.pulse:
            self._heard[rank] = heard = _Heard(pulse)
        return time.monotonic() - heard.since < LOST_SECONDS


def single_worker(device: torch.device) -> Worker:
    """A team of one."""
    return Worker(0, 1, device, HashStore(), HashStore())


def join_workers(device_name: str | None) -> Worker:
    """Join the processes that `torchrun` started, each with a GPU of its own if there are GPUs; or stand alone.

    Raises:
        ConfigError: the device is unknown or not there, or the others cannot be found.
    """
    device = pick_own_device(device_name)
    if "RANK" not in os.environ:
        return single_worker(device)
    try:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        job = _connect(rank)
    except (KeyError, ValueError, DistError) as error:
        raise ConfigError(
            f"RANK is set, but the job's other processes cannot be found ({error}); use torchrun"
        ) from None
    generation = _meet(job, rank, world_size)
    threading.Thread(
        target=_pulse, args=(PrefixStore(generation, _connect(rank, guest=True)), rank), daemon=True
    ).start()
    return Worker(rank, world_size, device, PrefixStore(generation, job), job)


def _connect(rank: int, guest: bool = False) -> Store:
    """A connection to the job's store, which `torchrun` hosts, or else rank 0 by its first connection.

    PyTorch's own rendezvous would go by TORCHELASTIC_RESTART_COUNT, which after a restart is not the same on all
    machines: only the one whose process died counts it.
    """
    hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=rank == 0 and not hosted and not guest,
        timeout=CONNECT,
        wait_for_workers=False,
    )


def _meet(job: Store, rank: int, world_size: int) -> str:
    """Agree on a name for this start of the processes: what an earlier start has counted must not count again.

    Each asks under a number of its own, which only a main process of the same start still answers.
    """
    if rank != 0:
        question = f"start/{job.add('start/asked', 1)}"
        _wait_until(lambda: job.check([question]))
        generation = bytes(job.get(question)).decode()
        job.add(f"start/{generation}", 1)
        return generation
    generation, answered = uuid.uuid4().hex, 0

    def all_are_here() -> bool:
        nonlocal answered
        while answered < job.add("start/asked", 0):
            answered += 1
            job.set(f"start/{answered}", generation)
        return job.add(f"start/{generation}", 0) >= world_size - 1

    _wait_until(all_are_here)
    return generation


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + JOIN_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise ConfigError(f"not all processes of this run have started within {JOIN_SECONDS // 60} minutes")
        time.sleep(POLL_SECONDS)


def _pulse(store: Store, rank: int) -> None:
    """Show for as long as this process lives that it does. The connection is this thread's own."""
    while True:
        try:
            store.set(f"pulse/{rank}", str(time.monotonic()))
        except DistError:  # the job is over
            return
        time.sleep(PULSE_SECONDS)
