"""Published checkpoints and published YAML files: same keys, same format, the published picture."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from repaint.checkpoints.formats import read_classifier_weights, read_weights
from repaint.commands.fill import main as fill_command
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.data.images import to_uint8
from repaint.diffusion.reverse_steps import DDPMStep
from repaint.models.classifier import Classifier
from repaint.models.unet import DEFAULT_CHANNEL_MULT, UNet, UNetConfig
from repaint.noise import PictureNoise, picture_seed
from repaint.pipeline.network import load_cond_fn, load_network
from repaint.pipeline.process import build_diffusion, build_times
from repaint.sampler import p_sample_loop
from tests.helpers.configurations import PUBLISHED_FORMAT
from tests.helpers.golden_inputs import (
    SIZE,
    golden_arrays,
    golden_classifier,
    golden_mask,
    golden_picture,
    golden_unet,
    manifest,
    relative_error,
)
from tests.helpers.tiny import read_pixels, write_masks, write_pictures

ROOT = Path(__file__).parents[1]


@pytest.fixture
def guided_run(tmp_path: Path) -> Path:
    """A file in the published format, all its keys, for the golden class-conditional run with guidance."""
    run = manifest()["sampler"]["s_guided"]
    torch.save(golden_unet(run["unet"]).state_dict(), tmp_path / "diffusion.pt")
    torch.save(golden_classifier().state_dict(), tmp_path / "classifier.pt")
    (tmp_path / "gt").mkdir()
    (tmp_path / "masks").mkdir()
    Image.fromarray(to_uint8(golden_picture(run["seed"])[0])).save(tmp_path / "gt/wave.png")
    mask = golden_mask(run["mask"])[0, 0].numpy()
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "masks/wave.png")

    tree = yaml.safe_load(PUBLISHED_FORMAT)
    flags: dict[str, Any] = manifest()["unet"][run["unet"]]["config"] | manifest()["classifier"]["config"]
    tree |= flags | {
        "model_path": str(tmp_path / "diffusion.pt"),
        "classifier_path": str(tmp_path / "classifier.pt"),
        "classifier_scale": run["guide"],
        "cond_y": run["y"],
        "timestep_respacing": run["T"],
        "schedule_jump_params": run["sched"],
        "seed": run["seed"],
        "paste_known": False,
    }
    (data,) = tree["data"]["eval"].values()
    data |= {"gt_path": str(tmp_path / "gt"), "mask_path": str(tmp_path / "masks"), "image_size": SIZE}
    data["paths"] = {key: str(tmp_path / "out" / key) for key in data["paths"]}
    path = tmp_path / "published.yml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_published_format_gives_the_golden_picture(guided_run: Path) -> None:
    assert fill_command(["--conf_path", str(guided_run), "--device", "cpu"]) == 0
    filled = read_pixels(guided_run.parent / "out/srs/wave.png").astype(int)
    golden = to_uint8(torch.tensor(golden_arrays("sampler_s_guided")["sample"][0])).astype(int)
    # A PNG holds the known part in 8 bits, the golden run had it in float32: a level here and there.
    assert np.abs(filled - golden).mean() < 0.3
    assert np.abs(filled - golden).max() <= 4


def test_built_from_the_published_format_the_float_picture_is_golden(guided_run: Path) -> None:
    config = load_config(Config, guided_run)
    device = torch.device("cpu")
    model = load_network(config, read_weights(config.model_path), device)
    diffusion = build_diffusion(config, config.timestep_respacing, config.clip_denoised)
    cond_fn = load_cond_fn(config, read_classifier_weights(config), device)
    sample = p_sample_loop(
        DDPMStep(diffusion, model, torch.tensor([config.cond_y]), cond_fn),
        diffusion,
        golden_picture(config.seed),
        golden_mask("expand"),
        build_times(config),
        PictureNoise([picture_seed(config.seed, 0)], (3, SIZE, SIZE)),
        paste_known=config.paste_known,
    )
    assert relative_error(sample, golden_arrays("sampler_s_guided")["sample"]) < 1e-5


THIN = 32  # channels in place of 256 (network) and 128 (classifier), under the published keys


def thin_config(num_channels: int, **changes: Any) -> UNetConfig:
    sizes = (32, 16, 8)
    config = UNetConfig(
        256, num_channels, 2, DEFAULT_CHANNEL_MULT[256], sizes, num_head_channels=64, resblock_updown=True
    )
    return replace(config, **changes)


def thin_unet(num_channels: int, class_cond: bool) -> UNet:
    return UNet(thin_config(num_channels, num_classes=1000 if class_cond else None))


def thin_classifier(num_channels: int) -> Classifier:
    return Classifier(thin_config(num_channels, out_channels=1000))


@pytest.mark.parametrize("family", ["c256", "p256", "inet256"])
def test_the_three_families_load_and_run_on_checkpoints_of_the_published_keys(
    tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imagenet = family == "inet256"
    conf = ROOT / f"confs/test_{family}_genhalf.yml"
    config = load_config(Config, conf)
    thin = thin_unet(THIN, imagenet)
    with torch.device("meta"):
        published = thin_unet(256, imagenet), thin_classifier(128)
    assert thin.state_dict().keys() == published[0].state_dict().keys()
    Path(config.model_path).parent.mkdir(parents=True)
    torch.save(thin.state_dict(), config.model_path)
    settings = ["timestep_respacing=1", "schedule_jump_params.jump_n_sample=1", f"num_channels={THIN}"]
    if imagenet:
        assert config.classifier_path is not None
        classifier = thin_classifier(THIN)
        assert classifier.state_dict().keys() == published[1].state_dict().keys()
        torch.save(classifier.state_dict(), config.classifier_path)
        settings.append(f"classifier_width={THIN}")
    write_pictures(Path(config.eval_data.gt_path), 1, size=(300, 256))
    write_masks(Path(config.eval_data.mask_path), 1, size=(300, 256))
    arguments = [part for setting in settings for part in ("--set", setting)]
    assert fill_command(["--conf_path", str(conf), "--device", "cpu", *arguments]) == 0
    filled = read_pixels(tmp_path / "log" / conf.stem / "inpainted/00.png")
    truth = read_pixels(tmp_path / "log" / conf.stem / "gt/00.png")
    assert filled.shape == (256, 256, 3)
    np.testing.assert_array_equal(filled[:, :128], truth[:, :128])
    assert (filled[:, 128:] != truth[:, 128:]).mean() > 0.5
