"""The resume fingerprint: every key counts unless the schema marks it as not deciding a picture."""

from pathlib import Path
from typing import Annotated, Any

import pytest

from repaint.config.data import EvalDataConfig
from repaint.config.fields import NotFingerprinted, StrictModel
from repaint.config.fingerprint import deciding_values, fingerprint
from repaint.config.loading import load_config
from repaint.config.run import Config
from tests.helpers.tiny import write_config

ROOT = Path(__file__).parents[2]
RESOLVED: dict[str, Any] = {"weights": "a1", "classifier": None, "random_numbers": "cpu", "precision": None}
OTHER = 123_456.5  # a value that no key has
IN_EFFECT: dict[str, Any] = {"classifier_path": "classifier.pt", "classifier_scale": 1.0}  # so that classifier_* count
NOT_DECIDING = """
    animation animation_frames compile cond_y data debug device
    inpa_inj_sched_prev_cumnoise latex_name lr_kernel_n_std method_name
    model model_format model_path n_jobs name noise_device num_samples num_samples_per_image precision
    print_estimated_vars rescale_learned_sigmas schedule show_progress snapshot_interval use_fp16 use_kl
"""
NOT_DECIDING_OF_DATA = """
    batch_size class_cond deterministic drop_last ds_conf gt_path image_size mask_loader mask_path max_len offset paths
    random_crop random_flip return_dataloader return_dict
"""


def is_marked(model: type[StrictModel], key: str) -> bool:
    return any(isinstance(mark, NotFingerprinted) for mark in model.model_fields[key].metadata)


MARKED = {model: {key for key in model.model_fields if is_marked(model, key)} for model in (Config, EvalDataConfig)}
DECIDING = sorted(Config.model_fields.keys() - MARKED[Config])
DECIDING_OF_DATA = sorted(EvalDataConfig.model_fields.keys() - MARKED[EvalDataConfig])


def load(folder: Path, **changes: object) -> Config:
    return load_config(Config, write_config(folder, **changes))


def with_data(config: Config, **changes: object) -> Config:
    data = config.data.model_copy(update={"eval": {"tiny": config.eval_data.model_copy(update=changes)}})
    return config.model_copy(update={"data": data})


def digest(config: Config, **resolved: object) -> str:
    return fingerprint(config, RESOLVED | resolved)


def test_the_marked_keys() -> None:
    assert MARKED[Config] == set(NOT_DECIDING.split())
    assert MARKED[EvalDataConfig] == set(NOT_DECIDING_OF_DATA.split())


@pytest.mark.parametrize("key", DECIDING)
def test_each_key_that_is_not_marked_counts(tmp_path: Path, key: str) -> None:
    changes = {"method": "langevin", "schedule_jump_params": {}} if key == "refine_step_size" else IN_EFFECT
    config = with_data(load(tmp_path, **changes), fit="window").model_copy(
        update={"refine": "auto", "refine_from": 0.5}
    )
    assert digest(config.model_copy(update={key: OTHER})) != digest(config)


@pytest.mark.parametrize("key", DECIDING_OF_DATA)
def test_each_key_of_the_data_set_that_is_not_marked_counts(tmp_path: Path, key: str) -> None:
    config = load(tmp_path)
    assert digest(with_data(config, **{key: OTHER})) != digest(config)


@pytest.mark.parametrize("key", sorted(MARKED[Config] - {"data"}))
def test_marked_keys_do_not_count(tmp_path: Path, key: str) -> None:
    config = load(tmp_path)
    assert digest(config.model_copy(update={key: OTHER})) == digest(config)


@pytest.mark.parametrize("key", sorted(MARKED[EvalDataConfig]))
def test_marked_keys_of_the_data_set_do_not_count(tmp_path: Path, key: str) -> None:
    config = load(tmp_path)
    assert digest(with_data(config, **{key: OTHER})) == digest(config)


@pytest.mark.parametrize("name", RESOLVED)
def test_resolved_values_count(tmp_path: Path, name: str) -> None:
    assert digest(load(tmp_path), **{name: OTHER}) != digest(load(tmp_path))


