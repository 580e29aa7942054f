"""Two runs into one folder: the second is refused while the first is at work, and never because of a dead one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repaint.config.training import TrainConfig
from repaint.data import local_files, storage
from repaint.errors import DataError
from repaint.training.trainer import Trainer
from repaint.workers.worker import single_worker
from tests.helpers.command import manifest, run, user_error
from tests.helpers.tiny import FLAGS, make_run, write_pictures

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from repaint.data import storage
with storage.lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen:
    """Another process that holds the lock of a folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], env=environment, text=True, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_second_run_is_refused_until_the_first_has_ended_or_died(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_files, "_LOCK_SECONDS", 0.2)
    conf = make_run(tmp_path, count=2)
    process = hold(tmp_path / "out")
    user_error(capsys, run(conf), f"{tmp_path}/out: another run is writing its results there")
    assert not (tmp_path / "out/manifest.jsonl").exists()
    assert run(conf, "--dry_run") == 0  # it writes nothing
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run(conf) == 0
    assert run(conf) == 0
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png", "01.png"]


def test_the_second_waits_for_a_moment(tmp_path: Path) -> None:
    process = hold(tmp_path)
    assert process.stdin is not None
    process.stdin.close()
    with storage.lock(str(tmp_path)):
        pass
    process.wait()


def test_a_second_training_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_files, "_LOCK_SECONDS", 0.2)
    write_pictures(tmp_path / "data", 2)
    paths = {"data_path": f"{tmp_path}/data", "out": f"{tmp_path}/out"}
    config = TrainConfig(**FLAGS, **paths, steps=1, batch_size=1, sample_count=1, sample_steps=2)
    trainer = Trainer(config, single_worker(torch.device("cpu")))
    with storage.lock(config.out), pytest.raises(DataError, match="another run is writing its results there"):
        trainer.run()


def test_remote_folders_have_no_lock() -> None:
    with storage.lock("gs://bucket/out"), storage.lock("gs://bucket/out"):
        pass
