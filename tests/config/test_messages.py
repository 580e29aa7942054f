"""A mistake in a configuration is one line that names the file, the key and the way out."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.errors import ConfigError
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("num_chanels: 64", "unknown key 'num_chanels'; did you mean 'num_channels'?"),
        ("schedule_jump_params: {t_TT: 4}", "unknown key 'schedule_jump_params.t_TT'; did you mean 't_T'?"),
        ("extend: 25%", "unknown key 'extend'; did you mean 'data.eval.NAME.extend'?"),
        ("batch_size: 4", "unknown key 'batch_size'; did you mean '"),
        ("num_channels: many", "num_channels: input should be a valid integer, not 'many'"),
        ("num_channels: true", "num_channels: input should be a valid integer, not True"),
        ("num_channels: 1.5", "num_channels: input should be a valid integer"),
        ("class_cond: 1", "class_cond: input should be a valid boolean"),
        ("image_size: 0", "image_size: input should be greater than or equal to 8"),
        ("noise_schedule: cubic", "noise_schedule: input should be 'linear' or 'cosine', not 'cubic'"),
        ("ddim_eta: 2", "ddim_eta: input should be less than or equal to 1"),
        ("attention_resolutions: a,b", "attention_resolutions: 'a,b' is not a list of sizes"),
        ("attention_resolutions: 8.5", "attention_resolutions: '8.5' is not a list of sizes"),
        ("channel_mult: 1,nan", "channel_mult: '1,nan' is not a list of positive numbers"),
        ("channel_mult: 1,,2", "channel_mult: '1,,2' is not a list of positive numbers"),
        ("num_head_channels: 0", "num_head_channels: 0 heads or channels make no attention"),
        ("cond_y: {a: 1}", "cond_y: a class number, a list of them, a file"),
        ("cond_y: true", "cond_y: a class number, a list of them, a file"),
        ("seed: 99999999999999999999", "seed: input should be less than or equal to"),
        ("inpa_inj_sched_prev_cumnoise: true", "cumulative noise is not offered"),
        ("{predict_xstart: true, predict_v: true}", "predict_v: the network predicts either x0 or v"),
        ("betas: []", "betas: list should have at least 1 item"),
        ("betas: [0.1, 1.0]", "betas.1: input should be less than 1, not 1.0"),
        ("betas: [0.1, .nan]", "betas.1: input should be a finite number"),
        ("{betas: [0.1, 0.2], diffusion_steps: 3}", "diffusion_steps is 3, but there are 2 betas; leave it out"),
        ("{betas: [0.1, 0.2], noise_schedule: linear}", "betas and noise_schedule exclude each other; leave one out"),
        ("model_format: onnx", "model_format: input should be 'auto', 'guided_diffusion' or 'diffusers', not 'onnx'"),
        ("classifier_pool: spatial", "classifier_pool: input should be 'attention'"),
        ("data: {eval: {}}", "data.eval"),
        ("data: {eval: {a: {mask_path: x}}}", "key 'data.eval.a.gt_path' is missing"),
        ('base: "a\\0b"', "base must name a YAML file"),
        ("base: 3", "base must name a YAML file"),
        ("base: missing.yml", "missing.yml: no such configuration file"),
        ("base: conf.yml", "'base' leads back to the file itself"),
    ],
)
def test_mistakes_are_one_line_that_names_file_and_key(tmp_path: Path, change: str, expected: str) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text()) | yaml.safe_load(change)
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError) as caught:
        load_config(Config, path)
    message = str(caught.value)
    assert expected in message
    assert ".yml" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("resample: [2]\ntimes: [1, 0, -1]", "resample and times both specify the resampling"),
        ("resample: [2]\nschedule_jump_params: {jump_length: 1}", "schedule_jump_params and resample both specify"),
        ("resample: [0]", "resample.0: "),
        ("resample: []", "resample: "),
        ("resample: 3", "resample: input should be a valid list, not 3"),
        ("resample: {center: 0, width: 1, height: 2}", "resample: input should be a valid list"),
        ("merge_forward: true", "unknown key 'merge_forward'"),
        ("times: [3]", "times: "),
    ],
)
def test_keys_of_the_resampling_are_strict(tmp_path: Path, keys: str, message: str) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    path.write_text(yaml.safe_dump(tree) + keys)
    with pytest.raises(ConfigError) as caught:
        load_config(Config, path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists)))
def test_any_mapping_is_a_configuration_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, tree: dict) -> None:
    path = tmp_path_factory.mktemp("conf") / "conf.yml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(Config, path)
