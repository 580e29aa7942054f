"""A user's mistake ends a run with one clear line, before anything is written."""

import sys
from pathlib import Path

import pytest
import torch

from repaint.checkpoints.safe_files import encode_checkpoint
from tests.helpers.command import class_conditional_run, run, user_error
from tests.helpers.tiny import FLAGS, make_run, tiny_unet, write_masks


def test_missing_model_names_the_download_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, model_path=str(tmp_path / "nowhere.pt"))
    user_error(capsys, run(conf), "nowhere.pt", "download.sh")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"<!DOCTYPE html><html></html>", "a web page"), (None, "damaged or incomplete"), (b"PK\x03\x04", "damaged")],
)
def test_bad_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str) -> None:
    path = tmp_path / "model.pt"
    conf = make_run(tmp_path, model_path=str(path))
    torch.save(tiny_unet().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-3000] if content is None else content)
    user_error(capsys, run(conf), "model.pt", message)
    assert not (tmp_path / "out").exists()


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


def test_malicious_pickle_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.pt"
    conf = make_run(tmp_path, model_path=str(path))
    torch.save({"w": Malicious(tmp_path / "executed")}, path)
    user_error(capsys, run(conf), "refused, because it holds more than plain weights")
    assert not (tmp_path / "executed").exists()


def test_wrong_architecture_names_keys_and_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(
        capsys,
        run(conf, "--set", "num_channels=64", "--set", "use_scale_shift_norm=false"),
        "num_channels is 32, not 64",
        "use_scale_shift_norm is True, not False",
        "model: auto",
        "of another shape: time_embed.0.weight [128, 32] instead of [256, 64]",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_chanels": 3}, "unknown key 'num_chanels'; did you mean 'num_channels'?"),
        ({"num_channels": "wide"}, "num_channels: input should be a valid integer, not 'wide'"),
        ({"schedule_jump_params": {"t_T": 5}}, "t_T is 5, but timestep_respacing '4' of 1000 diffusion steps gives 4"),
        ({"timestep_respacing": "ddim7x"}, "'ddim' must be followed by a number"),
        ({"timestep_respacing": "2000"}, "cannot take 2000 of the 1000 steps"),
        ({"image_size": 24, "channel_mult": "1,1,1,1,1"}, "image_size 24 is not divisible by 16"),
        ({"image_size": 48, "channel_mult": ""}, "image_size 48 has no default channel_mult"),
        ({"num_channels": 40}, "group normalisation needs a multiple of 32"),
        ({"num_head_channels": 24}, "attention over 32 channels cannot be split"),
        ({"inpa_inj_time_shift": 9}, "the schedule goes up from 2, and 11 is not one of the 4 steps"),
        ({"ddim_eta": 0.5}, "ddim_eta has no meaning without use_ddim"),
        (
            {
                "use_ddim": True,
                "classifier_path": "c.pt",
                "classifier_scale": 1,
                "image_size": 64,
                "channel_mult": "1,1",
            },
            "use_ddim cannot be combined with a classifier",
        ),
        ({"diffusion_steps": 10, "timestep_respacing": ""}, "linear betas need more than 20 diffusion steps"),
        ({"schedule_jump_params": {"jump_n_sample": 10**9}}, "4 steps x 1000000000 passes: more than 10,000,000"),
        ({"num_channels": 2**62}, "num_channels: input should be less than or equal to 65536"),
        ({"channel_mult": "1e300,1"}, "group normalisation needs a multiple of 32 up to 65536"),
        ({"attention_resolutions": "8" * 400}, "is not a list of sizes"),
        ({"classifier_scale": float("inf")}, "classifier_scale: input should be a finite number"),
        (
            {"classifier_path": "c.pt", "classifier_scale": 1},
            "a classifier exists for pictures of 64, 128, 256, 512 only",
        ),
    ],
)
def test_configurations_that_cannot_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, message: str
) -> None:
    user_error(capsys, run(make_run(tmp_path, **changes)), message)
    assert not (tmp_path / "out").exists()


def test_data_set_size_must_be_the_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--set", "data.eval.tiny.image_size=32"), "the data set's image_size is 32")


def test_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, count=0)
    user_error(capsys, run(conf), "gt: no pictures in this folder")


def test_picture_without_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "masks/01.png").unlink()
    user_error(capsys, run(conf), "01.png: no mask of this name")


def test_mask_of_another_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    write_masks(tmp_path / "masks", 3, size=(24, 16))
    user_error(capsys, run(conf, "--set", "data.eval.tiny.fit=pad"), "24x16 has another aspect ratio than its picture")


def test_unwritable_output_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "out").write_text("a file where the folder should be")
    user_error(capsys, run(conf), "results cannot be written there")


def test_metadata_that_contradicts_explicit_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    metadata = {"network": FLAGS, "process": {"noise_schedule": "cosine"}}
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    user_error(capsys, run(conf), "was trained otherwise than configured: noise_schedule linear (the file: cosine)")


@pytest.mark.parametrize(
    ("cond_y", "message"),
    [(7, "class 7 is not in 0..6"), ([1], "lists 1 classes for 3 pictures"), ("nowhere.csv", "no such file")],
)
def test_bad_class_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str], cond_y: object, message: str) -> None:
    user_error(capsys, run(class_conditional_run(tmp_path, cond_y=cond_y)), message)


@pytest.mark.parametrize("mode", [[], ["--dry_run"]])
def test_a_missing_codec_is_reported_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mode: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--set", "animation=mp4", *mode), "an mp4 animation needs PyAV: pip install")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("metadata", [{"process": 3}, {"network": {"hologram": True}}, {"process": {"spin": 1}}])
def test_metadata_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str], metadata: dict) -> None:
    conf = make_run(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    user_error(capsys, run(conf), "its metadata is not understood")


def test_metadata_tells_of_heads_that_shapes_do_not_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    metadata = {"network": FLAGS | {"dropout": 0.1}}
    (tmp_path / "model.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), metadata))
    assert run(conf, "--set", "dropout=0.0") == 0
    user_error(capsys, run(conf, "--set", "num_head_channels=32"), "num_head_channels 32 (the file: 16)")


def test_kinds_of_path_that_nobody_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    for setting in ("model_path=ftp://host/model.pt", "data.eval.tiny.gt_path=s3://bucket/x"):
        for mode in ([], ["--dry_run"]):
            user_error(capsys, run(conf, "--set", setting, *mode), "://", "cannot be read")
