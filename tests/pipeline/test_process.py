"""What the command-line tests do not reach: defaults by size, memory, digests, folders."""

from pathlib import Path

import pytest
import torch

from repaint.checkpoints.architecture import build_unet_config
from repaint.checkpoints.formats import Weights, read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.inference.inputs import build_folders, config_digest
from repaint.pipeline.network import estimate_memory
from repaint.pipeline.process import build_diffusion, build_times, describe_schedule
from tests.helpers.tiny import make_run, write_config

CPU = torch.device("cpu")


def load(folder: Path, **changes: object) -> Config:
    return load_config(Config, write_config(folder, **changes))


@pytest.mark.parametrize(
    ("size", "multipliers"),
    [(64, (1, 2, 3, 4)), (128, (1, 1, 2, 3, 4)), (256, (1, 1, 2, 2, 4, 4)), (512, (0.5, 1, 1, 2, 2, 4, 4))],
)
def test_published_multipliers_by_size(tmp_path: Path, size: int, multipliers: tuple[float, ...]) -> None:
    config = load(tmp_path, image_size=size, channel_mult="", num_channels=64, attention_resolutions="16")
    unet_config = build_unet_config(config)
    assert unet_config.channel_mult == multipliers
    assert unet_config.attention_depths == {size // 16}


def test_memory_estimate_grows_with_batch_and_halves_with_fp16(tmp_path: Path) -> None:
    weights, activations = estimate_memory(load(tmp_path), 2, CPU)
    half_weights, more_activations = estimate_memory(load(tmp_path, use_fp16=True), 20, CPU)
    assert 4 * 1e4 < weights < 4e6
    assert 0.5 * weights <= half_weights < 0.75 * weights
    assert 4 * activations < more_activations < 11 * activations


def test_memory_estimate_of_the_published_models() -> None:
    confs = Path(__file__).parents[2] / "confs"
    weights, activations = estimate_memory(load_config(Config, confs / "face_example.yml"), 1, CPU)
    assert weights == 4 * 552_814_086
    assert 0.3e9 < activations < 3e9
    _, guided = estimate_memory(load_config(Config, confs / "test_inet256_thin.yml"), 1, CPU)
    assert guided > activations  # the classifier's backward pass keeps its activations


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


def test_remote_weights_are_read_through_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    monkeypatch.setattr(
        "repaint.data.storage.read_bytes", lambda path: content if path == "gs://b/m.safetensors" else b""
    )
    remote = read_weights("gs://b/m.safetensors")
    local = read_weights(str(tmp_path / "model.safetensors"))
    assert remote.digest == local.digest
    assert all(torch.equal(remote.state[key], local.state[key]) for key in local.state)


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
