"""What the command-line tests do not reach: processes, schedules, digests, folders."""

from pathlib import Path

import pytest
import torch

from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.weights import Weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.inference.inputs import build_folders, config_digest
from repaint.pipeline.process import build_diffusion, build_times, describe_schedule
from tests.helpers.tiny import make_run, write_config

CPU = torch.device("cpu")


def load(folder: Path, **changes: object) -> Config:
    return load_config(Config, write_config(folder, **changes))


def test_digest_follows_what_decides_the_pictures(tmp_path: Path) -> None:
    make_run(tmp_path)
    weights = read_weights(str(tmp_path / "model.safetensors"))

    def fingerprint(used: Weights = weights, device: str = "cpu", **changes: object) -> str:
        return config_digest(load(tmp_path, **changes), used, None, torch.device(device))

    digest = fingerprint()
    same = [{"name": "other"}, {"show_progress": True}, {"n_jobs": 3}]
    other = [{"seed": 1}, {"timestep_respacing": "5"}, {"paste_known": False}, {"schedule_jump_params": {}}]
    other += [{"betas": [0.1] * 1000}, {"betas": [0.2] * 1000}]
    assert all(fingerprint(**change) == digest for change in same)
    assert all(fingerprint(**change) != digest for change in other)
    changed = Weights(weights.path, weights.state, {}, "another digest")
    assert fingerprint(changed) != digest
    assert fingerprint(device="cuda") != digest
    assert fingerprint(device="cuda", noise_device="cpu") == digest
    assert config_digest(load(tmp_path), weights, weights, torch.device("cpu")) != digest


def test_log_folder_is_beside_the_results_unless_named(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert build_folders(config).log == str(tmp_path / "out")
    config = load_config(Config, tmp_path / "conf.yml", ["data.eval.tiny.paths.log=logs"])
    assert build_folders(config).log == "logs"


def test_variances_and_prediction_types(tmp_path: Path) -> None:
    def types(**changes: object) -> tuple[str, str]:
        diffusion = build_diffusion(load(tmp_path, **changes))
        return diffusion.mean_type, diffusion.variance_type

    assert types() == ("epsilon", "learned_range")
    assert types(learn_sigma=False, predict_xstart=True) == ("xstart", "fixed_large")
    assert types(predict_v=True) == ("v", "learned_range")
    assert types(learn_sigma=False, sigma_small=True) == ("epsilon", "fixed_small")


def test_betas_in_place_of_a_named_schedule(tmp_path: Path) -> None:
    betas = [0.1, 0.3, 0.2]
    diffusion = build_diffusion(load(tmp_path, betas=betas))
    torch.testing.assert_close(diffusion.betas, torch.tensor(betas))
    assert build_times(load(tmp_path, betas=betas, timestep_respacing=""))[0] == 2
    with pytest.raises(ConfigError, match="cannot take 4 of the 3 steps"):
        build_diffusion(load(tmp_path, betas=betas), "4")


def test_schedule_length_defaults_to_the_respaced_steps(tmp_path: Path) -> None:
    assert build_times(load(tmp_path, timestep_respacing="ddim25"))[0] == 24
    with pytest.raises(ConfigError, match=r"t_T is 250, but timestep_respacing '10,15,20' .* gives 45"):
        build_times(load(tmp_path, timestep_respacing="10,15,20", schedule_jump_params={"t_T": 250}))


def test_ways_to_say_the_schedule(tmp_path: Path) -> None:
    def times(**changes: object) -> list[int]:
        return build_times(load(tmp_path, schedule_jump_params={}, **changes))

    assert times(timestep_respacing="4", resample=[3, 2]) == [3, 2, 1, 2, 1, 0, 1, 0, 1, 0, -1]
    assert times(timestep_respacing="power4:2", times=[3, 2, 3, 2, 1, 0, -1]) == [3, 2, 3, 2, 1, 0, -1]
    climb = {"timestep_respacing": "at:0,4,9", "times": [2, 1, 0, 1, 2, 1, 0, -1]}
    assert times(**climb) == climb["times"]
    climb["times"] = [2, 1, 0, 2, 1, 0, -1]
    assert times(**climb) == climb["times"]
    for changes, message in (
        ({"resample": [1, 1, 1, 1]}, "resample lists 4 levels, but of 4 steps 3 can be resampled"),
        ({"resample": [10**7]}, "resample: more than 10,000,000 transitions"),
        ({"times": [3, 1, -1]}, "times go from 3 to 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            times(timestep_respacing="4", **changes)


def test_schedules_in_words(tmp_path: Path) -> None:
    def words(**changes: object) -> str:
        return describe_schedule(load(tmp_path, timestep_respacing="4", schedule_jump_params={}, **changes))

    assert words() == "T=4 j=10 r=10"
    assert words(resample=[9, 3]) == "T=4 r=1..9"
    assert words(resample=[3, 3, 3]) == "T=4 r=3"
    assert words(times=[3, 2, 1, 0, -1]) == "T=4 with 5 listed times"


def test_every_way_to_say_the_schedule_is_in_the_digest(tmp_path: Path) -> None:
    make_run(tmp_path)
    weights = read_weights(str(tmp_path / "model.safetensors"))
    changes: list[dict[str, object]] = [{}, {"resample": [2]}, {"resample": [3]}, {"times": [3, 2, 1, 0, -1]}]
    configs = [load(tmp_path, schedule_jump_params={}, **change) for change in changes]
    assert len({config_digest(config, weights, None, CPU) for config in configs}) == len(changes)
