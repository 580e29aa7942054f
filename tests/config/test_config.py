from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.config.schema import Config, TrainConfig, _apply_override, describe, load_config, no_effect_keys, override
from repaint.errors import ConfigError
from repaint.pipeline.process import build_times
from repaint.schedule import PRESETS
from tests.helpers.tiny import write_config

CONFS = Path(__file__).parents[2] / "confs"
MASKS = ("thin", "thick", "ev2li", "nn2", "ex64", "genhalf")
PUBLISHED = [f"test_{family}_{mask}" for family in ("c256", "inet256", "p256") for mask in MASKS]

PUBLISHED_FORMAT = """
attention_resolutions: 32,16,8
class_cond: false
diffusion_steps: 1000
learn_sigma: true
noise_schedule: linear
num_channels: 256
num_head_channels: 64
num_heads: 4
num_res_blocks: 2
resblock_updown: true
use_fp16: false
use_scale_shift_norm: true
classifier_scale: 4.0
lr_kernel_n_std: 2
num_samples: 100
show_progress: true
timestep_respacing: '250'
use_kl: false
predict_xstart: false
rescale_timesteps: false
rescale_learned_sigmas: false
classifier_use_fp16: false
classifier_width: 128
classifier_depth: 2
classifier_attention_resolutions: 32,16,8
classifier_use_scale_shift_norm: true
classifier_resblock_updown: true
classifier_pool: attention
num_heads_upsample: -1
channel_mult: ''
dropout: 0.0
use_checkpoint: false
use_new_attention_order: false
clip_denoised: true
use_ddim: false
latex_name: RePaint
method_name: Repaint
image_size: 256
model_path: ./data/pretrained/celeba256_250000.pt
name: face_example
inpa_inj_sched_prev: true
n_jobs: 1
print_estimated_vars: true
inpa_inj_sched_prev_cumnoise: false
schedule_jump_params: {t_T: 250, n_sample: 1, jump_length: 10, jump_n_sample: 10}
data:
  eval:
    paper_face_mask:
      mask_loader: true
      gt_path: ./data/datasets/gts/face
      mask_path: ./data/datasets/gt_keep_masks/face
      image_size: 256
      class_cond: false
      deterministic: true
      random_crop: false
      random_flip: false
      return_dict: true
      drop_last: false
      batch_size: 1
      return_dataloader: true
      ds_conf: {name: face}
      offset: 0
      max_len: 8
      paths:
        srs: ./log/face_example/inpainted
        lrs: ./log/face_example/gt_masked
        gts: ./log/face_example/gt
        gt_keep_masks: ./log/face_example/gt_keep_mask
"""


