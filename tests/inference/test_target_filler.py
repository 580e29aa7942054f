"""Runs in which something fails on the way: bad pictures, Ctrl-C, a full disk."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.inference import target_filler
from repaint.pipeline import pipeline
from tests.helpers import processes
from tests.helpers.command import manifest, run
from tests.helpers.processes import Process
from tests.helpers.tiny import make_run, tiny_unet


def test_a_pipe_among_the_pictures_keeps_nobody_waiting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    os.mkfifo(tmp_path / "gt/zz.png")
    shutil.copy(tmp_path / "masks/00.png", tmp_path / "masks/zz.png")
    assert run(conf) == 3
    assert "zz.png: not a regular file" in capsys.readouterr().err
    assert len(manifest(tmp_path)) == 3


def test_unreadable_pictures_are_reported_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = make_run(tmp_path, count=4)
    (tmp_path / "gt/01.png").write_bytes(b"damaged")
    assert run(conf) == 3
    captured = capsys.readouterr()
    assert "skipped: " in captured.err
    assert "01.png: not a readable picture" in captured.err
    assert "3 pictures filled, 1 could not be done" in captured.out
    assert sorted(path.name for path in (tmp_path / "out/inpainted").iterdir()) == ["00.png", "02.png", "03.png"]
    assert [line["seed"] for line in manifest(tmp_path)] == [0, 2, 3]


def test_results_that_are_not_finite_are_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    state = tiny_unet().state_dict()
    state["out.2.bias"][:] = float("nan")
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(state, {}))
    assert run(conf) == 3
    captured = capsys.readouterr()
    assert "00.png: not finite from transition 1 on (network call 1, t=3): 100.0% of its values" in captured.err
    assert "0 pictures filled, 3 could not be done" in captured.out
    assert manifest(tmp_path) == []


def test_an_overflow_of_fp16_suggests_bf16(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, 1)
    state = tiny_unet().state_dict()
    state["out.2.bias"][:] = float("inf")
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(state, {}))
    hint = "; fp16 overflows easily, take precision: bf16 instead"
    for precision, hinted in (("fp16", True), ("fp32", False)):
        assert run(conf, "--set", f"precision={precision}") == 3
        assert (hint in capsys.readouterr().err) == hinted


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_run(tmp_path)
    real, calls = pipeline.p_sample_loop, []

    def interrupted(*arguments: object, **options: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "p_sample_loop", interrupted)
    assert run(conf) == 130
    captured = capsys.readouterr()
    assert "the pictures finished so far are kept" in captured.err
    assert "2 pictures filled; results in" in captured.out
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png", "01.png"]
    assert run(conf) == 0
    assert len(manifest(tmp_path)) == 3


def test_real_ctrl_c_from_the_shell(tmp_path: Path) -> None:
    """The first snapshot shows that the sampler is at work."""
    endless = {"timestep_respacing": "1000", "schedule_jump_params": {"jump_n_sample": 50}}
    conf = make_run(tmp_path, count=2, snapshot_interval=1, **endless)
    process = Process("test.py", "--conf_path", conf, "--device", "cpu")
    while not (tmp_path / "out/snapshots/00/000001.png").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert "network calls" in out
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "0 pictures filled" in out


def test_a_full_disk_ends_with_a_message_and_nothing_is_lost(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: a write fails in the middle in the same way."""
    conf = make_run(tmp_path, 4)
    assert run(conf) == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()}
    shutil.rmtree(tmp_path / "out")
    done = processes.run("test.py", "--conf_path", conf, "--device", "cpu", most_bytes=1024)  # less than a manifest
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "manifest.jsonl: cannot be written (No space left on device)" in line
    assert [line["name"] for line in manifest(tmp_path)] == ["00.png"]  # and no part of a second line
    assert "Traceback" not in done.stderr
    for path in (tmp_path / "out/inpainted").iterdir():
        assert path.read_bytes() == expected[path.name]
    assert run(conf) == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/inpainted").iterdir()} == expected
    assert [line["name"] for line in manifest(tmp_path)] == [f"{i:02d}.png" for i in range(4)]


def test_a_picture_deleted_while_running_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = make_run(tmp_path, 4)
    load = target_filler.load_example

    def load_and_delete(pair: Any, reading: Any) -> Any:
        (tmp_path / "gt/03.png").unlink(missing_ok=True)
        return load(pair, reading)

    monkeypatch.setattr(target_filler, "load_example", load_and_delete)
    assert run(conf) == 3
    assert "skipped: " in capsys.readouterr().err
    assert len(manifest(tmp_path)) == 3
