import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main as fill_command
from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.errors import ConfigError, DataError
from repaint.training import trainer as trainer_module
from repaint.training.data_order import StepBatches
from repaint.training.trainer import Trainer, learning_rate
from repaint.workers.worker import single_worker
from tests.helpers import processes
from tests.helpers.tiny import FLAGS, read_pixels, tiny_unet, write_config, write_masks, write_pictures
from tests.helpers.training import log, train, weights, write_training

CPU = single_worker(torch.device("cpu"))


def test_training_in_pieces_equals_training_at_once(tmp_path: Path) -> None:
    for name in ("once", "pieces"):
        (tmp_path / name).mkdir()
    assert train(write_training(tmp_path / "once")) == 0
    pieces = write_training(tmp_path / "pieces")
    assert train(pieces, "--stop", "3") == 0
    assert train(pieces, "--stop", "5") == 0
    assert train(pieces) == 0
    once, resumed = log(tmp_path / "once"), log(tmp_path / "pieces")
    assert [line["step"] for line in resumed] == [1, 2, 3, 4, 5, 6]
    assert [line["loss"] for line in resumed] == [line["loss"] for line in once]
    expected, found = weights(tmp_path / "once"), weights(tmp_path / "pieces")
    assert expected.keys() == found.keys()
    assert [key for key in expected if not torch.equal(expected[key], found[key])] == []


def test_training_learns(tmp_path: Path) -> None:
    conf = write_training(tmp_path, steps=25, lr=2e-3, lr_decay="constant", sample_interval=1000, save_interval=1000)
    assert train(conf) == 0
    losses = [line["mse"] for line in log(tmp_path)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_the_exported_model_inpaints_without_any_flag(tmp_path: Path) -> None:
    assert train(write_training(tmp_path, export_precision="fp16", noise_schedule="cosine")) == 0
    assert {value.dtype for value in weights(tmp_path).values()} == {torch.float16}
    assert weights(tmp_path).keys() == tiny_unet().state_dict().keys()
    write_pictures(tmp_path / "gt")
    write_masks(tmp_path / "masks")
    tree = yaml.safe_load(write_config(tmp_path, model="auto").read_text())
    for key in FLAGS.keys() - {"image_size"}:
        del tree[key]
    tree["model_path"] = str(tmp_path / "run/model.safetensors")
    (tmp_path / "conf.yml").write_text(yaml.safe_dump(tree))
    assert fill_command(["--conf_path", str(tmp_path / "conf.yml"), "--device", "cpu"]) == 0
    assert read_pixels(tmp_path / "run/samples/0000006.png").shape == (16 + 4, 2 * 18 + 2, 3)


def test_fine_tuning_starts_from_a_checkpoint(tmp_path: Path) -> None:
    torch.save(tiny_unet().state_dict(), tmp_path / "start.pt")
    conf = write_training(tmp_path, init_path=str(tmp_path / "start.pt"))
    trainer = Trainer(load_config(TrainConfig, conf), CPU)
    start = tiny_unet().state_dict()
    assert all(torch.equal(value, start[key]) for key, value in trainer.network.state_dict().items())
    assert all(torch.equal(value, trainer.ema[key]) for key, value in trainer.network.state_dict().items())


def test_layers_left_out_of_a_checkpoint_begin_at_random(tmp_path: Path) -> None:
    torch.save(tiny_unet().state_dict(), tmp_path / "start.pt")
    skip = ["input_blocks.1", "middle_block"]
    options = {"init_path": str(tmp_path / "start.pt"), "init_skip": skip}
    network = Trainer(load_config(TrainConfig, write_training(tmp_path, **options)), CPU).network.state_dict()
    fresh = Trainer(load_config(TrainConfig, write_training(tmp_path)), CPU).network.state_dict()
    start = tiny_unet().state_dict()
    for key, value in network.items():
        left_out = key.startswith(("input_blocks.1.", "middle_block."))
        assert torch.equal(value, (fresh if left_out else start)[key]), key
    assert any(key.startswith("input_blocks.1.") for key in network)


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"learn_sigma": False},
        {"predict_xstart": True},
        {"predict_v": True},
        {"correct_mean": True},
    ],
)
def test_variants_run(tmp_path: Path, changes: dict) -> None:
    assert train(write_training(tmp_path, steps=1, **changes)) == 0
    assert log(tmp_path)[0]["loss"] > 0


