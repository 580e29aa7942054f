"""YAML files, their bases, and overrides from the command line."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from repaint.config.loading import apply_override, load_config, override
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.pipeline.process import build_times
from tests.helpers.configurations import steps_of
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ("content", "expected"),
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
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "conf.yml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"conf\.yml") as caught:
        load_config(Config, path)
    assert expected in str(caught.value)


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


def test_a_preset_replaces_the_schedule_of_what_it_is_laid_over(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nschedule: fast\nschedule_jump_params: {jump_n_sample: 3}\n")
    assert load_config(Config, path).method == "repaint"
    assert steps_of(load_config(Config, path)) == ("34", 1, 3)
    assert steps_of(load_config(Config, path, ["timestep_respacing='40'"])) == ("40", 1, 3)
    assert load_config(Config, path, ["schedule=preview"]).method == "langevin"
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
        ("resample: [4, 2]", "schedule: fast", {"resample": None, "timestep_respacing": "15", "method": "langevin"}),
        ("resample: [4, 2]", "schedule_jump_params: {jump_length: 3}", {"resample": None}),
        ("resample: [4, 2]", "seed: 3", {"resample": [4, 2]}),
        ("resample: [4, 2]", "schedule_jump_params: {t_T: 4}", {"resample": [4, 2]}),
    ],
)
def test_a_key_of_the_resampling_replaces_another_below_it(
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


def test_the_number_of_steps_specifies_no_resampling(tmp_path: Path) -> None:
    write_config(tmp_path, schedule_jump_params={"jump_length": 3, "jump_n_sample": 4}).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nresample: [3]\nschedule_jump_params: {t_T: 4}\n")
    assert build_times(load_config(Config, path)) == [3, 2, 1, 0, 1, 0, 1, 0, -1]


def test_no_preset_leaves_the_schedule_below_alone(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\nschedule: null\n")
    expected = steps_of(load_config(Config, tmp_path / "base.yml"))
    assert expected != ("250", 10, 10)
    assert steps_of(load_config(Config, path)) == expected
    assert steps_of(load_config(Config, path, ["schedule=null"])) == expected


def test_data_sets_may_be_called_anything(tmp_path: Path) -> None:
    tree = yaml.safe_load(write_config(tmp_path).read_text())
    tree["data"]["eval"] = {"list": tree["data"]["eval"]["tiny"] | {"batch_size": 0}}
    with pytest.raises(ConfigError, match=r"data\.eval\.list\.batch_size"):
        load_config(Config, write_config(tmp_path, data=tree["data"]))


@given(st.text().filter(lambda text: "\0" not in text))
def test_quoted_overrides_keep_any_path(value: str) -> None:
    tree: dict = {}
    apply_override(tree, override("data.path", Path("out") / value))
    assert tree == {"data": {"path": str(Path("out") / value)}}


def test_quoted_overrides_keep_numbers_and_nothing() -> None:
    tree: dict = {}
    for text in (override("a", None), override("b", 25), override("c", "25"), override("d", "out #1: x")):
        apply_override(tree, text)
    assert tree == {"a": None, "b": 25, "c": "25", "d": "out #1: x"}


def test_data_set_of_another_name_replaces_the_one_of_the_base(tmp_path: Path) -> None:
    write_config(tmp_path).rename(tmp_path / "base.yml")
    path = tmp_path / "top.yml"
    path.write_text("base: base.yml\ndata: {eval: {mine: {gt_path: a, mask_path: b, paths: {srs: c}}}}\n")
    assert list(load_config(Config, path).data.eval) == ["mine"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "key.path=value"),
        ("=3", "key.path=value"),
        ("seed=[", "not valid YAML"),
        ("seed=2020-13-45", "not valid YAML"),
        ("seed={a: 1, a: 2}", "not valid YAML"),
        ("seed.x.y=1", "seed holds"),
    ],
)
def test_malformed_overrides(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_config(Config, write_config(tmp_path, seed=3), [override])


def test_merge_keys_are_refused_before_they_grow(tmp_path: Path) -> None:
    rows = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12))]
    path = tmp_path / "bomb.yml"
    path.write_text("\n".join(rows))
    with pytest.raises(ConfigError, match=r"bomb\.yml, line 2: not valid YAML: merge keys \(<<\) are not read"):
        load_config(Config, path)


def test_a_small_file_that_aliases_make_huge(tmp_path: Path) -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    path = tmp_path / "bomb.yml"
    path.write_text("\n".join(rows))
    with pytest.raises(ConfigError, match=r"bomb\.yml: more than 100,000 values; an alias is repeated too often"):
        load_config(Config, path)


@pytest.mark.parametrize(
    ("under", "over"),
    [
        ("refine: auto\nrefine_from: 0.5\nrefine_step_size: 2\nmethod: langevin", ["refine=none"]),
        ("refine: auto\nrefine_from: 0.5\nrefine_step_size: 2\nmethod: langevin", ["method=repaint", "schedule=null"]),
        ("refine: auto\nrefine_from: 0.5\nrefine_step_size: 2\nschedule: fast", ["schedule=paper"]),
        ("refine: auto\nrefine_from: 0.5\nrefine_step_size: 2\nmethod: langevin", ["refine_from=0"]),
    ],
)
def test_details_of_a_refinement_go_with_it(tmp_path: Path, under: str, over: list[str]) -> None:
    path = write_config(tmp_path)
    tree = yaml.safe_load(path.read_text()) | yaml.safe_load(under)
    tree.pop("schedule_jump_params", None)
    tree["data"]["eval"]["tiny"] = tree["data"]["eval"]["tiny"] | {"fit": "window", "window_context": 1.0}
    path.write_text(yaml.safe_dump(tree))
    assert load_config(Config, path).refine == "auto"
    config = load_config(Config, path, over)
    assert "refine_step_size" not in config.model_fields_set
    assert config.eval_data.window_context == 1.0
    assert load_config(Config, path, [*over, "data.eval.tiny.fit=pad"]).eval_data.fit == "pad"
    child = tmp_path / "child.yml"
    child.write_text(f"base: {path.name}\ndata: {{eval: {{tiny: {{fit: resize}}}}}}\n")
    assert load_config(Config, child).eval_data.fit == "resize"
