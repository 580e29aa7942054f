import pytest
import torch

from repaint.errors import ConfigError
from repaint.workers.devices import pick_device, pick_worker_device


@pytest.mark.parametrize(("cuda", "mps", "best"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_best_device(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, best: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device(None) == torch.device(best)


@pytest.mark.parametrize("name", ["quantum", "cuda:99", "meta", ""])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(ConfigError, match="not available here"):
        pick_device(name)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A machine with two GPUs; the devices set for PyTorch."""
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


def test_each_worker_takes_the_gpu_of_its_local_rank(
    monkeypatch: pytest.MonkeyPatch, two_gpus: list[torch.device]
) -> None:
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_worker_device(None) == torch.device("cuda", 1)
    assert pick_worker_device("cuda:0") == torch.device("cuda", 0)  # named by the user
    assert two_gpus == [torch.device("cuda", 1)]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="process 2 of this machine has no GPU of its own; start 2"):
        pick_worker_device(None)


@pytest.mark.usefixtures("two_gpus")
def test_a_single_worker_leaves_the_choice_of_the_gpu_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert pick_worker_device(None) == torch.device("cuda")