@pytest.mark.parametrize("taught", [False, True])
def test_two_processes_share_each_batch(tmp_path: Path, taught: bool) -> None:
    changes: dict = {}
    if taught:
        torch.save(tiny_unet().state_dict(), tmp_path / "teacher.pt")
        write_pictures(tmp_path / "large", 10, (26, 26))
        changes = {"teacher_path": str(tmp_path / "teacher.pt"), "data_path": str(tmp_path / "large"), "batch_size": 8}
    conf = write_training(tmp_path, steps=2, save_interval=2, sample_interval=2, **changes)
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    done = processes.run(*launcher, "scripts/train.py", "--conf_path", conf, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "2 x cpu" in done.stdout
    assert [line["step"] for line in log(tmp_path)] == [1, 2]
    assert weights(tmp_path).keys() == tiny_unet().state_dict().keys()


def check_interruption(conf: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, saved: int) -> None:
    """That a training interrupted by a patch ends with this step saved, and without the patch goes on from it."""
    assert train(conf) == 130
    assert torch.load(folder / "run/state.pt", weights_only=True)["step"] == saved
    monkeypatch.undo()
    assert train(conf) == 0
    assert [line["step"] for line in log(folder)] == [1, 2, 3, 4, 5, 6]


def test_ctrl_c_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = write_training(tmp_path, save_interval=100)
    real = Trainer._loss

    def interrupted(trainer: Trainer, batch: torch.Tensor) -> object:
        if trainer.step == 3:
            signal.raise_signal(signal.SIGINT)  # in the middle of step 3, which is ended first
        return real(trainer, batch)

    monkeypatch.setattr(Trainer, "_loss", interrupted)
    check_interruption(conf, tmp_path, monkeypatch, saved=4)


def test_a_second_ctrl_c_in_a_step_saves_no_half_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = write_training(tmp_path, save_interval=2)

    def interrupted(_average: object, _network: object, _rate: float, step: int) -> None:
        if step == 3:  # the weights have moved, their average has not
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(trainer_module, "update_average", interrupted)
    check_interruption(conf, tmp_path, monkeypatch, saved=2)


def test_a_bad_picture_ends_the_run_with_its_steps_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_training(tmp_path, save_interval=100)
    order = [index for batch in StepBatches(10, 4, 0, 0, 2) for index in batch]
    bad = tmp_path / f"data/{order[4]:02d}.png"  # first seen in step 1
    bad.write_bytes(b"damaged")
    assert train(conf) == 2
    assert f"{bad}: not a readable picture" in capsys.readouterr().err
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["step"] == 1


def test_a_bad_picture_at_the_start_may_be_removed(tmp_path: Path) -> None:
    conf = write_training(tmp_path)
    bad = tmp_path / f"data/{next(iter(StepBatches(10, 4, 0, 0, 1)))[0]:02d}.png"
    bad.write_bytes(b"damaged")
    assert train(conf) == 2
    assert not (tmp_path / "run/state.pt").exists()
    assert not (tmp_path / "run/model.safetensors").exists()
    bad.unlink()
    assert train(conf) == 0


def results(folder: Path) -> dict[str, bytes]:
    """The files that a training replaces when it saves."""
    return {name: (folder / "run" / name).read_bytes() for name in ("state.pt", "model.safetensors")}


@pytest.mark.parametrize("ending", ["stop", "save", "Ctrl-C", "bad picture", "sample"])
def test_a_diverged_training_keeps_what_was_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    intervals = {"log_interval": 100, "save_interval": 100, "sample_interval": 100}
    intervals |= {f"{ending}_interval": 2} if ending in ("save", "sample") else {}
    conf = write_training(tmp_path, weight_decay=1e10, **intervals)
    # The weights are infinite after step 2, whose loss is finite.
    monkeypatch.setattr(trainer_module, "learning_rate", lambda config, step: 1e30 if step else 1e-13)
    assert train(conf, "--stop", "1") == 0
    before = results(tmp_path)
    real = Trainer._loss

    def broken_off(trainer: Trainer, batch: torch.Tensor) -> object:
        if trainer.step == 1 and ending == "Ctrl-C":
            signal.raise_signal(signal.SIGINT)
        if trainer.step == 2 and ending == "bad picture":
            raise DataError("a bad picture")
        return real(trainer, batch)

    monkeypatch.setattr(Trainer, "_loss", broken_off)
    stop = ["--stop", "2"] if ending == "stop" else []
    assert train(conf, *stop) == 2
    advice = "lower lr, or set grad_clip or precision: fp32; the last saved state is kept"
    err = capsys.readouterr().err.splitlines()[-1]
    assert err == f"error: step 2: the weights or the optimiser's state are not finite; {advice}"
    assert results(tmp_path) == before
    assert not (tmp_path / "run/samples").exists()
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path).values())


