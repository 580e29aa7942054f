"""Types of fields: conversions from YAML and ranges."""

from pathlib import Path

import pytest

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.config.training import TrainConfig
from repaint.errors import ConfigError
from tests.helpers.tiny import write_config

CONFS = Path(__file__).parents[2] / "confs"


def test_numbers_may_be_given_as_numbers(tmp_path: Path) -> None:
    path = write_config(tmp_path, attention_resolutions=[8, 16], timestep_respacing=250, channel_mult=1)
    config = load_config(Config, path)
    assert config.attention_resolutions == "8,16"
    assert config.timestep_respacing == "250"
    assert config.channel_mult == "1"


@pytest.mark.parametrize("value", ["0", "-1", "65537", "1.5", "true", "none", "[1]"])
def test_batch_sizes_that_are_none(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="batch_size: should be a number from 1 to 65536, or auto, not "):
        load_config(Config, write_config(tmp_path), [f"data.eval.tiny.batch_size={value}"])


def test_an_unquoted_colour_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mask_color is empty; in YAML a colour needs quotes"):
        load_config(Config, write_config(tmp_path), ["data.eval.tiny.mask_color=#00f"])


def test_training_configuration() -> None:
    config = load_config(TrainConfig, CONFS / "train_faces64.yml")
    assert config.lr == 4e-4  # YAML reads 4e-4 as a text
    assert config.learn_sigma
