import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.distributed import HashStore

from repaint.workers import rendezvous
from repaint.workers.rendezvous import join_workers, process_group
from repaint.workers.worker import Worker


def test_a_single_worker_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    worker = join_workers("cpu")
    assert (worker.rank, worker.world_size, worker.device) == (0, 1, torch.device("cpu"))
    assert worker.is_main
    with process_group(worker):
        assert not torch.distributed.is_initialized()


def test_one_worker_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free once the server is closed
    environment = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for key, value in (environment | {"MASTER_PORT": str(port)}).items():
        monkeypatch.setenv(key, value)
    worker = join_workers("cpu")
    assert (worker.rank, worker.world_size, worker.device) == (0, 1, torch.device("cpu"))
    worker.persist("verdict", "3")
    assert worker.load_persisted("verdict") == "3"
    assert worker.load_persisted("other") is None


def test_starts_do_not_mix_what_they_count() -> None:
    """A worker of an earlier start that has asked and died must not make the next start believe that all are there."""
    job = HashStore()
    job.add("start/asked", 1)
    generations = []
    for _ in range(2):
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(rendezvous._agree_on_generation, job, rank, 2) for rank in range(2)]
        names = {future.result() for future in futures}
        assert len(names) == 1
        generations += names
    assert len(set(generations)) == 2


def test_the_process_group_of_several_workers_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    distributed = rendezvous.distributed
    monkeypatch.setattr(distributed, "init_process_group", lambda backend, **options: calls.append((backend, options)))
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: calls.append("destroyed"))
    worker = Worker(1, 2, torch.device("cpu"), HashStore(), HashStore())
    with pytest.raises(RuntimeError, match="in training"), process_group(worker):
        raise RuntimeError("in training")
    (backend, options), end = calls  # type: ignore[misc]
    assert (backend, options["rank"], options["world_size"], end) == ("gloo", 1, 2, "destroyed")