def test_published_format_with_all_its_keys_equals_our_short_file(tmp_path: Path) -> None:
    path = tmp_path / "published.yml"
    path.write_text(PUBLISHED_FORMAT)
    published = load_config(Config, path)
    ours = load_config(Config, CONFS / "face_example.yml")
    idle = set(no_effect_keys(published))
    assert " ".join(sorted(idle)) == (
        "class_cond deterministic ds_conf latex_name lr_kernel_n_std mask_loader method_name n_jobs num_samples "
        "print_estimated_vars rescale_learned_sigmas return_dataloader return_dict use_kl"
    )
    same = Config.model_fields.keys() - idle - {"data", "schedule_jump_params", "classifier_scale"}
    assert published.model_dump(include=same) == ours.model_dump(include=same)
    assert not published.guided  # classifier_scale 4.0 without a classifier_path, in the published file too
    assert not ours.guided
    assert published.eval_data.paths == ours.eval_data.paths
    assert published.schedule_jump_params.model_dump(exclude={"t_T"}) == ours.schedule_jump_params.model_dump(
        exclude={"t_T"}
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_experiments(name: str) -> None:
    _, family, mask = name.split("_")
    config = load_config(Config, CONFS / f"{name}.yml")
    weights = {"c256": "celeba256_250000", "inet256": "256x256_diffusion", "p256": "places256_300000"}[family]
    assert config.model_path == f"./data/pretrained/{weights}.pt"
    data = config.eval_data
    assert (data.batch_size, data.max_len) == (4, 100)
    assert data.gt_path == f"./data/datasets/gts/{family}"
    assert data.mask_path == f"./data/datasets/gt_keep_masks/{mask}"
    assert data.paths.model_dump(exclude={"log"}) == {
        "srs": f"./log/{name}/inpainted",
        "lrs": f"./log/{name}/gt_masked",
        "gts": f"./log/{name}/gt",
        "gt_keep_masks": f"./log/{name}/gt_keep_mask",
    }
    imagenet = family == "inet256"
    assert config.class_cond == config.use_fp16 == config.guided == config.needs_class == imagenet
    if imagenet:
        assert config.classifier_path == "./data/pretrained/256x256_classifier.pt"
        assert config.classifier_scale == 1.0
    params = config.schedule_jump_params
    assert (config.timestep_respacing, params.jump_length, params.jump_n_sample) == ("250", 10, 10)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("num_chanels: 64", "unknown key 'num_chanels'; did you mean 'num_channels'?"),
        ("schedule_jump_params: {t_TT: 4}", "unknown key 'schedule_jump_params.t_TT'; did you mean 't_T'?"),
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
def test_mistakes_are_one_line_that_names_file_and_key(tmp_path: Path, change: str, says: str) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text()) | yaml.safe_load(change)
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(ConfigError) as caught:
        load_config(Config, path)
    message = str(caught.value)
    assert says in message
    assert ".yml" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: [1", "not valid YAML"),
        (b"- a\n- b", "list of 'key: value' lines"),
        (b"", "list of 'key: value' lines"),
        (b"1: 2", "list of 'key: value' lines"),
        (b"name: a\nname: b", "line 2: not valid YAML: key 'name' is given twice"),
        (b"\xff\xfe\x00", "cannot be read as a text file"),
        (b"? [a, b]\n: c", "a key must be a word"),
        (b"name: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "conf.yml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"conf\.yml") as caught:
        load_config(Config, path)
    assert says in str(caught.value)


def test_base_and_overrides(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nseed: 7\nschedule_jump_params: {jump_n_sample: 5}\n")
    config = load_config(Config, path, ["data.eval.tiny.batch_size=9", "ddim_eta=1e-1", "cond_y=[1, 2]"])
    assert config.seed == 7
    assert config.schedule_jump_params.jump_length == 1
    assert config.schedule_jump_params.jump_n_sample == 5
    assert config.eval_data.batch_size == 9
    assert config.ddim_eta == 0.1
    assert config.cond_y == [1, 2]


def steps_of(config: Config) -> tuple[str, int, int]:
    params = config.schedule_jump_params
    return config.timestep_respacing, params.jump_length, params.jump_n_sample


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
def test_presets_fill_in_what_is_not_said(tmp_path: Path, keys: dict, expected: tuple[str, int, int]) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    path.write_text(yaml.safe_dump(tree | keys))
    config = load_config(Config, path)
    assert steps_of(config) == expected
    build_times(config)


def test_a_preset_replaces_the_schedule_of_what_it_is_laid_over(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nschedule: fast\nschedule_jump_params: {jump_n_sample: 3}\n")
    assert steps_of(load_config(Config, path)) == ("34", 1, 3)
    assert steps_of(load_config(Config, path, ["timestep_respacing='40'"])) == ("40", 1, 3)
    assert steps_of(load_config(Config, path, ["schedule=preview"])) == ("20", 1, 3)
    assert steps_of(load_config(Config, path, ["schedule_jump_params.jump_length=2", "schedule=paper"])) == (
        "250",
        2,
        10,
    )


@pytest.mark.parametrize(
    ("below", "above", "left"),
    [
        ("schedule_jump_params: {jump_length: 3}", "resample: [4, 2]", {"resample": [4, 2]}),
        ("schedule: fast", "resample: [4, 2]", {"resample": [4, 2], "timestep_respacing": "34"}),
        ("resample: [4, 2]", "times: [3, 2, 1, 0, -1]", {"times": [3, 2, 1, 0, -1], "resample": None}),
        ("resample: [4, 2]", "schedule: fast", {"resample": None, "timestep_respacing": "34"}),
        ("resample: [4, 2]", "schedule_jump_params: {jump_length: 3}", {"resample": None}),
        ("resample: [4, 2]", "seed: 3", {"resample": [4, 2]}),
        ("resample: [4, 2]", "schedule_jump_params: {t_T: 4}", {"resample": [4, 2]}),
    ],
)
def test_one_way_to_resample_replaces_another_below_it(
    tmp_path: Path, below: str, above: str, left: dict[str, object]
) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    (tmp_path / "base.yml").write_text(yaml.safe_dump(tree) + below)
    path.write_text(f"base: base.yml\n{above}\n")
    config = load_config(Config, path)
    assert {key: getattr(config, key) for key in left} == left
    overridden = load_config(Config, tmp_path / "base.yml", [above.replace(": ", "=", 1)])
    assert {key: getattr(overridden, key) for key in left} == left


def test_the_number_of_steps_is_no_way_to_resample(tmp_path: Path) -> None:
    write_config(tmp_path, schedule_jump_params={"jump_length": 3, "jump_n_sample": 4}).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nresample: [3]\nschedule_jump_params: {t_T: 4}\n")
    assert build_times(load_config(Config, path)) == [3, 2, 1, 0, 1, 0, 1, 0, -1]


def test_what_is_shown_has_one_way_to_resample(tmp_path: Path) -> None:
    shown = describe(load_config(Config, write_config(tmp_path, schedule_jump_params={}, resample=[2])))
    assert shown["resample"] == [2]
    assert "schedule_jump_params" not in shown
    assert "schedule_jump_params" in describe(load_config(Config, write_config(tmp_path)))


def test_data_sets_may_be_called_anything(tmp_path: Path) -> None:
    tree = yaml.safe_load(write_config(tmp_path).read_text())
    tree["data"]["eval"] = {"list": tree["data"]["eval"]["tiny"] | {"batch_size": 0}}
    with pytest.raises(ConfigError, match=r"data\.eval\.list\.batch_size"):
        load_config(Config, write_config(tmp_path, data=tree["data"]))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("resample: [2]\ntimes: [1, 0, -1]", "resample and times both say how often to resample"),
        ("resample: [2]\nschedule_jump_params: {jump_length: 1}", "schedule_jump_params and resample both say"),
        ("resample: [0]", "resample.0: "),
        ("resample: []", "resample: "),
        (
            "resample: 3",
            "resample: should be a list of passes such as [38, 62, 47], or a curve: center, width and height",
        ),
        ("resample: {center: 0, width: 0, height: 3}", "resample.width: "),
        ("resample: {center: 0, width: 1}", "resample.height"),
        (
            "resample: {center: 0, width: 1, height: 1, heigth: 2}",
            "'resample.heigth'; did you mean 'height'?",
        ),
        ("times: [3]", "times: "),
    ],
)
def test_ways_to_resample_are_strict(tmp_path: Path, keys: str, message: str) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text())
    del tree["timestep_respacing"], tree["schedule_jump_params"]
    path.write_text(yaml.safe_dump(tree) + keys)
    with pytest.raises(ConfigError) as caught:
        load_config(Config, path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_preset_leaves_the_schedule_below_alone(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nschedule: null\n")
    expected = steps_of(load_config(Config, tmp_path / "base.yml"))
    assert expected != ("250", 10, 10)
    assert steps_of(load_config(Config, path)) == expected
    assert steps_of(load_config(Config, path, ["schedule=null"])) == expected


@pytest.mark.parametrize("value", [["paper"], {"paper": 1}, 3])
def test_a_preset_is_a_word(tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule=value))


def test_an_unquoted_colour_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mask_color is empty; in YAML a colour needs quotes"):
        load_config(Config, write_config(tmp_path), ["data.eval.tiny.mask_color=#00f"])


def test_every_preset_is_a_key_value(tmp_path: Path) -> None:
    for name in PRESETS:
        assert load_config(Config, write_config(tmp_path, schedule=name)).schedule == name
    with pytest.raises(ConfigError, match="schedule: input should be 'paper'"):
        load_config(Config, write_config(tmp_path, schedule="slow"))


@given(st.text().filter(lambda text: "\0" not in text))
def test_quoted_overrides_keep_any_path(value: str) -> None:
    tree: dict = {}
    _apply_override(tree, override("data.path", Path("out") / value))
    assert tree == {"data": {"path": str(Path("out") / value)}}


def test_quoted_overrides_keep_numbers_and_nothing() -> None:
    tree: dict = {}
    for text in (override("a", None), override("b", 25), override("c", "25"), override("d", "out #1: x")):
        _apply_override(tree, text)
    assert tree == {"a": None, "b": 25, "c": "25", "d": "out #1: x"}


def test_data_set_of_another_name_replaces_the_one_of_the_base(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\ndata: {eval: {mine: {gt_path: a, mask_path: b, paths: {srs: c}}}}\n")
    assert list(load_config(Config, path).data.eval) == ["mine"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("seed", "key.path=value"),
        ("=3", "key.path=value"),
        ("seed=[", "not valid YAML"),
        ("seed=2020-13-45", "not valid YAML"),
        ("seed={a: 1, a: 2}", "not valid YAML"),
        ("seed.x.y=1", "seed holds"),
    ],
)
def test_malformed_overrides(tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(Config, write_config(tmp_path, seed=3), [override])


def test_numbers_may_be_given_as_numbers(tmp_path: Path) -> None:
    path = write_config(tmp_path, attention_resolutions=[8, 16], timestep_respacing=250, channel_mult=1)
    config = load_config(Config, path)
    assert config.attention_resolutions == "8,16"
    assert config.timestep_respacing == "250"
    assert config.channel_mult == "1"


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists)))
def test_any_mapping_is_a_configuration_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, tree: dict) -> None:
    path = tmp_path_factory.mktemp("conf") / "conf.yml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(Config, path)


def test_training_configuration() -> None:
    config = load_config(TrainConfig, CONFS / "train_faces64.yml")
    assert config.lr == 4e-4  # YAML reads 4e-4 as a text
    assert config.learn_sigma


def test_merge_keys_are_refused_before_they_grow(tmp_path: Path) -> None:
    rows = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12))]
    path = tmp_path / "bomb.yml"
    path.write_text("\n".join(rows))
    with pytest.raises(ConfigError, match=r"bomb\.yml, line 2: not valid YAML: merge keys \(<<\) are not read"):
        load_config(Config, path)


@pytest.mark.parametrize("value", ["0", "-1", "65537", "1.5", "true", "none", "[1]"])
def test_batch_sizes_that_are_none(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="batch_size: should be a number from 1 to 65536, or auto, not "):
        load_config(Config, write_config(tmp_path), [f"data.eval.tiny.batch_size={value}"])


def test_a_small_file_that_aliases_make_huge(tmp_path: Path) -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    path = tmp_path / "bomb.yml"
    path.write_text("\n".join(rows))
    with pytest.raises(ConfigError, match=r"bomb\.yml: more than 100,000 values; an alias is repeated too often"):
        load_config(Config, path)
