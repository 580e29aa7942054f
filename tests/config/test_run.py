"""Published files, and what is shown of a configuration."""

from pathlib import Path

import pytest

from repaint.config.loading import load_config
from repaint.config.run import Config, describe, no_effect_keys
from tests.helpers.configurations import PUBLISHED_FORMAT
from tests.helpers.tiny import write_config

CONFS = Path(__file__).parents[2] / "confs"
MASKS = ("thin", "thick", "ev2li", "nn2", "ex64", "genhalf")
PUBLISHED = [f"test_{family}_{mask}" for family in ("c256", "inet256", "p256") for mask in MASKS]


def test_published_format_with_all_its_keys_equals_our_short_file(tmp_path: Path) -> None:
    path = tmp_path / "published.yml"
    path.write_text(PUBLISHED_FORMAT)
    published = load_config(Config, path)
    ours = load_config(Config, CONFS / "face_example.yml")
    unused = set(no_effect_keys(published))
    assert " ".join(sorted(unused)) == (
        "class_cond deterministic ds_conf latex_name lr_kernel_n_std mask_loader method_name n_jobs num_samples "
        "print_estimated_vars rescale_learned_sigmas return_dataloader return_dict use_kl"
    )
    same = Config.model_fields.keys() - unused - {"data", "schedule_jump_params", "classifier_scale"}
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


def test_one_key_of_the_resampling_is_shown(tmp_path: Path) -> None:
    shown = describe(load_config(Config, write_config(tmp_path, schedule_jump_params={}, resample=[2])))
    assert shown["resample"] == [2]
    assert "schedule_jump_params" not in shown
    assert "schedule_jump_params" in describe(load_config(Config, write_config(tmp_path)))
