"""Presets of the schedule."""

from pathlib import Path

import pytest
import yaml

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.pipeline.process import build_times
from repaint.schedule import PRESETS
from tests.helpers.configurations import steps_of
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"schedule": "paper"}, ("250", 10, 10)),
        ({"schedule": "fast"}, ("34", 1, 7)),
        ({"schedule": "fast", "timestep_respacing": "ddim20"}, ("ddim20", 1, 7)),
        ({"schedule": "fast", "schedule_jump_params": {"jump_n_sample": 2}}, ("34", 1, 2)),
        ({"schedule": "fast", "schedule_jump_params": {"t_T": 30, "jump_length": 3}}, ("30", 3, 7)),
        ({}, ("250", 10, 10)),
    ],
)
def test_presets_fill_in_what_is_not_set(tmp_path: Path, keys: dict, expected: tuple[str, int, int]) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    path.write_text(yaml.safe_dump(tree | keys))
    config = load_config(Config, path)
    assert steps_of(config) == expected
    build_times(config)


@pytest.mark.parametrize("value", [["paper"], {"paper": 1}, 3])
def test_a_preset_is_a_word(tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule=value))


def test_every_preset_is_a_key_value(tmp_path: Path) -> None:
    for name in PRESETS:
        assert load_config(Config, write_config(tmp_path, schedule=name)).schedule == name
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule="slow"))
