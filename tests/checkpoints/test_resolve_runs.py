"""Models of others through the command line, with nothing configured but their path."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.diffusion.reverse_steps import DDPMStep
from repaint.models.conv_rates import ConvShape
from repaint.models.unet import UNet, UNetConfig
from repaint.pipeline import pipeline, precision_choice
from tests.helpers.command import manifest, run, user_error
from tests.helpers.diffusers_models import answer, check_filled, edit_json, write_model, write_plain_config
from tests.helpers.golden_inputs import (
    golden_arrays,
    golden_classifier,
    golden_network_input,
    golden_unet,
    relative_error,
)
from tests.helpers.golden_inputs import manifest as golden_manifest
from tests.helpers.tiny import SIZE, read_pixels, write_masks, write_pictures

X, T = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 977])


class Spy:
    """Stands for the sampler: shows the network an input, and remembers its answer and the labels."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, x: Tensor, t: Tensor, y: Tensor | None = None) -> None:
        self.given, self.labels = (x, t, y), None
        monkeypatch.setattr(pipeline, "p_sample_loop", self)

    @torch.no_grad()
    def __call__(self, step: DDPMStep, _diffusion: object, x0: Tensor, *_others: object, **_options: object) -> Tensor:
        self.answer, self.labels = step.model(*self.given), step.y
        return x0


# Checkpoints of guided-diffusion


def write_checkpoint(folder: Path, network: UNet, **changes: Any) -> Path:
    torch.save(network.state_dict(), folder / "someones.pt")
    conf = write_plain_config(folder, folder / "someones.pt", 1, model="auto", **changes)
    size = network.config.image_size
    write_pictures(folder / "gt", 1, (size, size))
    write_masks(folder / "masks", 1, (size, size))
    return conf


@pytest.mark.parametrize(
    ("name", "unsaid"),
    [
        ("depth2_head64", {"image_size": 64}),
        (
            "plain_newattn_classcond",
            {"image_size": 64, "num_heads": 2, "num_head_channels": -1, "use_new_attention_order": True},
        ),
    ],
)
def test_golden_checkpoints_need_only_what_no_shape_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, unsaid: dict
) -> None:
    entry = golden_manifest()["unet"][name]
    conf = write_checkpoint(tmp_path, golden_unet(name), **unsaid)
    conditional = bool(entry["config"].get("class_cond"))
    y = torch.tensor(entry["classes"]) if conditional else None
    spy = Spy(monkeypatch, golden_network_input(entry["seed"]), torch.tensor(entry["timesteps"]), y)
    assert run(conf) == 0
    assert relative_error(spy.answer, golden_arrays(f"unet_{name}")["out"]) < 1e-5
    assert (spy.labels is not None) == conditional
    out = capsys.readouterr().out
    assert ("classes: random" in out) == conditional
    assert "does not specify all flags; assumed: " in out


@pytest.mark.parametrize("classes", [None, 7])
def test_nothing_but_the_path_of_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], classes: int | None
) -> None:
    torch.manual_seed(0)
    shape = UNetConfig(64, 64, 1, (1, 2, 3, 4), (8,), num_head_channels=64, resblock_updown=True, num_classes=classes)
    network = UNet(shape).eval()
    torch.nn.init.normal_(network.out[2].weight, std=0.05)
    conf = write_checkpoint(tmp_path, network)
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([500])
    y = None if classes is None else torch.tensor([3])
    spy = Spy(monkeypatch, x, t, y)
    assert run(conf) == 0
    with torch.no_grad():
        torch.testing.assert_close(spy.answer, network(x, t, y), rtol=0, atol=1e-5)
    assert (
        "someones.pt does not specify all flags; assumed: image_size 64, num_head_channels 64, use_new_attention_order "
        "False, noise_schedule linear, diffusion_steps 1000, rescale_timesteps False; set these keys if it was trained "
        "otherwise\n"
    ) in capsys.readouterr().out
    assert run(conf, "--dry_run", "--set", "noise_schedule=cosine") == 0
    out = capsys.readouterr().out
    assert "image_size: 64\n" in out
    assert "noise_schedule: cosine\n" in out
    assert "use_new_attention_order False, diffusion_steps 1000" in out


# Models of diffusers


@pytest.mark.parametrize("changes", [{}, {"model": "auto", "model_format": "diffusers"}])
def test_nothing_but_the_folder_of_a_pipeline(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str]
) -> None:
    conf = write_plain_config(tmp_path, folder, **changes)
    assert run(conf) == 0
    assert capsys.readouterr().out.count("\n") == 2  # no notes
    check_filled(tmp_path)
    assert all(line["checkpoint"] == str(folder) for line in manifest(tmp_path))


