from pathlib import Path

import pytest
import torch

from repaint.checkpoints.formats import read_weights
from tests.helpers.tiny import make_run


def test_remote_weights_are_read_through_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    monkeypatch.setattr(
        "repaint.data.storage.read_bytes", lambda path: content if path == "gs://b/m.safetensors" else b""
    )
    remote = read_weights("gs://b/m.safetensors")
    local = read_weights(str(tmp_path / "model.safetensors"))
    assert remote.digest == local.digest
    assert all(torch.equal(remote.state[key], local.state[key]) for key in local.state)
