"""Ctrl-C while a training ends."""

import signal
from pathlib import Path

import pytest
import torch

from repaint.training import trainer as trainer_module
from repaint.training.trainer import Trainer
from tests.helpers.training import log, train, weights, write_training


@pytest.mark.parametrize("place", ["save_state", "export_model"])
@pytest.mark.parametrize("options", [[], ["--stop", "2"]])
def test_ctrl_c_while_the_last_step_is_saved_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, options: list[str]
) -> None:
    conf = write_training(tmp_path, steps=3, save_interval=100)
    real = getattr(trainer_module, place)

    def interrupted(*args: object) -> None:
        signal.raise_signal(signal.SIGINT)
        real(*args)

    monkeypatch.setattr(trainer_module, place, interrupted)
    assert train(conf, *options) == 0
    steps = 2 if options else 3
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["step"] == steps
    assert len(log(tmp_path)) == steps
    assert weights(tmp_path)


def test_ctrl_c_in_the_last_step_ends_a_training_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = write_training(tmp_path, steps=2, sample_interval=100)
    real = Trainer._loss

    def interrupted(trainer: Trainer, batch: torch.Tensor) -> object:
        if trainer.step == 1:
            signal.raise_signal(signal.SIGINT)
        return real(trainer, batch)

    monkeypatch.setattr(Trainer, "_loss", interrupted)
    assert train(conf) == 0
    assert (tmp_path / "run/samples/0000002.png").exists()


def test_a_model_that_a_second_ctrl_c_left_unexported_is_exported_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = write_training(tmp_path, steps=2, save_interval=100)

    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainer_module, "export_model", interrupted)
    assert train(conf) == 130
    assert not (tmp_path / "run/model.safetensors").exists()
    monkeypatch.undo()
    assert train(conf) == 0
    assert weights(tmp_path)
