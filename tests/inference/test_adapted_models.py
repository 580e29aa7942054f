"""Runs whose model is adapted to each picture: adapted models are kept, found again, and decide the fill."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import repaint
from repaint.errors import DataError, WriteError
from repaint.inference import adapted_models
from repaint.inference.adapted_models import ADAPTED_MODELS
from repaint.training import adaptation
from repaint.workers.worker import Worker
from tests.helpers.command import manifest, run, user_error
from tests.helpers.tiny import FLAGS, make_run, read_pixels

ADAPT = {"steps": 2, "batch_size": 2, "lr": 0.01}


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each training."""
    adapt, calls = adapted_models.adapt, []

    def count(*arguments: Any) -> Any:
        calls.append(1)
        return adapt(*arguments)

    monkeypatch.setattr(adapted_models, "adapt", count)
    return calls


def test_fills_differ_and_a_second_run_finds_the_models(tmp_path: Path, trainings: list[int]) -> None:
    plain = make_run(tmp_path / "plain", 2)
    assert run(plain) == 0
    conf = make_run(tmp_path / "adapted", 2, adapt=ADAPT, num_samples_per_image=2)
    assert run(conf) == 0
    assert len(trainings) == 2
    lines = manifest(tmp_path / "adapted")
    assert len(lines) == 4
    assert lines[0]["adapt"]["steps"] == lines[0]["batch_size"] == 2
    results = sorted((tmp_path / "adapted").rglob("inpainted/*.png"))
    first = [read_pixels(path) for path in results]
    assert (first[0] != read_pixels(next(iter(sorted((tmp_path / "plain").rglob("inpainted/*.png")))))).any()
    (kept,) = (tmp_path / "adapted").rglob(ADAPTED_MODELS)
    assert len(list(kept.iterdir())) == 2
    assert run(conf, "--overwrite") == 0
    assert len(trainings) == 2
    for path, pixels in zip(results, first, strict=True):
        np.testing.assert_array_equal(read_pixels(path), pixels)


def test_unfinished_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    conf = make_run(tmp_path, 1, adapt=ADAPT)
    leftover = tmp_path / "out" / ADAPTED_MODELS / ".repaint-old.part"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"part")
    os.utime(leftover, (0, 0))
    assert run(conf) == 0
    assert len(list(leftover.parent.iterdir())) == 1
    assert not leftover.exists()