def test_runs_go_on_with_the_same_model_alone(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_plain_config(tmp_path, folder)
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    assert run(conf) == 0
    assert "2 of 2 pictures are finished already" in capsys.readouterr().out
    user_error(capsys, run(conf, "--set", "precision=bf16"), "holds results of another configuration")
    assert run(conf, "--overwrite", "--set", "precision=bf16") == 0
    check_filled(tmp_path)
    assert run(conf, "--overwrite", "--set", "precision=fp32") == 0
    capsys.readouterr()
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    user_error(capsys, run(conf, "--set", "precision=fp32"), "holds results of another configuration")


def test_auto_precision_measures_the_network_of_the_checkpoint(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes: list[ConvShape] = []
    monkeypatch.setattr(precision_choice, "measure_rates", lambda shape: shapes.append(shape) or {"fp32": 1, "bf16": 2})
    conf = write_plain_config(tmp_path, folder, precision="auto")
    for options in (["--dry_run"], []):
        assert run(conf, *options) == 0
        assert "precision: auto is bf16 (measured" in capsys.readouterr().out
    assert shapes == [ConvShape(64, 64, (3, 3), (1, 1), 1, SIZE // 2)] * 2
    check_filled(tmp_path)


@pytest.mark.parametrize(
    "unet", [{}, {"num_class_embeds": 7}, {"out_channels": 6, "resnet_time_scale_shift": "scale_shift"}]
)
def test_the_network_answers_as_in_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unet: dict[str, Any]
) -> None:
    kinds = {"variance_type": "learned_range"} if "out_channels" in unet else {}
    folder = write_model(tmp_path / "model", unet, **kinds)
    y = torch.tensor([2, 5]) if "num_class_embeds" in unet else None
    spy = Spy(monkeypatch, X, T, y)
    assert run(write_plain_config(tmp_path, folder)) == 0
    assert spy.answer.abs().max() > 0.01
    torch.testing.assert_close(spy.answer, answer(folder / "unet", X, T, y), rtol=0, atol=1e-5)
    assert (spy.labels is not None and int(spy.labels.max()) < 7) == ("num_class_embeds" in unet)
    assert ("classes: random" in capsys.readouterr().out) == ("num_class_embeds" in unet)


def test_a_classifier_guides_a_network_of_diffusers(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", {"sample_size": 64})
    torch.save(golden_classifier().state_dict(), tmp_path / "classifier.pt")
    flags = {
        key: value for key, value in golden_manifest()["classifier"]["config"].items() if key.startswith("classifier")
    }
    guide = flags | {"classifier_path": str(tmp_path / "classifier.pt"), "classifier_scale": 50.0}
    conf = write_plain_config(tmp_path, folder, 1, **guide)
    write_pictures(tmp_path / "gt", 1, (64, 64))
    write_masks(tmp_path / "masks", 1, (64, 64))
    filled = []
    for y in (3, 700):
        assert run(conf, "--overwrite", "--set", f"cond_y={y}", "--set", "timestep_respacing=2") == 0
        filled.append(read_pixels(tmp_path / "out/inpainted/00.png"))
    assert (filled[0] != filled[1]).any()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_channels": 32}, "a model of diffusers has its own architecture; leave out num_channels"),
        ({"image_size": 32}, "image_size 32 (the file: 16)"),
        ({"diffusion_steps": 500}, "diffusion_steps 500 (the file: 1000)"),
        ({"noise_schedule": "linear"}, "noise_schedule linear (the file: betas of its own, 1000 numbers from 0.0001"),
        ({"predict_v": True}, "predict_v True (the file: False)"),
        ({"class_cond": True}, "class_cond True (the file: False)"),
        ({"model_format": "guided_diffusion"}, "a folder, but weights of guided-diffusion are a file"),
        ({"precision": "tf32"}, "tf32 is a number format of NVIDIA's GPUs"),
    ],
)
def test_keys_that_contradict_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, changes: dict, says: str
) -> None:
    conf = write_plain_config(tmp_path, folder, **changes)
    user_error(capsys, run(conf), says)
    user_error(capsys, run(conf, "--dry_run"), says)


def test_a_folder_without_a_size_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    edit_json(folder / "unet/config.json", lambda tree: tree.update(sample_size=None))
    conf = write_plain_config(tmp_path, folder)
    user_error(capsys, run(conf), "does not specify the size of its pictures; set image_size")
    user_error(capsys, run(conf, "--set", "image_size=17"), "image_size 17 is not divisible by its down-sampling, 2")
    assert run(conf, "--set", f"image_size={SIZE}") == 0
    assert run(conf, "--overwrite", "--set", f"data.eval.tiny.image_size={SIZE}") == 0
    check_filled(tmp_path)
