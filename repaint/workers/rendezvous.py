"""Rendezvous: joining the workers that `torchrun` started, and the process group for distributed training."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from torch import distributed
from torch.distributed import DistError, PrefixStore, Store, TCPStore

from repaint.errors import ConfigError
from repaint.workers.devices import pick_worker_device
from repaint.workers.worker import POLL_SECONDS, Worker, send_heartbeats, single_worker

CONNECT_TIMEOUT = timedelta(minutes=10)
JOIN_SECONDS = 1800  # for the slowest machine of a job to start


def join_workers(device_name: str | None) -> Worker:
    """Join the workers that `torchrun` started, one GPU for each if there are GPUs; or run as a single worker.

    Args:
        device_name: see `pick_worker_device`.

    Raises:
        ConfigError: the device is unknown or not available, or the other workers cannot be found.
    """
    device = pick_worker_device(device_name)
    if "RANK" not in os.environ:
        return single_worker(device)
    try:
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        job = _connect(rank)
    except (KeyError, ValueError, DistError) as error:
        raise ConfigError(
            f"RANK is set, but the job's other processes cannot be found ({error}); use torchrun"
        ) from None
    generation = _agree_on_generation(job, rank, world_size)
    own_connection = PrefixStore(generation, _connect(rank, may_host=False))
    threading.Thread(target=send_heartbeats, args=(own_connection, rank), daemon=True).start()
    return Worker(rank, world_size, device, PrefixStore(generation, job), job)


@contextmanager
def process_group(worker: Worker) -> Iterator[None]:
    """The process group of DistributedDataParallel (NCCL on GPUs, Gloo otherwise); none for a single worker."""
    if worker.world_size == 1:
        yield
        return
    distributed.init_process_group(
        "nccl" if worker.device.type == "cuda" else "gloo",
        store=PrefixStore("process_group", worker.store),
        rank=worker.rank,
        world_size=worker.world_size,
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _connect(rank: int, may_host: bool = True) -> Store:
    """A connection to the job's store, which `torchrun` hosts, or else rank 0 by its first connection.

    PyTorch's own rendezvous would go by TORCHELASTIC_RESTART_COUNT, which after a restart is not the same on all
    machines: only the one whose process died counts it.
    """
    hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=rank == 0 and not hosted and may_host,
        timeout=CONNECT_TIMEOUT,
        wait_for_workers=False,
    )


def _agree_on_generation(job: Store, rank: int, world_size: int) -> str:
    """Agree on a name for this start of the workers: what an earlier start has counted must not count again.

    Each worker asks under a number of its own, which only a main worker of the same start still answers.
    """
    if rank != 0:
        question = f"start/{job.add('start/asked', 1)}"
        _wait_until(lambda: job.check([question]))
        generation = bytes(job.get(question)).decode()
        job.add(f"start/{generation}", 1)
        return generation
    generation, answered = uuid.uuid4().hex, 0

    def all_have_joined() -> bool:
        nonlocal answered
        while answered < job.add("start/asked", 0):
            answered += 1
            job.set(f"start/{answered}", generation)
        return job.add(f"start/{generation}", 0) >= world_size - 1

    _wait_until(all_have_joined)
    return generation


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + JOIN_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise ConfigError(f"not all processes of this run have started within {JOIN_SECONDS // 60} minutes")
        time.sleep(POLL_SECONDS)
