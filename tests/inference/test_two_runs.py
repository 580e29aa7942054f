"""Two runs into one folder: the second is refused while the first is at work, and never because of a dead one."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch

from repaint.config.training import TrainConfig
from repaint.data import local_files, storage
from repaint.errors import DataError
from repaint.training.trainer import Trainer
from repaint.workers.worker import single_worker
from tests.helpers.command import manifest, run, user_error
from tests.helpers.processes import Process
from tests.helpers.tiny import FLAGS, make_run, write_pictures

HOLDER = """
import sys, time
from pathlib import Path
from repaint.data import storage
with storage.lock(sys.argv[1]):
    Path("locked").touch()
    while not Path("release").exists():
        time.sleep(0.02)
"""


def hold(folder: Path, place: Path) -> Process:
    """Another process that holds the lock of a folder, until there is a file `release` in a place."""
    place.mkdir()
    (place / "holder.py").write_text(HOLDER)
    process = Process("holder.py", folder, folder=place)
    while not (place / "locked").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


def test_a_second_run_is_refused_until_the_first_has_ended_or_died(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_files, "_LOCK_SECONDS", 0.2)
    conf = make_run(tmp_path, count=2)
    process = hold(tmp_path / "out", tmp_path / "holder")
    user_error(capsys, run(conf), f"{tmp_path}/out: another run is writing its results there")
    assert not (tmp_path / "out/manifest.jsonl").exists()
    assert run(conf, "--dry_run") == 0  # it writes nothing
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert run(conf) == 0
    assert run(conf) == 0
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png", "01.png"]


def test_the_second_waits_for_a_moment(tmp_path: Path) -> None:
    process = hold(tmp_path / "out", tmp_path / "holder")
    (tmp_path / "holder/release").touch()
    with storage.lock(str(tmp_path / "out")):
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
