"""Inpainting from Python: the same picture as the command line's, any kind of input, clear errors."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import repaint
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main as fill_command
from repaint.config.presets import PRESETS, Preset
from repaint.inference import batch_size
from repaint.pipeline import pipeline, precision_choice
from tests.helpers.tiny import FLAGS, SIZE, make_run, read_pixels, tiny_unet

# What the tiny network's shapes do not tell, and a short schedule.
SETTINGS: dict[str, Any] = {
    "image_size": SIZE,
    "num_head_channels": FLAGS["num_head_channels"],
    "schedule": None,
    "timestep_respacing": "4",
    "schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2},
    "device": "cpu",
}
NO_STEPS: dict[str, Any] = {"timestep_respacing": "3", "schedule_jump_params": {}}

# The tiny network is none of the published, so its heads and process are assumed.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    return path


@pytest.fixture(scope="module")
def tiny_inpainter(model: Path) -> repaint.Inpainter:
    return repaint.Inpainter(model, **SETTINGS)


def half(height: int = SIZE, width: int = SIZE) -> np.ndarray:
    known = np.ones((height, width), bool)
    known[:, width // 2 :] = False
    return known


def noise_picture(height: int = SIZE, width: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("fit", ["crop", "window", "pad"])
def test_the_command_line_gives_the_same_picture(tmp_path: Path, fit: str) -> None:
    conf = make_run(tmp_path, count=1)
    assert fill_command(["--conf_path", str(conf), "--device", "cpu", "--set", "num_samples_per_image=3",
                         "--set", "seed=5", "--set", f"data.eval.tiny.fit={fit}"]) == 0  # fmt: skip
    fills = repaint.inpaint(
        str(tmp_path / "gt/00.png"),
        tmp_path / "masks/00.png",
        model=tmp_path / "model.safetensors",
        seed=5,
        num_samples=3,
        fit=fit,
        **SETTINGS,
    )
    for sample, fill in enumerate(fills):
        assert (np.asarray(fill) == read_pixels(tmp_path / f"out/inpainted/00_{sample}.png")).all()


@pytest.mark.parametrize(
    "wrap",
    [Image.fromarray, lambda a: a, lambda a: Image.fromarray(a).convert("RGBA")],
    ids=["Pillow", "array", "RGBA"],
)
def test_inputs_of_all_kinds_are_the_same_picture(
    tiny_inpainter: repaint.Inpainter, wrap: Callable[[Any], Any]
) -> None:
    truth, known = noise_picture(), half()
    (expected,) = tiny_inpainter(Image.fromarray(truth), known)
    (fill,) = tiny_inpainter(wrap(truth), wrap(np.where(known, 255, 0).astype(np.uint8)))
    assert (np.asarray(fill)[..., :3] == np.asarray(expected)).all()
    assert (np.asarray(expected)[known] == truth[known]).all()
    assert (np.asarray(expected)[~known] != truth[~known]).any()


def test_any_size_comes_back_with_transparency_and_profile(tiny_inpainter: repaint.Inpainter) -> None:
    truth, known = noise_picture(40, 70), half(40, 70)
    known[:, :30] = False
    picture = Image.fromarray(np.dstack([truth, np.where(known, 200, 90).astype(np.uint8)]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.info["icc_profile"] = profile
    fills = tiny_inpainter(picture, known, num_samples=3)
    assert [(fill.size, fill.mode) for fill in fills] == [((70, 40), "RGBA")] * 3
    assert all((np.asarray(fill)[known] == np.asarray(picture)[known]).all() for fill in fills)
    assert fills[0].info["icc_profile"] == profile
    assert fills[0].tobytes() != fills[1].tobytes()


def test_transparent_parts_are_the_hole_without_a_mask(tiny_inpainter: repaint.Inpainter) -> None:
    truth, known = noise_picture(), half()
    (fill,) = tiny_inpainter(np.dstack([truth, np.where(known, 255, 0).astype(np.uint8)]), None)
    (expected,) = tiny_inpainter(truth, known)
    assert (np.asarray(fill)[..., :3] == np.asarray(expected)).all()
    assert (np.asarray(fill)[..., 3] == 255).all()


def test_the_seed_decides(tiny_inpainter: repaint.Inpainter) -> None:
    fills = [tiny_inpainter(noise_picture(), half(), seed=seed)[0].tobytes() for seed in (0, 0, 1)]
    assert fills[0] == fills[1] != fills[2]


def test_polarity_can_be_turned(model: Path) -> None:
    turned = repaint.Inpainter(model, mask_polarity="hole_white", **SETTINGS)
    (fill,) = turned(noise_picture(), ~half())
    assert (np.asarray(fill)[half()] == noise_picture()[half()]).all()
    assert (np.asarray(fill)[~half()] != noise_picture()[~half()]).any()


def test_fills_that_do_not_fit_together_are_made_one_after_the_other(
    tiny_inpainter: repaint.Inpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = tiny_inpainter(noise_picture(), half(), num_samples=3)
    monkeypatch.setattr(batch_size, "largest_batch", lambda _pipeline, _most: 2)
    apart = tiny_inpainter(noise_picture(), half(), num_samples=3)
    assert max(np.abs(np.asarray(a, int) - np.asarray(b)).max() for a, b in zip(together, apart, strict=True)) <= 1


@pytest.mark.parametrize("fit", ["window", "crop"])
def test_a_picture_without_hole_comes_back(model: Path, fit: str) -> None:
    tiny_inpainter = repaint.Inpainter(model, fit=fit, **SETTINGS)
    whole = np.ones((SIZE, SIZE), bool)
    assert tiny_inpainter.count_calls(noise_picture(), whole) == 0
    (fill,) = tiny_inpainter(noise_picture(), whole)
    assert (np.asarray(fill) == noise_picture()).all()


def test_counting_refuses_wrong_numbers_of_fills(tiny_inpainter: repaint.Inpainter) -> None:
    with pytest.raises(repaint.ConfigError, match=r"num_samples must be a whole number from 1 on, not 1\.5"):
        tiny_inpainter.count_calls(noise_picture(), half(), num_samples=1.5)  # type: ignore[arg-type]


def test_the_callback_sees_every_step_and_can_stop(tiny_inpainter: repaint.Inpainter) -> None:
    steps: list[repaint.Step] = []
    tiny_inpainter(noise_picture(), half(), num_samples=2, callback=steps.append)
    assert [(step.t, step.s) for step in steps] == list(pairwise(tiny_inpainter.pipeline.times))
    assert steps[-1].nfe == tiny_inpainter.pipeline.nfe
    assert steps[0].x.shape == (2, 3, SIZE, SIZE)

    def stop(step: repaint.Step) -> None:
        steps.append(step)
        raise KeyboardInterrupt

    steps.clear()
    with pytest.raises(KeyboardInterrupt):
        tiny_inpainter(noise_picture(), half(), callback=stop)
    assert len(steps) == 1


def test_classes(tmp_path: Path) -> None:
    path = tmp_path / "classes.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet(num_classes=5).state_dict(), {}))
    tiny_inpainter = repaint.Inpainter(path, **SETTINGS)
    fills = [tiny_inpainter(noise_picture(), half(), y=y)[0].tobytes() for y in (None, 0, 1)]
    assert fills[1] != fills[2]
    with pytest.raises(repaint.ConfigError, match=r"class 5 is not in 0\.\.4"):
        tiny_inpainter(noise_picture(), half(), y=5)
    with pytest.raises(repaint.ConfigError, match="adapt: a class-conditional model"):
        tiny_inpainter.with_settings(adapt={})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": half(SIZE, 2 * SIZE)}, "another aspect ratio"),
        ({"mask": half().astype(float)}, "mask: an array must be uint8"),
        ({"image": noise_picture().astype(np.float32)}, r"image: an array must be uint8 .* not float32 \[16, 16, 3\]"),
        ({"image": Image.new("F", (SIZE, SIZE), 300)}, "image: its pixels are floats"),
        ({"image": "nowhere.png"}, "nowhere.png"),
        ({"mask": None}, "image: has no transparent part"),
        ({"num_samples": 0}, "num_samples must be a whole number from 1 on, not 0"),
        ({"num_samples": 1.5}, "num_samples must be a whole number from 1 on, not 1.5"),
        ({"y": 3}, "y=3: neither the network nor a classifier asks for a class"),
        ({"mask": half()[None]}, r"mask: an array must be .* not bool \[1, 16, 16\]"),
        ({"image": noise_picture()[:0]}, r"not uint8 \[0, 16, 3\]"),
        ({"image": noise_picture()[0, 0]}, r"not uint8 \[3\]"),
        ({"image": [1, 2]}, "image: a Pillow picture, an array or a path is needed, not list"),
        ({"seed": -1}, "seed"),
    ],
)
def test_mistakes_are_reported_in_one_line(
    tiny_inpainter: repaint.Inpainter, arguments: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {"image": noise_picture(), "mask": half()} | arguments
    with pytest.raises(repaint.RepaintError, match=message) as caught:
        tiny_inpainter(given.pop("image"), given.pop("mask"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 4}, "unknown key 'batch_size'; did you mean 'adapt.batch_size'?"),
        ({"timestep_respacin": "4"}, "did you mean 'timestep_respacing'"),
        ({"schedule": "quick"}, "schedule"),
        ({"device": "toaster"}, "toaster"),
        ({"num_channels": 64}, "num_channels 64 \\(the file: 32\\)"),
        ({"use_ddim": False, "ddim_eta": 0.5}, "ddim_eta has no meaning"),
        ({"fit": "windw"}, "fit: .*'windw'"),
        ({"mask_polarity": "hole-white"}, "mask_polarity: .*'hole-white'"),
        ({"window_context": -3.0}, "window_context"),
        ({"fit": "pad", "window_context": 0.5}, "window_context has no meaning without fit: window"),
        ({"paste_known": False}, "paste_known: false .* only fit: crop"),
        ({"inpa_inj_sched_prev": False}, "only fit: crop allows it"),
        ({"mask_channel": "alpha", "mask_color": "#f0f"}, "mask_channel: alpha and mask_color exclude each other"),
        ({"mask_channel": "alpha", "mask_polarity": "hole_white"}, "alpha and mask_polarity: hole_white exclude"),
        ({"mask_color": "#f0f", "mask_polarity": "hole_white"}, "hole_white is about grey mask files, not mask_color"),
        ({"seed": 5}, "seed is not a setting"),
        ({"model_path": "other.pt"}, "model_path is not a setting; give the model by that name"),
    ],
)
def test_wrong_settings_are_reported_in_one_line(model: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(repaint.ConfigError, match=message):
        repaint.Inpainter(model, **(SETTINGS | settings))


def test_what_is_assumed_of_a_model_is_warned_of(model: Path) -> None:
    with pytest.warns(UserWarning, match="assumed: num_heads 4"):
        tiny_inpainter = repaint.Inpainter(model, **SETTINGS)
    assert "noise_schedule linear" in str(tiny_inpainter.note)


def test_keys_without_effect_are_warned_of(model: Path) -> None:
    with pytest.warns(UserWarning, match="keys without effect: cond_y"):
        assert "cond_y" in str(repaint.Inpainter(model, **SETTINGS, cond_y=3).note)


def test_another_schedule_shares_the_network(
    tiny_inpainter: repaint.Inpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "preview", Preset(3, 1, 2))
    other = tiny_inpainter.with_schedule("preview")
    assert other.pipeline.model is tiny_inpainter.pipeline.model
    assert (other.pipeline.nfe, other.count_calls(noise_picture(), half())) == (5, 5)
    (fill,) = other(noise_picture(), half())
    (own,) = repaint.Inpainter(
        tiny_inpainter.pipeline.config.model_path, **(SETTINGS | {"schedule": "preview"} | NO_STEPS)
    )(noise_picture(), half())
    assert fill.tobytes() == own.tobytes()
    assert tiny_inpainter.pipeline.nfe == 7
    with pytest.raises(repaint.ConfigError, match="schedule"):
        tiny_inpainter.with_schedule("quick")


def test_other_settings_share_the_network_and_give_what_a_model_loaded_with_them_gives(
    tiny_inpainter: repaint.Inpainter, model: Path
) -> None:
    picture, mask = noise_picture(3 * SIZE, 3 * SIZE), half(3 * SIZE, 3 * SIZE)
    (before,) = tiny_inpainter(picture, mask)
    other: dict[str, Any]
    for other in (
        {"extend": {"left": 8}},
        {"mask_feather": 2},
        {"refine": "auto"},
        {"adapt": {"steps": 1, "batch_size": 1, "lr": 0.1}},
    ):
        variant = tiny_inpainter.with_settings(**other)
        assert variant.pipeline.model is tiny_inpainter.pipeline.model
        (fill,) = variant(picture, mask)
        (own,) = repaint.Inpainter(model, **SETTINGS, **other)(picture, mask)
        assert fill.tobytes() == own.tobytes() != before.tobytes()
    assert tiny_inpainter(picture, mask)[0].tobytes() == before.tobytes()
    extended = tiny_inpainter.with_settings(extend=8)
    assert extended(noise_picture())[0].size == (SIZE + 16, SIZE + 16)  # all of it is known without a mask
    assert extended.with_settings(mask_feather=2)._fitting.extend is not None
    for about_masks in ({"mask_feather": 2}, {"mask_soft": True}):
        with pytest.raises(repaint.ConfigError, match="is about masks, but there is none beside extend"):
            extended.with_settings(**about_masks)(noise_picture())
    for wrong, message in (({"extend": 8, "fit": "crop"}, "fit: crop"), ({"steps": 3}, "steps")):
        with pytest.raises(repaint.ConfigError, match=message):
            tiny_inpainter.with_settings(**wrong)


def test_other_settings_about_masks_must_fit_what_was_chosen(model: Path) -> None:
    transparent = repaint.Inpainter(model, mask_channel="alpha", **SETTINGS)
    for other in ({"mask_color": "#f0f"}, {"mask_polarity": "hole_white"}):
        with pytest.raises(repaint.ConfigError, match="exclude each other"):
            transparent.with_settings(**other)


def test_auto_precision_is_chosen_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision_choice, "measure_rates", lambda _shape: {"fp32": 500.0, "bf16": 900.0})
    auto = repaint.Inpainter(model, precision="auto", **SETTINGS)
    assert auto.precision is not None
    assert auto.precision.describe() == "precision: auto is bf16 (measured: fp32 500, bf16 900 GFLOP/s a core)"
    monkeypatch.setattr(precision_choice, "measure_rates", None)
    bf16 = repaint.Inpainter(model, precision="bf16", **SETTINGS)
    assert bf16.precision is None
    fills = [each(noise_picture(), half())[0].tobytes() for each in (auto, bf16)]
    assert fills[0] == fills[1]
    monkeypatch.setitem(PRESETS, "preview", Preset(3, 1, 2))
    assert auto.with_schedule("preview").pipeline.config.precision == "bf16"


def test_another_schedule_has_its_own_method_unless_one_was_chosen(model: Path) -> None:
    settings = SETTINGS | {"schedule": "fast"} | NO_STEPS
    assert repaint.Inpainter(model, **settings).with_schedule("preview").pipeline.nfe == 33
    assert repaint.Inpainter(model, **settings).with_schedule("paper").pipeline.nfe == 2410
    chosen = repaint.Inpainter(model, **settings, langevin={"step_size": 1.0}).with_schedule("preview").pipeline.config
    assert chosen.langevin is not None
    assert (chosen.langevin.inner_steps, chosen.langevin.step_size) == (2, 1.0)
    ddnm = repaint.Inpainter(model, **settings, method="ddnm").with_schedule("preview").pipeline
    assert (ddnm.config.method, ddnm.nfe) == ("ddnm", 58)
    refining = repaint.Inpainter(model, **settings, refine="auto", refine_from=0.4, refine_step_size=2.0)
    assert refining.with_schedule("preview").pipeline.config.refine_step_size == 2.0
    for schedule, method in (("paper", None), ("best", "dps")):  # of which the step is no setting
        assert refining.with_schedule(schedule, method).pipeline.config.refine == "auto"
    other = repaint.Inpainter(model, **settings, method="langevin", langevin={"step_size": 1.0})
    assert other.with_schedule("preview", "dps").pipeline.nfe == 60
    with pytest.raises(repaint.ConfigError, match="not 'lanpaint'"):
        other.with_schedule("preview", "lanpaint")


def test_too_little_memory_is_reported_in_one_line(
    tiny_inpainter: repaint.Inpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(pipeline, "p_sample_loop", full)
    with pytest.raises(repaint.ConfigError, match="out of memory with one picture at a time"):
        tiny_inpainter(noise_picture(), half(), num_samples=2)


def test_a_cut_off_file_is_an_error(tiny_inpainter: repaint.Inpainter, tmp_path: Path) -> None:
    Image.fromarray(noise_picture()).save(tmp_path / "whole.png")
    (tmp_path / "part.png").write_bytes((tmp_path / "whole.png").read_bytes()[:300])
    with pytest.raises(repaint.DataError, match="image: not a readable picture"):
        tiny_inpainter(Image.open(tmp_path / "part.png"), half())


def test_a_fill_that_is_not_finite_is_an_error(model: Path) -> None:
    broken = repaint.Inpainter(model, **SETTINGS)
    object.__setattr__(broken.pipeline, "model", lambda x, _t, _y: torch.full_like(x, torch.nan).repeat(1, 2, 1, 1))
    with pytest.raises(repaint.DataError, match=r"^image: fill 0: not finite from transition 1"):
        broken(noise_picture(), half())


def test_the_note_names_what_may_surprise(tmp_path: Path) -> None:
    good = tiny_unet().state_dict()
    torch.save({"model": {key: 0 * value for key, value in good.items()}, "ema": good}, tmp_path / "both.pt")
    settings = FLAGS | {"timestep_respacing": "10", "schedule_jump_params": {"t_T": 4, "jump_n_sample": 1}}
    with pytest.warns(UserWarning, match="entry ema is taken"):
        painter = repaint.Inpainter(tmp_path / "both.pt", schedule=None, device="cpu", **settings)
    for part in ("entry ema is taken; model_entry", "respaced to 4 even steps"):
        assert part in str(painter.note)
    assert painter.pipeline.nfe == 4