def test_gradients_too_large_for_adamw_are_not_saved(tmp_path: Path) -> None:
    trainer = Trainer(load_config(TrainConfig, write_training(tmp_path)), CPU)
    for parameter in trainer.network.parameters():
        parameter.grad = torch.full_like(parameter, 1e25)  # its square is infinite, a step along it is not
    trainer.optimiser.step()
    assert all(bool(value.isfinite().all()) for value in trainer.network.state_dict().values())
    with pytest.raises(ConfigError, match="the optimiser's state are not finite"):
        trainer.save()
    assert not (tmp_path / "run").exists()


def test_dropout_is_the_same_after_resuming(tmp_path: Path) -> None:
    for name in ("once", "pieces"):
        (tmp_path / name).mkdir()
    assert train(write_training(tmp_path / "once", dropout=0.5, steps=3)) == 0
    pieces = write_training(tmp_path / "pieces", dropout=0.5, steps=3)
    assert train(pieces, "--stop", "1") == 0
    assert train(pieces) == 0
    assert [line["loss"] for line in log(tmp_path / "pieces")] == [line["loss"] for line in log(tmp_path / "once")]


def test_stopping_at_once_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_training(tmp_path)
    assert train(conf, "--stop", "0") == 0
    assert not (tmp_path / "run/log.jsonl").exists()
    assert train(conf, "--stop", "-1") == 2
    assert "--stop -1" in capsys.readouterr().err


def test_fine_tuning_under_another_process_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = encode_checkpoint(tiny_unet().state_dict(), {"process": {"noise_schedule": "cosine"}})
    (tmp_path / "start.safetensors").write_bytes(content)
    conf = write_training(tmp_path, init_path=str(tmp_path / "start.safetensors"))
    assert train(conf) == 2
    assert "noise_schedule linear (the file: cosine)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_path": "nowhere"}, "nowhere: no such folder"),
        ({"class_cond": True}, "training without labels is all that is offered"),
        ({"init_path": "nowhere.pt"}, "nowhere.pt: no such weights file"),
        ({"init_path": "celeba256_250000.pt"}, "`bash download.sh celeba` fetches what is published"),
        ({"init_skip": ["middle_block"]}, "init_skip has no meaning without init_path"),
        ({"lr": "fast"}, "lr: input should be a valid number"),
        ({"momentum": 1}, "unknown key 'momentum'"),
        ({"lr": 1e38}, "lr: input should be less than or equal to 1, not 1e+38"),
        ({"lr": 1.0, "weight_decay": 1e30}, "the loss is nan"),
        ({"image_size": 17}, "image_size 17 is not divisible by 2"),
        ({"diffusion_steps": 30, "sample_steps": 31}, "sample_steps 31 is more than the 30 diffusion_steps; lower it"),
        ({"betas": [0.1, 0.2]}, "sample_steps 3 is more than the 2 diffusion_steps; lower it"),
    ],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, message: str) -> None:
    code = train(write_training(tmp_path, **changes))
    assert code == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("error: ")
    assert message in err


def test_batch_size_must_be_shared_evenly(tmp_path: Path) -> None:
    config = load_config(TrainConfig, write_training(tmp_path))
    with pytest.raises(Exception, match="batch_size 4 is not divisible by 3 processes"):
        Trainer(config, replace(CPU, world_size=3))


def test_learning_rate(tmp_path: Path) -> None:
    config = load_config(TrainConfig, write_training(tmp_path, steps=100, lr=1.0, warmup_steps=9))
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, rel=1e-3)
    assert max(rates) == pytest.approx(0.98, abs=0.02)
    assert rates[-1] < 0.001
    assert rates[50] == pytest.approx(0.5, abs=0.01)


def test_layers_to_leave_out_must_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(tiny_unet().state_dict(), tmp_path / "start.pt")
    assert train(write_training(tmp_path, init_path=str(tmp_path / "start.pt"), init_skip=["middle_blok"])) == 2
    assert (
        "init_skip: the network has no layer 'middle_blok'; they begin with input_blocks, " in capsys.readouterr().err
    )


def test_folders_are_not_trained_further(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(write_training(tmp_path, init_path=str(tmp_path))) == 2
    err = capsys.readouterr().err
    assert err == f"error: init_path {tmp_path}: a model of diffusers; it can be run, but nothing is trained with it\n"