class WiderConfig(Config):
    new_key: int = 3
    new_label: Annotated[str, NotFingerprinted("a label")] = ""


class WiderData(EvalDataConfig):
    new_key_of_data: int = 4


def test_a_new_key_counts_without_further_work_and_a_marked_one_does_not(tmp_path: Path) -> None:
    config = load_config(WiderConfig, write_config(tmp_path))
    assert digest(config) != digest(load(tmp_path))
    assert digest(load_config(WiderConfig, tmp_path / "conf.yml", ["new_key=5"])) != digest(config)
    assert digest(load_config(WiderConfig, tmp_path / "conf.yml", ["new_label=x"])) == digest(config)


def test_a_new_key_of_the_data_set_counts(tmp_path: Path) -> None:
    config = load(tmp_path)
    data = WiderData.model_validate(config.eval_data.model_dump(exclude_unset=True))
    wider = config.model_copy(update={"data": config.data.model_copy(update={"eval": {"tiny": data}})})
    assert digest(wider) != digest(config)


def test_two_values_of_one_name_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="two values of one name"):
        digest(load(tmp_path), seed=1)


def test_keys_that_others_replace_do_not_count(tmp_path: Path) -> None:
    config = load(tmp_path)
    for key in ("resample", "times", "betas", "classifier_width"):
        assert key not in deciding_values(config)
    resampled = load(tmp_path, schedule_jump_params={"t_T": 4}, resample=[2])
    assert digest(resampled) == digest(load(tmp_path, schedule_jump_params={}, resample=[2]))
    assert "noise_schedule" not in deciding_values(load(tmp_path, betas=[0.1] * 1000))


def test_refinement_counts_where_fills_may_be_enlarged(tmp_path: Path) -> None:
    crop = load(tmp_path)
    assert not {"refine", "refine_from", "refine_spacing", "refine_step_size"} & deciding_values(crop).keys()
    for fit in ("window", "pad", "resize"):
        config = with_data(crop, fit=fit).model_copy(update={"refine": "auto", "refine_from": 0.4})
        plain = config.model_copy(update={"refine": "none"})
        assert len({digest(config), digest(plain), digest(config.model_copy(update={"refine": 1}))}) == 3
        for key in ("refine_from", "refine_spacing", "refine_step_size", "refine_candidates", "refine_patch_size"):
            assert digest(plain.model_copy(update={key: 0.1})) == digest(plain)
        assert digest(config.model_copy(update={"refine_from": 0.1})) != digest(config)
        assert digest(config.model_copy(update={"refine_spacing": 3.0})) != digest(config)
        assert digest(config.model_copy(update={"refine_candidates": 3})) != digest(config)
        assert digest(config.model_copy(update={"refine_patch_size": 0})) != digest(config)
        assert digest(config.model_copy(update={"refine_step_size": 0.2})) == digest(
            config
        )  # RePaint takes no such step
        textured = config.model_copy(update={"refine_from": 0.0})
        assert digest(textured.model_copy(update={"refine_spacing": 3.0})) == digest(textured) != digest(config)
    tree = {"method": "langevin", "schedule_jump_params": {}}
    langevin = with_data(load(tmp_path, **tree), fit="window").model_copy(update={"refine": "auto", "refine_from": 0.4})
    assert digest(langevin.model_copy(update={"refine_step_size": 0.2})) != digest(langevin)


@pytest.mark.parametrize(
    ("conf", "changes", "expected"),
    [
        ("faces64", [], "a2a53b3ba26dcd15"),
        ("faces64", ["schedule=fast", "method=repaint"], "4f38f083343ba9e8"),
        ("faces64", ["resample=[3,2]"], "e99fd7493e3a7b31"),
        ("test_inet256_thin", [], "07535adf213e331b"),
    ],
)
def test_folders_of_earlier_versions_can_be_resumed(conf: str, changes: list[str], expected: str) -> None:
    """Digests as they were before there was a schema to compute them from."""
    assert digest(load_config(Config, ROOT / f"confs/{conf}.yml", changes)) == expected
