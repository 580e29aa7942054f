"""Folders of the diffusers library: their layouts, and what cannot be run."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file, save_file

from repaint.checkpoints.formats import read_weights
from repaint.errors import CheckpointError
from tests.helpers.command import run, user_error
from tests.helpers.diffusers_models import edit_json, write_model, write_plain_config


def test_layouts_of_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All in one folder, as old models of the hub have it; a bare network, which says nothing of the process."""
    folder = write_model(tmp_path / "model", num_train_timesteps=500)
    flat = shutil.copytree(folder, tmp_path / "flat")
    for part in ("unet", "scheduler"):
        shutil.copytree(flat / part, flat, dirs_exist_ok=True)
        shutil.rmtree(flat / part)
    weights = [read_weights(str(each)) for each in (folder, flat, folder / "unet")]
    assert weights[0].metadata == weights[1].metadata
    assert weights[0].metadata["process"]["diffusion_steps"] == 500
    assert weights[2].metadata["process"] == {}
    assert len({each.digest for each in weights}) == 1
    conf = write_plain_config(tmp_path, folder / "unet")
    assert run(conf, "--dry_run", "--set", "sigma_small=true") == 0
    out = capsys.readouterr().out
    assert "unet does not specify all flags; assumed: noise_schedule linear, diffusion_steps 1000" in out
    assert "num_channels" not in out


def test_pickled_sharded_and_old_weights(tmp_path: Path, folder: Path) -> None:
    expected = read_weights(str(folder)).state
    network = UNet2DModel.from_pretrained(folder / "unet")
    network.save_pretrained(tmp_path / "pickled", safe_serialization=False)
    network.save_pretrained(tmp_path / "sharded", max_shard_size="200KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    old = shutil.copytree(tmp_path / "pickled", tmp_path / "old")
    (path,) = old.glob("*.bin")
    new_names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = torch.load(path)
    for new, name in new_names.items():
        state = {key.replace(f".{new}.", f".{name}."): value for key, value in state.items()}
    assert any("query" in key for key in state)
    torch.save(state, path)
    for name in ("pickled", "sharded", "old"):
        state = read_weights(str(tmp_path / name)).state
        assert state.keys() == expected.keys()
        assert all(torch.equal(value, expected[key]) for key, value in state.items())


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.trace,))


def test_a_malicious_pickle_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.unlink()
    torch.save({"w": Malicious(tmp_path / "executed")}, weights.with_suffix(".bin"))
    user_error(capsys, run(write_plain_config(tmp_path, folder)), "diffusers cannot load its weights")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("model_index.json", {"unet": ["diffusers", "UNet2DConditionModel"]}, "of UNet2DConditionModel cannot be run"),
        ("model_index.json", {"vqvae": ["diffusers", "VQModel"]}, "vqvae (VQModel) beside its network; only networks"),
        ("model_index.json", {"unet": None}, "DDPMPipeline of DDPMScheduler cannot be run"),
        ("unet/config.json", {"_class_name": "UNet2DConditionModel"}, "its network is a UNet2DConditionModel"),
        ("unet/config.json", {"in_channels": 4}, "in_channels 4 and out_channels 3; only networks for RGB"),
        ("unet/config.json", {"out_channels": 4}, "in_channels 3 and out_channels 4"),
        ("unet/config.json", {"out_channels": 6}, "variance_type fixed_small contradicts the 6 out_channels"),
        ("unet/config.json", {"sample_size": [16, 32]}, "sample_size [16, 32] is not square"),
        ("unet/config.json", {"class_embed_type": "timestep"}, "class_embed_type timestep is not supported"),
        ("unet/config.json", {"time_embedding_type": "fourier"}, "a variance-exploding process"),
        (
            "unet/config.json",
            {"layers_per_block": 2},
            "cannot load its weights (Error(s) in loading state_dict for UNet2DModel: size mis",
        ),
        ("unet/config.json", {"norm_eps": "small"}, "config.json makes no network of the installed diffusers"),
        ("unet/config.json", {"block_out_channels": [32]}, "config.json makes no network of the installed diffusers"),
    ],
)
def test_folders_that_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, file: str, change: dict, says: str
) -> None:
    edit_json(folder / file, lambda tree: tree.update(change))
    user_error(capsys, run(write_plain_config(tmp_path, folder)), f"{folder}: ", says)


def test_incomplete_and_missing_models(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    conf = write_plain_config(tmp_path, folder)
    shutil.rmtree(folder / "scheduler")
    user_error(capsys, run(conf), "model_index.json names a scheduler, but there is no scheduler_config.json")
    (folder / "model_index.json").unlink()
    (folder / "unet/config.json").write_text("{")
    user_error(capsys, run(conf), "config.json is damaged")
    (folder / "unet/config.json").unlink()
    user_error(capsys, run(conf), "no model of diffusers: it has neither model_index.json nor config.json")
    diffusers = ("--set", "model_format=diffusers")
    user_error(capsys, run(conf, *diffusers, "--set", "model_path=/nowhere"), "no such folder, nor a name owner/model")
    assert run(conf, "--dry_run", *diffusers, "--set", "model_path=/nowhere") == 0
    out = capsys.readouterr().out
    assert "missing: /nowhere" in out
    assert "memory" not in out
    user_error(capsys, run(conf, *diffusers, "--set", f"model_path={conf}"), "a file, but a model of diffusers is a fo")
    user_error(capsys, run(conf, *diffusers, "--set", "model_path=gs://b/m"), "must be a local folder, or owner/name")


def test_weights_are_missed_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    user_error(capsys, run(write_plain_config(tmp_path, folder)), "there is no diffusion_pytorch_model.safetensors")


def test_what_is_missing_is_not_left_at_random(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (path,) = (folder / "unet").glob("*.safetensors")
    state = load_file(path)
    state["more"] = state.pop("conv_in.bias")
    save_file(state, path, {"format": "pt"})
    says = "its weights do not fit its config.json. Keys missing: 1, such as conv_in.bias; unexpected: 1, such as more"
    user_error(capsys, run(write_plain_config(tmp_path, folder)), says)


def test_without_the_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    user_error(capsys, run(write_plain_config(tmp_path, folder)), "needs the diffusers library: pip install '.[diff")


def test_the_moving_average_beside_the_network_is_taken(folder: Path) -> None:
    """The library's trainers write `unet_ema` beside `unet`."""
    raw = read_weights(str(folder))
    shutil.copytree(folder / "unet", folder / "unet_ema")
    (file,) = (folder / "unet_ema").glob("*.safetensors")
    save_file({key: torch.full_like(value, 0.5) for key, value in load_file(file).items()}, file, {"format": "pt"})
    average, chosen = read_weights(str(folder)), read_weights(str(folder), entry="unet")
    assert all((value == 0.5).all() for value in average.state.values())
    assert average.entry == "unet_ema"
    assert "moving average (EMA) unet_ema is taken; model_entry: unet takes the other" in str(average.note)
    assert all(torch.equal(chosen.state[key], raw.state[key]) for key in raw.state)
    assert (raw.entry, raw.note, chosen.note) == (None, None, None)
    with pytest.raises(CheckpointError, match="has no folder unet_x of a network"):
        read_weights(str(folder), entry="unet_x")
