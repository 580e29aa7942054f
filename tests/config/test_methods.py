"""The keys of the conditioning method: defaults, what each method refuses, and files laid over each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from repaint.config.fingerprint import deciding_values, fingerprint
from repaint.config.loading import load_config, make_config
from repaint.config.methods import DPSConfig, LangevinConfig, PiGDMConfig
from repaint.config.run import Config, describe
from repaint.errors import ConfigError
from repaint.pipeline.process import build_times, describe_schedule
from tests.helpers.tiny import write_config

STRAIGHT = ["replace", "langevin", "dps", "pigdm"]
JUMPS: dict[str, Any] = {"jump_length": 1, "jump_n_sample": 3}


def load(folder: Path, **changes: Any) -> Config:
    return load_config(Config, write_config(folder, **({"schedule_jump_params": {}} | changes)))


def layered(folder: Path, under: dict[str, Any], over: dict[str, Any]) -> Config:
    write_config(folder, **({"schedule_jump_params": {}} | under))
    (folder / "over.yml").write_text(yaml.safe_dump({"base": "conf.yml"} | over))
    return load_config(Config, folder / "over.yml")


def test_repaint_is_the_default(tmp_path: Path) -> None:
    config = load(tmp_path, schedule_jump_params=JUMPS)
    assert (config.method, config.parameters) == ("repaint", None)
    assert config.jumps


def test_a_method_has_its_default_parameters(tmp_path: Path) -> None:
    for method, parameters in (("langevin", LangevinConfig()), ("dps", DPSConfig()), ("pigdm", PiGDMConfig())):
        assert load(tmp_path, method=method).parameters == parameters
    for method in ("replace", "ddnm"):
        assert load(tmp_path, method=method).parameters is None


@pytest.mark.parametrize("method", STRAIGHT)
def test_methods_without_jumps_go_straight_down(tmp_path: Path, method: str) -> None:
    config = load(tmp_path, method=method)
    assert build_times(config) == [3, 2, 1, 0, -1]
    assert "schedule_jump_params" not in describe(config)
    assert build_times(load(tmp_path, method=method, schedule_jump_params={"t_T": 2})) == [1, 0, -1]
    assert len(build_times(load(tmp_path, method=method, schedule="fast", timestep_respacing="34"))) == 35


def test_schedules_in_words(tmp_path: Path) -> None:
    assert describe_schedule(load(tmp_path, method="replace")) == "T=4"
    assert describe_schedule(load(tmp_path, method="ddnm", schedule_jump_params=JUMPS)) == "T=4 j=1 r=3"
    assert describe_schedule(load(tmp_path, method="langevin")) == "T=4 with 3 inner steps a level"
    several = load(tmp_path, method="langevin", langevin={"inner_steps": [1, 5, 2]})
    assert describe_schedule(several) == "T=4 with 1 to 5 inner steps a level"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"method": "langevn"}, "method: input should be 'repaint', 'replace'"),
        ({"method": ["dps"]}, "method: input should be 'repaint', 'replace'"),
        ({"langevin": {}}, "langevin has no meaning with method: repaint; leave it out, or set method: langevin"),
        ({"method": "dps", "pigdm": {"scale": 2}}, "pigdm has no meaning with method: dps"),
        ({"method": "langevin", "langevin": {"step": 2}}, "unknown key 'langevin.step'"),
        ({"method": "langevin", "langevin": {"step_size": 0}}, "langevin.step_size: input should be greater than 0"),
        ({"method": "langevin", "langevin": {"strength": -1}}, "langevin.strength: input should be greater than or"),
        ({"method": "langevin", "langevin": {"inner_steps": []}}, "langevin.inner_steps: a whole number from 0 on"),
        ({"method": "langevin", "langevin": {"inner_steps": [1, True]}}, "langevin.inner_steps: a whole number from"),
        ({"method": "dps", "dps": {"scale": "x"}}, "dps.scale: input should be a valid number"),
        ({"method": "replace", "inpa_inj_sched_prev": False}, "inpa_inj_sched_prev: false and method: replace"),
        ({"method": "pigdm", "inpa_inj_time_shift": 2}, "inpa_inj_time_shift has no meaning with method: pigdm"),
    ],
)
def test_mistakes(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **keys)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", STRAIGHT)
@pytest.mark.parametrize(
    "keys", [{"schedule_jump_params": JUMPS}, {"resample": [2]}, {"times": [3, 2, 3, 2, 1, 0, -1]}]
)
def test_resampling_is_refused_where_nothing_reads_it(tmp_path: Path, method: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(keys))} has no meaning with method: {method}, which goes"):
        load(tmp_path, method=method, **keys)
    load(tmp_path, method="ddnm", **keys)


def test_of_a_method_and_a_resampling_the_upper_file_wins(tmp_path: Path) -> None:
    over = layered(tmp_path, {"schedule_jump_params": JUMPS}, {"method": "langevin"})
    assert (over.method, build_times(over)) == ("langevin", [3, 2, 1, 0, -1])
    kept = layered(tmp_path, {"schedule_jump_params": JUMPS}, {"method": "ddnm"})
    assert (kept.method, kept.schedule_jump_params.jump_n_sample) == ("ddnm", 3)
    repaint = layered(tmp_path, {"method": "langevin", "langevin": {"step_size": 2}}, {"schedule_jump_params": JUMPS})
    assert (repaint.method, repaint.langevin) == ("repaint", None)
    ddnm = layered(tmp_path, {"method": "ddnm"}, {"schedule_jump_params": JUMPS})
    assert ddnm.method == "ddnm"


def test_a_method_replaces_the_parameters_of_another(tmp_path: Path) -> None:
    base = {"method": "langevin", "langevin": {"step_size": 2, "inner_steps": 7}}
    assert layered(tmp_path, base, {"method": "dps"}).langevin is None
    same = layered(tmp_path, base, {"method": "langevin", "langevin": {"inner_steps": 1}}).langevin
    assert same == LangevinConfig(step_size=2, inner_steps=1)


def test_a_configuration_can_be_checked_again(tmp_path: Path) -> None:
    config = load(tmp_path, method="langevin")
    again = make_config(Config, config.model_dump(exclude_unset=True), "again")
    assert again == config


def test_fingerprints(tmp_path: Path) -> None:
    def digest(**changes: Any) -> str:
        return fingerprint(load(tmp_path, **changes), {"weights": "a1"})

    assert digest(method="repaint") == digest()
    assert not {"method", "langevin", "dps", "pigdm"} & deciding_values(load(tmp_path)).keys()
    assert digest(method="langevin") == digest(method="langevin", langevin={"inner_steps": 3, "strength": 1})
    different = [
        digest(),
        digest(method="replace"),
        digest(method="ddnm"),
        digest(method="dps"),
        digest(method="dps", dps={"scale": 2}),
        digest(method="langevin"),
        digest(method="langevin", langevin={"step_size": 2}),
    ]
    assert len(set(different)) == len(different)
