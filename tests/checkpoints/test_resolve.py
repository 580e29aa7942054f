"""What is taken from a checkpoint, what is assumed, and what contradicts it."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from repaint.checkpoints.resolve import resolve
from repaint.checkpoints.weights import Weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import CheckpointError, ConfigError
from repaint.models.unet import UNet, UNetConfig
from repaint.pipeline.network import check_weights
from tests.helpers.tiny import FLAGS, write_config


def load(folder: Path, **changes: Any) -> Config:
    path = write_config(folder)
    tree = {key: value for key, value in yaml.safe_load(path.read_text()).items() if key not in FLAGS}
    path.write_text(yaml.safe_dump(tree | {"model": "auto"} | changes))
    return load_config(Config, path)


def shapes_of(*arguments: Any, **options: Any) -> Weights:
    """A file without metadata; only the shapes of its tensors are there."""
    with torch.device("meta"):
        state = UNet(UNetConfig(*arguments, **options)).state_dict()
    return Weights("m.pt", state, {}, "digest")


@pytest.fixture(scope="module")
def imagenet64() -> Weights:
    """As 64x64_diffusion.pt."""
    return shapes_of(64, 192, 3, (1, 2, 3, 4), (32, 16, 8), num_classes=1000, resblock_updown=True)


def test_a_published_checkpoint_needs_no_key(tmp_path: Path, imagenet64: Weights) -> None:
    config, note = resolve(load(tmp_path), imagenet64)
    assert note == (
        "m.pt has the shapes of 64x64_diffusion.pt; assumed: image_size 64, num_head_channels 64, "
        "use_new_attention_order True, noise_schedule cosine, diffusion_steps 1000, rescale_timesteps False; set these "
        "keys if it was trained otherwise"
    )
    assert (config.image_size, config.num_channels, config.num_res_blocks) == (64, 192, 3)
    assert (config.num_head_channels, config.use_new_attention_order) == (64, True)
    assert (config.noise_schedule, config.class_cond, config.num_classes) == ("cosine", True, 1000)
    check_weights(config, imagenet64)


def test_keys_of_the_user_win_over_what_is_assumed(tmp_path: Path, imagenet64: Weights) -> None:
    config, note = resolve(load(tmp_path, noise_schedule="linear", num_head_channels=-1, num_heads=6), imagenet64)
    assert note is not None
    assert "noise_schedule" not in note
    assert "heads" not in note
    assert (config.noise_schedule, config.num_heads, config.num_head_channels) == ("linear", 6, -1)
    assert config.use_new_attention_order
    own, note = resolve(load(tmp_path, betas=[0.1, 0.2]), imagenet64)
    assert (own.betas, own.diffusion_steps) == ([0.1, 0.2], 2)
    assert "noise_schedule" not in str(note)


def test_a_number_of_heads_is_not_overruled_by_an_assumed_width(tmp_path: Path, imagenet64: Weights) -> None:
    config, _ = resolve(load(tmp_path, num_heads=8), imagenet64)
    assert (config.num_heads, config.num_head_channels) == (8, -1)


def test_widths_that_the_usual_heads_do_not_divide_get_four_heads(tmp_path: Path) -> None:
    weights = shapes_of(64, 32, 1, (1, 2, 3, 4), (16,), num_heads=4)
    config, note = resolve(load(tmp_path), weights)
    assert (config.num_heads, config.num_head_channels) == (4, -1)
    check_weights(config, weights)
    assert "does not specify all flags; assumed: image_size 64, num_heads 4" in str(note)


def test_keys_of_the_user_contradict_the_shapes(tmp_path: Path, imagenet64: Weights) -> None:
    with pytest.raises(ConfigError, match=r"num_res_blocks 2 \(the file: 3\)"):
        resolve(load(tmp_path, num_res_blocks=2), imagenet64)
    with pytest.raises(ConfigError, match=r"channel_mult 1,2 \(the file: 1,2,3,4\)"):
        resolve(load(tmp_path, channel_mult="1,2"), imagenet64)
    same = load(tmp_path, channel_mult="", attention_resolutions="8,16,32")  # of the size that is found out
    assert resolve(same, imagenet64).config.image_size == 64
    specified = Weights("m.pt", {}, {"network": {"image_size": 64, "channel_mult": "1,2,3,4"}}, "")
    assert resolve(load(tmp_path, channel_mult=""), specified).config.image_size == 64


def test_the_size_must_be_set_where_no_table_has_it(tmp_path: Path) -> None:
    weights = shapes_of(48, 64, 1, (1, 2), (24,), num_head_channels=64)
    with pytest.raises(ConfigError, match=r"channel_mult 1,2 is that of no published size, .* set image_size"):
        resolve(load(tmp_path), weights)
    config, _ = resolve(load(tmp_path, image_size=48), weights)
    assert (config.image_size, config.attention_resolutions) == (48, "24")
    data = yaml.safe_load((tmp_path / "conf.yml").read_text())["data"]
    data["eval"]["tiny"]["image_size"] = 96
    config, note = resolve(load(tmp_path, data=data), weights)
    assert "image_size" not in str(note)
    assert (config.image_size, config.attention_resolutions) == (96, "48")
    with pytest.raises(CheckpointError, match="finds no guided-diffusion UNet"):
        resolve(load(tmp_path), Weights("m.pt", {}, {}, ""))


def test_what_metadata_specify_is_not_assumed(tmp_path: Path) -> None:
    def note(process: dict[str, Any], **changes: Any) -> str | None:
        metadata = {"network": FLAGS, "process": process}
        return resolve(load(tmp_path, **changes), Weights("m.pt", {}, metadata, "")).note

    whole = {"noise_schedule": "cosine", "diffusion_steps": 1000, "rescale_timesteps": False}
    assert note(whole) is None
    assert note({"betas": [0.1, 0.2], "diffusion_steps": 2, "rescale_timesteps": False}) is None
    assert "assumed: diffusion_steps 1000, rescale_timesteps" in str(note({"noise_schedule": "cosine"}))
    assert note({}, **FLAGS, model="flags") is None


@pytest.mark.parametrize("model", ["flags", "auto"])
def test_betas_are_one_thing_with_the_named_schedule(tmp_path: Path, model: str) -> None:
    def apply(process: dict[str, Any], **changes: Any) -> Config:
        weights = Weights("m.pt", {}, {"network": FLAGS, "process": process}, "")
        return resolve(load(tmp_path, **(FLAGS | {"model": model} | changes)), weights).config

    own = {"betas": [0.1, 0.2], "diffusion_steps": 2}
    assert apply(own, betas=[0.1, 0.2]).betas == [0.1, 0.2]
    with pytest.raises(ConfigError, match=r"betas of its own, 2 numbers from 0.1 to 0.3 \(the file: betas of its own"):
        apply(own, betas=[0.1, 0.3])
    with pytest.raises(ConfigError, match=r"betas of its own, .* \(the file: linear\)"):
        apply({"noise_schedule": "linear"}, betas=[0.1] * 1000)
    with pytest.raises(ConfigError, match=r"noise_schedule cosine \(the file: betas of its own"):
        apply(own, noise_schedule="cosine")
    if model == "flags":
        with pytest.raises(ConfigError, match=r"noise_schedule linear \(the file: betas of its own"):
            apply(own)
    else:
        assert apply(own).betas == [0.1, 0.2]
