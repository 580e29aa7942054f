import pytest
import torch

from repaint.errors import ConfigError
from repaint.workers import devices


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    process = devices.start("cpu")
    assert process == devices.Process(0, 1, torch.device("cpu"))
    assert process.is_main
    devices.stop()


def test_one_process_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    try:
        assert devices.start("cpu") == devices.Process(0, 1, torch.device("cpu"))
        assert torch.distributed.get_backend() == "gloo"
    finally:
        devices.stop()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("cuda", "mps", "best"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_best_device(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, best: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices.pick_device(None) == torch.device(best)


@pytest.mark.parametrize("name", ["quantum", "cuda:99", "meta", ""])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(ConfigError, match="not available here"):
        devices.pick_device(name)
