"""What the command-line tests do not reach: processes, schedules, digests, folders."""

from pathlib import Path

import pytest
import torch

from repaint.checkpoints.architecture import build_unet_config
from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.weights import Weights
from repaint.config.loading import load_config
from repaint.config.run import Config, no_effect_keys
from repaint.errors import CheckpointError, ConfigError
from repaint.inference.inputs import build_folders, config_digest
from repaint.pipeline.methods import METHODS
from repaint.pipeline.network import check_weights
from repaint.pipeline.notes import sampling_notes
from repaint.pipeline.pipeline import _build_process
from repaint.pipeline.process import build_diffusion, build_times, build_timesteps, describe_schedule, pick_respacing
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


def test_the_mean_colour_is_corrected_where_the_configuration_asks_for_it(tmp_path: Path) -> None:
    assert not build_diffusion(load(tmp_path)).correct_mean
    assert build_diffusion(load(tmp_path, correct_mean=True)).correct_mean


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


@pytest.mark.parametrize(
    ("respacing", "t_T", "expected"),
    [
        ("250", 100, "100"),  # the published advice for faster sampling
        ("", 250, "250"),
        ("10,15,20", 20, "20"),
        ("ddim50", 7, "7"),
        ("250", 250, None),
        ("10,15,20", 45, None),
        ("250", None, None),
    ],
)
def test_a_smaller_t_T_respaces_the_process_evenly(  # noqa: N802 - the key
    tmp_path: Path, respacing: str, t_T: int | None, expected: str | None
) -> None:
    config = load(tmp_path, timestep_respacing=respacing, schedule_jump_params={"t_T": t_T, "jump_length": 5})
    even = load(tmp_path, timestep_respacing=expected or respacing, schedule_jump_params={"jump_length": 5})
    assert pick_respacing(config) == even.timestep_respacing
    assert build_timesteps(config) == build_timesteps(even)
    assert build_times(config) == build_times(even)
    (note, *_) = sampling_notes(config, None) or [None]
    if expected is None:
        assert note is None
    else:
        assert note is not None
        assert f"is below the steps of timestep_respacing '{respacing}': the process is respaced to {expected}" in note


def test_published_values_of_the_schedule(tmp_path: Path) -> None:
    def times(**params: int) -> list[int]:
        return build_times(load(tmp_path, schedule_jump_params=params))

    plain = [3, 2, 1, 0, -1]
    assert times(jump_length=1, jump_n_sample=0) == times(jump_length=1, jump_n_sample=-1) == plain
    assert times(jump_length=1, jump_n_sample=3, start_resampling=-1) == plain
    assert times(n_sample=0, jump2_n_sample=0, jump3_n_sample=0) == plain
    assert describe_schedule(load(tmp_path, schedule_jump_params={"jump_n_sample": 0})) == "T=4 j=10 r=1"
    with pytest.raises(ConfigError, match="more than 10,000,000 transitions"):
        times(jump_n_sample=0, n_sample=10**9)


def test_a_step_up_takes_the_noise_of_the_shifted_time(tmp_path: Path) -> None:
    """The published code's `inpa_inj_time_shift`: beta of t + shift on the way from t to t + 1."""
    one, zero = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    for shift in (0, 1, 2):
        diffusion = build_diffusion(load(tmp_path, inpa_inj_time_shift=shift), "4")
        expected = (1 - diffusion.betas[1 + shift]).sqrt().expand_as(one)
        torch.testing.assert_close(diffusion.q_forward(one, 1, 2, zero), expected)
    jumps = {"schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2}}
    build_times(load(tmp_path, inpa_inj_time_shift=1, **jumps))
    with pytest.raises(ConfigError, match="goes up from 2, and 4 is not one of the 4 steps"):
        build_times(load(tmp_path, inpa_inj_time_shift=2, **jumps))
    with pytest.raises(ConfigError, match="inpa_inj_time_shift has no meaning for times"):
        load(tmp_path, inpa_inj_time_shift=0, schedule_jump_params={}, times=[3, 2, 1, 0, -1])


def test_attention_at_sizes_that_no_map_has(tmp_path: Path) -> None:
    """The published code divides the picture's size by them, rounds down, and looks for maps of that depth."""
    config = load(tmp_path, attention_resolutions="128,12,3,8")  # maps of 16 and 8
    assert build_unet_config(config).attention_depths == {1, 2}
    assert sampling_notes(config, None) == [
        "attention_resolutions: 128 has no effect, 12 counts as 16, 3 has no effect; the maps of this network have "
        "sizes 16, 8"
    ]
    assert sampling_notes(load(tmp_path), None) == []


def test_weights_fit_however_their_attention_is_written(tmp_path: Path) -> None:
    make_run(tmp_path)
    weights = read_weights(str(tmp_path / "model.safetensors"))
    check_weights(load(tmp_path, attention_resolutions="64,8"), weights)
    with pytest.raises(CheckpointError, match="attention_resolutions is 8, not 64,12"):
        check_weights(load(tmp_path, attention_resolutions="64,12"), weights)


def test_keys_of_the_published_code_that_have_no_effect(tmp_path: Path) -> None:
    assert no_effect_keys(load(tmp_path, debug={"num_timesteps": 3}, device="cuda")) == ["debug", "device"]


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


def test_all_methods_but_the_published_one_bound_the_learned_variance(tmp_path: Path) -> None:
    config = load(tmp_path)
    bounded = {
        method: _build_process(config.model_copy(update={"method": method}), CPU).bound_variance for method in METHODS
    }
    assert bounded == {method: method != "repaint" for method in METHODS}
    # Training takes it as it is, whatever the method: an adapted model is found again by all of them.
    assert not build_diffusion(config.model_copy(update={"method": "langevin"})).bound_variance
