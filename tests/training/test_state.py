import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch

from repaint.checkpoints.safe_files import read_checkpoint
from repaint.commands.fill import main as fill_command
from repaint.data import local_files, storage
from tests.helpers.tiny import write_config, write_masks
from tests.helpers.training import log, train, write_training


def test_resume_after_a_crash_repeats_the_steps_since_the_last_save(tmp_path: Path) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "5") == 0
    state = torch.load(tmp_path / "run/state.pt", weights_only=True)
    assert train(conf) == 0
    expected = log(tmp_path)
    (tmp_path / "run").joinpath("state.pt").unlink()
    torch.save(state | {"step": 5}, tmp_path / "run/state.pt")  # as if the machine had died after step 5
    assert train(conf) == 0
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert log(tmp_path)[-1]["loss"] == expected[-1]["loss"]


def test_unfinished_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    old, young = tmp_path / "run/.repaint-old.part", tmp_path / "run/.repaint-young.part"
    for path in (old, young):
        path.write_bytes(b"part")
    os.utime(old, (0, 0))
    assert train(write_training(tmp_path), "--stop", "1") == 0
    assert not old.exists()
    assert young.exists()


def test_resuming_another_training_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "1") == 0
    assert train(conf, "--set", "batch_size=2", "--set", "num_channels=64") == 2
    err = capsys.readouterr().err
    assert "started with" in err
    assert "batch_size 4 (now 2)" in err
    assert "num_channels 32 (now 64)" in err
    (tmp_path / "run/state.pt").write_bytes(b"damaged")
    assert train(conf) == 2
    assert "damaged" in capsys.readouterr().err


def test_states_of_earlier_versions_can_be_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "2") == 0
    path = tmp_path / "run/state.pt"
    state = torch.load(path)
    del state["identity"]["correct_mean"]
    torch.save(state, path)
    assert train(conf, "--set", "correct_mean=true") == 2
    assert "started with correct_mean False (now True)" in capsys.readouterr().err
    assert train(conf) == 0
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_weights_that_float16_cannot_hold_are_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_training(tmp_path, export_precision="fp16")
    assert train(conf, "--stop", "1") == 0
    path, model = tmp_path / "run/state.pt", (tmp_path / "run/model.safetensors").read_bytes()
    state = torch.load(path, weights_only=True)
    state["ema"]["time_embed.0.weight"][0, 0] = 1e6
    torch.save(state, path)
    assert train(conf, "--stop", "2") == 2
    assert "export_precision: fp16 cannot hold the weights of step 2, which are saved" in capsys.readouterr().err
    assert (tmp_path / "run/model.safetensors").read_bytes() == model
    assert torch.load(path, weights_only=True)["step"] == 2
    assert train(conf, "--set", "export_precision=fp32") == 0


def test_a_resumed_training_takes_the_weight_decay_of_its_configuration(tmp_path: Path) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "1") == 0
    assert train(conf, "--stop", "2", "--set", "weight_decay=0.25") == 0
    (group,) = torch.load(tmp_path / "run/state.pt", weights_only=True)["optimiser"]["param_groups"]
    assert group["weight_decay"] == 0.25


def test_a_log_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "2") == 0
    with (tmp_path / "run/log.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert train(conf) == 0
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_refused_training_leaves_the_log_of_the_one_at_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_files, "_LOCK_SECONDS", 0.2)
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "3") == 0
    with (tmp_path / "run/log.jsonl").open("a") as file:
        file.write('{"step": 4, "loss": 1.0}\n')  # the one at work has not saved this step yet
    with storage.lock(str(tmp_path / "run")):
        assert train(conf) == 2
    assert "another run is writing its results there" in capsys.readouterr().err
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4]


def test_a_training_that_waited_goes_on_from_the_last_state_of_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = write_training(tmp_path)
    state = tmp_path / "run/state.pt"
    assert train(conf, "--stop", "2") == 0
    early = state.read_bytes()
    assert train(conf, "--stop", "5") == 0
    late = state.read_bytes()
    state.write_bytes(early)

    def wait_until_it_has_saved(_folder: str) -> AbstractContextManager[None]:
        state.write_bytes(late)
        return nullcontext()

    monkeypatch.setattr(storage, "lock", wait_until_it_has_saved)
    assert train(conf) == 0
    assert "steps 5 to 6" in capsys.readouterr().out
    assert [line["step"] for line in log(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_betas_train_resume_and_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    betas = [0.001, 0.01, 0.1, 0.5]
    conf = write_training(tmp_path, betas=betas, steps=2, sample_interval=2)
    assert train(conf, "--stop", "1") == 0
    assert train(conf) == 0
    _, metadata = read_checkpoint(str(tmp_path / "run/model.safetensors"))
    assert metadata["process"]["betas"] == betas
    assert metadata["process"]["diffusion_steps"] == 4
    assert "noise_schedule" not in metadata["process"]
    capsys.readouterr()
    assert train(write_training(tmp_path, betas=betas[:3], steps=2)) == 2
    assert (
        "started with diffusion_steps 4 (now 3), betas 4 numbers from 0.001 to 0.5 (now 3 n" in capsys.readouterr().err
    )
    assert train(write_training(tmp_path, diffusion_steps=4, noise_schedule="cosine", steps=2)) == 2
    assert "noise_schedule None (now cosine), betas 4 numbers from 0.001 to 0.5 (now None)" in capsys.readouterr().err
    model = str(tmp_path / "run/model.safetensors")
    plain = write_training(tmp_path, out=str(tmp_path / "more"), init_path=model)
    assert train(plain) == 2
    assert "noise_schedule linear (the file: betas of its own" in capsys.readouterr().err
    write_masks(tmp_path / "masks", 10)
    paths = {"srs": str(tmp_path / "filled")}
    data = {"gt_path": str(tmp_path / "data"), "mask_path": str(tmp_path / "masks"), "paths": paths, "max_len": 1}
    filling = write_config(tmp_path, model="auto", model_path=model, data={"eval": {"tiny": data}})
    assert fill_command(["--conf_path", str(filling), "--device", "cpu"]) == 0
