"""Presets of the schedule."""

from pathlib import Path

import pytest
import yaml

from repaint.config.loading import load_config
from repaint.config.presets import PRESETS
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.pipeline.methods import count_calls
from repaint.pipeline.process import build_times
from tests.helpers.configurations import steps_of
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"schedule": "paper"}, ("250", 10, 10)),
        ({"schedule": "fast", "method": "repaint"}, ("34", 1, 7)),
        ({"schedule": "fast", "method": "ddnm", "timestep_respacing": "ddim20"}, ("ddim20", 1, 7)),
        ({"schedule": "best", "classifier_path": "c.pt", "classifier_scale": 2.0}, ("250", 5, 15)),
        ({"schedule": "preview", "inpa_inj_sched_prev": False}, ("20", 1, 3)),
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


@pytest.mark.parametrize(
    ("keys", "steps", "parameters"),
    [
        ({"schedule": "preview"}, "11", (2, 1.0, 4.0)),
        ({"schedule": "fast"}, "15", (3, 1.0, 4.0)),
        ({"schedule": "best", "method": "langevin"}, "20", (5, 1.0, 2.0)),
        ({"schedule": "fast", "langevin": {"step_size": 1}}, "15", (3, 1.0, 1.0)),
        ({"schedule": "fast", "timestep_respacing": "ddim20", "langevin": None}, "ddim20", (3, 1.0, 4.0)),
        ({"schedule": "fast", "classifier_path": "c.pt", "classifier_scale": 0}, "15", (3, 1.0, 4.0)),
    ],
)
def test_presets_are_langevin_sampling_where_nothing_else_is_asked_for(
    tmp_path: Path, keys: dict, steps: str, parameters: tuple[int, float, float]
) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    path.write_text(yaml.safe_dump(tree | keys))
    config = load_config(Config, path)
    assert (config.method, config.timestep_respacing) == ("langevin", steps)
    assert config.langevin is not None
    assert (config.langevin.inner_steps, config.langevin.strength, config.langevin.step_size) == parameters


def test_a_preset_beside_a_time_shift_is_repaints(tmp_path: Path) -> None:
    assert (
        load_config(Config, write_config(tmp_path), ["schedule=preview", "inpa_inj_time_shift=2"]).method == "repaint"
    )


def test_network_calls_of_presets_are_those_of_their_runs(tmp_path: Path) -> None:
    for name, preset in PRESETS.items():
        config = load_config(Config, write_config(tmp_path), [f"schedule={name}"])
        assert count_calls(config, build_times(config)) == preset.calls
    assert [PRESETS[name].calls for name in ("preview", "fast", "best", "paper")] == [33, 60, 120, 2410]


@pytest.mark.parametrize("value", [["paper"], {"paper": 1}, 3])
def test_a_preset_is_a_word(tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule=value))


def test_every_preset_is_a_key_value(tmp_path: Path) -> None:
    for name in PRESETS:
        assert load_config(Config, write_config(tmp_path, schedule=name)).schedule == name
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule="slow"))
