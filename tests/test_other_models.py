"""Models of others through the command line: with nothing told but where they are."""

import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.resolve import apply_weights_to_config
from repaint.config.schema import Config, load_config
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.models.unet import UNet, UNetConfig
from repaint.pipeline import pipeline
from repaint.pipeline.process import build_diffusion
from tests.helpers.command import manifest as lines_of
from tests.helpers.command import run, user_error
from tests.helpers.diffusers_models import answer, edit_json, write_model, write_plain_config
from tests.helpers.golden_inputs import (
    golden_arrays,
    golden_classifier,
    golden_network_input,
    golden_unet,
    manifest,
    relative_error,
)
from tests.helpers.tiny import SIZE, read_pixels, write_masks, write_pictures

CPU = torch.device("cpu")
X, T = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 977])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("diffusers") / "model")


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Path:
    return shutil.copytree(template, tmp_path / "model")


def check_filled(folder: Path, count: int = 2) -> None:
    for i in range(count):
        truth, filled = (read_pixels(folder / place / f"{i:02d}.png") for place in ("gt", "out/inpainted"))
        np.testing.assert_array_equal(filled[:, : SIZE // 2], truth[:, : SIZE // 2])
        assert (filled[:, SIZE // 2 :] != truth[:, SIZE // 2 :]).mean() > 0.5


class Spy:
    """Stands for the sampler: shows the network an input, and remembers its answer and the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, x: Tensor, t: Tensor, y: Tensor | None = None) -> None:
        self.given, self.diffusion, self.labels = (x, t, y), None, None
        monkeypatch.setattr(pipeline, "p_sample_loop", self)

    @torch.no_grad()
    def __call__(self, model: Any, diffusion: GaussianDiffusion, x0: Tensor, *_others: Any, **options: Any) -> Tensor:
        self.answer, self.diffusion, self.labels = model(*self.given), diffusion, options["y"]
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
    entry = manifest()["unet"][name]
    conf = write_checkpoint(tmp_path, golden_unet(name), **unsaid)
    conditional = bool(entry["config"].get("class_cond"))
    y = torch.tensor(entry["classes"]) if conditional else None
    spy = Spy(monkeypatch, golden_network_input(entry["seed"]), torch.tensor(entry["timesteps"]), y)
    assert run(conf) == 0
    assert relative_error(spy.answer, golden_arrays(f"unet_{name}")["out"]) < 1e-5
    assert (spy.labels is not None) == conditional
    out = capsys.readouterr().out
    assert ("classes: random" in out) == conditional
    assert "does not tell all, so with the usual" in out


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
        "someones.pt does not tell all, so with the usual image_size 64, num_head_channels 64, use_new_attention_order "
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
    assert all(line["checkpoint"] == str(folder) for line in lines_of(tmp_path))


def test_runs_go_on_with_the_same_model_alone(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = write_plain_config(tmp_path, folder)
    assert run(conf, "--set", "data.eval.tiny.batch_size=auto") == 0
    assert run(conf) == 0
    assert "2 of 2 pictures are finished already" in capsys.readouterr().out
    user_error(capsys, run(conf, "--set", "precision=bf16"), "tells of results of another configuration")
    assert run(conf, "--overwrite", "--set", "precision=bf16") == 0
    check_filled(tmp_path)
    assert run(conf, "--overwrite", "--set", "precision=fp32") == 0
    capsys.readouterr()
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    user_error(capsys, run(conf, "--set", "precision=fp32"), "tells of results of another configuration")


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
    flags = {key: value for key, value in manifest()["classifier"]["config"].items() if key.startswith("classifier")}
    guide = flags | {"classifier_path": str(tmp_path / "classifier.pt"), "classifier_scale": 50.0}
    conf = write_plain_config(tmp_path, folder, 1, **guide)
    write_pictures(tmp_path / "gt", 1, (64, 64))
    write_masks(tmp_path / "masks", 1, (64, 64))
    filled = []
    for y in (3, 700):
        assert run(conf, "--overwrite", "--set", f"cond_y={y}", "--set", "timestep_respacing=2") == 0
        filled.append(read_pixels(tmp_path / "out/inpainted/00.png"))
    assert (filled[0] != filled[1]).any()


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "unet"),
    [
        ({}, {}),
        ({"beta_schedule": "scaled_linear", "beta_start": 0.001, "beta_end": 0.03}, {}),
        ({"beta_schedule": "squaredcos_cap_v2", "variance_type": "fixed_large"}, {}),
        ({"beta_schedule": "sigmoid", "prediction_type": "v_prediction", "variance_type": "fixed_large_log"}, {}),
        ({"trained_betas": [0.01, 0.02, 0.4], "num_train_timesteps": 3, "prediction_type": "sample"}, {}),
        ({"variance_type": "learned_range"}, {"out_channels": 6}),
    ],
)
def test_a_reverse_step_is_that_of_the_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: dict[str, Any], unet: dict[str, Any]
) -> None:
    folder = write_model(tmp_path / "model", unet, **kind)
    config = load_config(Config, write_plain_config(tmp_path, folder))
    config = apply_weights_to_config(config, read_weights(config.model_path))
    ours = build_diffusion(config)
    theirs = DDPMScheduler.from_pretrained(folder / "scheduler")
    theirs.alphas_cumprod = torch.cumprod(1 - theirs.betas.double(), 0)  # in float32 it is the less exact of the two
    if kind.get("variance_type") == "fixed_large_log":
        theirs.variance_type = "fixed_large"  # the same; the library takes the logarithm for the variance
        theirs.register_to_config(variance_type="fixed_large")
    steps = len(theirs.betas)
    assert ours.num_timesteps == steps
    worst = 0.0
    for t in {1, 2, steps // 4, steps // 2, steps - 1} - {0}:
        out = torch.randn(2, unet.get("out_channels", 3), SIZE, SIZE)
        step = ours.p_mean_variance(lambda _x, _t, _y, out=out: out, X, t)
        ends = []
        for noise in (0.0, 1.0):
            monkeypatch.setattr(
                "diffusers.schedulers.scheduling_ddpm.randn_tensor",
                lambda shape, noise=noise, **_options: torch.full(shape, noise),
            )
            ends.append(theirs.step(out.double(), t, X.double()).prev_sample)
        spread = (0.5 * step.log_variance).exp()
        errors = (step.mean - ends[0]).abs().max(), (spread - (ends[1] - ends[0])).abs().max()
        worst = max(worst, *map(float, errors))
    assert worst < 1e-5


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
    assert "unet does not tell all, so with the usual noise_schedule linear, diffusion_steps 1000" in out
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
        ("unet/config.json", {"class_embed_type": "timestep"}, "class_embed_type timestep is not offered"),
        ("unet/config.json", {"time_embedding_type": "fourier"}, "a variance-exploding process"),
        (
            "unet/config.json",
            {"layers_per_block": 2},
            "cannot load its weights (Error(s) in loading state_dict for UNet2DModel: size mis",
        ),
        ("unet/config.json", {"norm_eps": "small"}, "config.json makes no network of the installed diffusers"),
        ("unet/config.json", {"block_out_channels": [32]}, "config.json makes no network of the installed diffusers"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "prediction_type flow is not offered"),
        ("scheduler/scheduler_config.json", {"variance_type": "learned"}, "variance_type learned is not offered"),
        ("scheduler/scheduler_config.json", {"variance_type": "learned_range"}, "contradicts the 3 out_channels"),
        ("scheduler/scheduler_config.json", {"rescale_betas_zero_snr": True}, "has a beta of 1 (zero terminal SNR"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "cubic"}, "DDPMScheduler makes no betas"),
        ("scheduler/scheduler_config.json", {"trained_betas": [-0.1]}, "DDPMScheduler has betas that are not positive"),
        ("scheduler/scheduler_config.json", {"trained_betas": True}, "DDPMScheduler makes no betas"),
        ("scheduler/scheduler_config.json", {"beta_schedule": None}, "DDPMScheduler has no betas"),
    ],
)
def test_folders_that_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, file: str, change: dict, says: str
) -> None:
    edit_json(folder / file, lambda tree: tree.update(change))
    user_error(capsys, run(write_plain_config(tmp_path, folder)), f"{folder}: ", says)


@pytest.mark.parametrize(
    "kind",
    ["ScoreSdeVeScheduler", "CMStochasticIterativeScheduler", "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"],
)
def test_processes_without_betas_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, kind: str
) -> None:
    import diffusers

    shutil.rmtree(folder / "scheduler")
    getattr(diffusers, kind)().save_config(folder / "scheduler")
    user_error(capsys, run(write_plain_config(tmp_path, folder)), f"{kind} has no betas; only discrete processes")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_channels": 32}, "a model of diffusers tells its own architecture; leave out num_channels"),
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
    user_error(capsys, run(conf), "does not tell the size of its pictures; set image_size")
    user_error(capsys, run(conf, "--set", "image_size=17"), "image_size 17 is not divisible by its down-sampling, 2")
    assert run(conf, "--set", f"image_size={SIZE}") == 0
    assert run(conf, "--overwrite", "--set", f"data.eval.tiny.image_size={SIZE}") == 0
    check_filled(tmp_path)


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


# The hub


class Hub:
    """Stands for huggingface_hub.snapshot_download: copies what is asked for into a cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Path, cache: Path) -> None:
        self.model, self.cache, self.calls = model, cache, []
        monkeypatch.setattr("huggingface_hub.snapshot_download", self)

    def __call__(self, name: str, revision: str | None, allow_patterns: list[str]) -> str:
        self.calls.append((name, revision))
        for path in self.model.rglob("*"):
            inside = path.relative_to(self.model)
            if path.is_file() and any(fnmatch(str(inside), pattern) for pattern in allow_patterns):
                (self.cache / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.cache / inside)
        return str(self.cache)


@pytest.mark.parametrize("pickled", [False, True])
def test_a_model_of_the_hub(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pickled: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if pickled:
        UNet2DModel.from_pretrained(folder / "unet").save_pretrained(folder / "unet", safe_serialization=False)
        (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(b"large")
    (folder / "README.md").write_text("long")
    hub = Hub(monkeypatch, folder, tmp_path / "cache/abc123")
    conf = write_plain_config(tmp_path, "someone/faces")
    user_error(capsys, run(conf), "no such weights file", "model_format: diffusers a model of this name on the Hugging")
    assert not hub.calls
    diffusers = ("--set", "model_format=diffusers")
    assert run(conf, "--dry_run", *diffusers) == 0
    assert "missing" not in capsys.readouterr().out
    assert run(conf, *diffusers) == 0
    check_filled(tmp_path)
    assert hub.calls[0] == ("someone/faces", None)  # the newest, and then of the same commit
    assert set(hub.calls[1:]) == {("someone/faces", None), ("someone/faces", "abc123")}
    fetched = {str(path.relative_to(hub.cache)) for path in hub.cache.rglob("*") if path.is_file()}
    suffix = "bin" if pickled else "safetensors"
    assert fetched == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        f"unet/diffusion_pytorch_model.{suffix}",
    }


def test_a_wrong_model_of_the_hub_costs_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_json(folder / "unet/config.json", lambda tree: tree.update(in_channels=4))
    hub = Hub(monkeypatch, folder, tmp_path / "cache")
    conf = write_plain_config(tmp_path, "someone/latents", model_format="diffusers")
    user_error(capsys, run(conf), "someone/latents: in_channels 4")
    assert len(hub.calls) == 1


def test_without_a_network_the_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*_arguments: object, **_options: object) -> str:
        raise LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder\nand no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    conf = write_plain_config(tmp_path, "someone/faces", model_format="diffusers")
    says = "someone/faces: cannot be fetched from the Hugging Face hub (Cannot find an appropriate cached snapshot"
    user_error(capsys, run(conf), says, "check the name and the network, or give the folder of a copy")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    user_error(capsys, run(conf), "someone/faces on the Hugging Face hub needs huggingface_hub: pip install")