def test_a_picture_is_claimed_whole_and_when_its_turn_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else another process would wait for nothing, or adapt the model to the same picture."""
    adapt, claim = adapted_models.adapt, Worker.claim
    counts: list[int] = []
    claimed: list[int] = []
    trained: list[list[int]] = []

    def recorded(worker: Worker, count: int) -> Iterator[int]:
        counts.append(count)
        for number in claim(worker, count):
            claimed.append(number)
            yield number

    def checked(*arguments: Any) -> Any:
        trained.append(list(claimed))
        return adapt(*arguments)

    monkeypatch.setattr(Worker, "claim", recorded)
    monkeypatch.setattr(adapted_models, "adapt", checked)
    assert run(make_run(tmp_path, 2, adapt=ADAPT, num_samples_per_image=3)) == 0
    assert trained == [[0], [0, 1]]
    assert counts == [2]
    assert len(manifest(tmp_path)) == 6


def test_a_damaged_model_is_made_again(tmp_path: Path, trainings: list[int]) -> None:
    conf = make_run(tmp_path, 1, adapt=ADAPT)
    assert run(conf) == 0
    (kept,) = (tmp_path / "out" / ADAPTED_MODELS).iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert run(conf, "--overwrite") == 0
    assert len(trainings) == 2
    assert kept.read_bytes() == whole


def test_a_folder_that_cannot_keep_models_is_found_before_the_training(tmp_path: Path, trainings: list[int]) -> None:
    make_run(tmp_path, 1)
    (tmp_path / "file").touch()
    settings: dict[str, Any] = {**FLAGS, "adapt": ADAPT, "adapted_models": tmp_path / "file/models"}
    inpainter = repaint.Inpainter(tmp_path / "model.safetensors", schedule=None, device="cpu", **settings)
    with pytest.raises(DataError, match="cannot be written"):
        inpainter(str(tmp_path / "gt/00.png"), str(tmp_path / "masks/00.png"))
    assert not trainings


def test_another_number_format_trains_another_model(tmp_path: Path, trainings: list[int]) -> None:
    """It is trained in the format in which it runs, so a kept one must not stand for the other."""
    conf = make_run(tmp_path, 1, adapt=ADAPT)
    for precision in ("fp32", "bf16", "fp32"):
        assert run(conf, "--overwrite", "--set", f"precision={precision}") == 0
    assert len(trainings) == 2


def test_a_resumed_run_has_the_batch_size_of_the_run_and_not_that_of_its_last_picture(tmp_path: Path) -> None:
    conf = make_run(tmp_path, 3, adapt=ADAPT, num_samples_per_image=3)
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    results = sorted((tmp_path / "out/inpainted").glob("*.png"))
    before = {path: path.read_bytes() for path in results}
    Image.fromarray(np.full((16, 16), 255, np.uint8)).save(tmp_path / "masks/02.png")  # the last has no hole now
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    sizes = {line["batch_size"] for line in manifest(tmp_path)}
    assert len(sizes) == 1
    assert sizes.pop() > 1
    lost = results[0]
    lost.unlink()
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    assert lost.read_bytes() == before[lost]


def test_a_full_disk_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, trainings: list[int]
) -> None:
    def write(path: str, _content: bytes) -> None:
        raise WriteError(f"{path}: cannot be written (No space left on device)")

    conf = make_run(tmp_path, 3, adapt=ADAPT)
    monkeypatch.setattr(adapted_models.storage, "write_bytes", write)
    user_error(capsys, run(conf), "No space left on device")
    assert len(trainings) <= 1


def test_wrong_arguments_end_before_the_training(tmp_path: Path, trainings: list[int]) -> None:
    make_run(tmp_path, 1)
    settings: dict[str, Any] = FLAGS | {"timestep_respacing": "2", "adapt": ADAPT}
    inpainter = repaint.Inpainter(tmp_path / "model.safetensors", schedule=None, device="cpu", **settings)
    for wrong in ({"seed": -1}, {"num_samples": 0}, {"y": 3}):
        with pytest.raises(repaint.ConfigError):
            inpainter(tmp_path / "gt/00.png", tmp_path / "masks/00.png", **wrong)
    assert trainings == []


def test_the_library_keeps_the_last_model(tmp_path: Path, trainings: list[int]) -> None:
    make_run(tmp_path, 1)
    settings: dict[str, Any] = FLAGS | {"timestep_respacing": "2", "adapt": ADAPT}
    inpainter = repaint.Inpainter(tmp_path / "model.safetensors", schedule=None, device="cpu", **settings)
    picture, mask = tmp_path / "gt/00.png", tmp_path / "masks/00.png"
    fills = [inpainter(picture, mask, seed=seed)[0].tobytes() for seed in (0, 1, 0)]
    assert fills[0] == fills[2] != fills[1]
    assert len(trainings) == 1


def test_a_picture_of_which_nothing_is_known_is_filled_by_the_model_as_it_is(
    tmp_path: Path, trainings: list[int]
) -> None:
    make_run(tmp_path, 1)
    settings: dict[str, Any] = FLAGS | {"timestep_respacing": "2", "adapt": ADAPT}
    inpainter = repaint.Inpainter(tmp_path / "model.safetensors", schedule=None, device="cpu", **settings)
    inpainter(read_pixels(tmp_path / "gt/00.png"), np.zeros((16, 16), bool))
    assert trainings == []


def test_a_dry_run_states_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_run(tmp_path, 1, adapt=ADAPT), "--dry_run") == 0
    printed = capsys.readouterr().out
    assert "adapt: before each picture 2 training steps of 2 crops, which take about as long as 6 network" in printed
    assert "memory to adapt the model: about 0.0" in printed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adapt": {"step": 3}}, "did you mean 'steps'"),
        ({"adapt": {"steps": 0}}, "adapt.steps"),
        ({"adapt": ADAPT, "class_cond": True}, "adapt: a class-conditional model"),
        ({"adapt": ADAPT | {"lr": 1e30, "steps": 6}}, "adapt.lr: "),
    ],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str) -> None:
    assert run(make_run(tmp_path, 1, **changes)) in (2, 3)
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def test_a_training_that_diverges_is_a_mistake_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "_loss", lambda *_: torch.tensor(torch.nan))
    assert run(make_run(tmp_path, 1, adapt=ADAPT)) in (2, 3)
    errors = capsys.readouterr().err
    assert "00.png: adapt: the loss is nan" in errors
    assert "Traceback" not in errors
