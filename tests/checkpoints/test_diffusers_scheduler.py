"""The diffusion process that a scheduler of the diffusers library describes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.resolve import resolve
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.pipeline.process import build_diffusion
from tests.helpers.command import run, user_error
from tests.helpers.diffusers_models import edit_json, write_model, write_plain_config
from tests.helpers.tiny import SIZE

X = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "unet"),
    [
        ({}, {}),
        ({"beta_schedule": "scaled_linear", "beta_start": 0.001, "beta_end": 0.03}, {}),
        ({"beta_schedule": "squaredcos_cap_v2", "variance_type": "fixed_large"}, {}),
        ({"beta_schedule": "sigmoid", "prediction_type": "v_prediction", "variance_type": "fixed_large_log"}, {}),
        ({"trained_betas": [0.01, 0.02, 0.4], "num_train_timesteps": 3, "prediction_type": "sample"}, {}),
        ({"variance_type": "learned_range"}, {"out_channels": 6}),
    ],
)
def test_a_reverse_step_is_that_of_the_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: dict[str, Any], unet: dict[str, Any]
) -> None:
    folder = write_model(tmp_path / "model", unet, **kind)
    config = load_config(Config, write_plain_config(tmp_path, folder))
    ours = build_diffusion(resolve(config, read_weights(config.model_path)).config)
    theirs = DDPMScheduler.from_pretrained(folder / "scheduler")
    theirs.alphas_cumprod = torch.cumprod(1 - theirs.betas.double(), 0)  # in float32 it is the less exact of the two
    if kind.get("variance_type") == "fixed_large_log":
        theirs.variance_type = "fixed_large"  # the same; the library takes the logarithm for the variance
        theirs.register_to_config(variance_type="fixed_large")
    steps = len(theirs.betas)
    assert ours.num_timesteps == steps
    worst = 0.0
    for t in {1, 2, steps // 4, steps // 2, steps - 1} - {0}:
        out = torch.randn(2, unet.get("out_channels", 3), SIZE, SIZE)
        step = ours.p_mean_variance(lambda _x, _t, _y, out=out: out, X, t)
        ends = []
        for noise in (0.0, 1.0):
            monkeypatch.setattr(
                "diffusers.schedulers.scheduling_ddpm.randn_tensor",
                lambda shape, noise=noise, **_options: torch.full(shape, noise),
            )
            ends.append(theirs.step(out.double(), t, X.double()).prev_sample)
        spread = (0.5 * step.log_variance).exp()
        errors = (step.mean - ends[0]).abs().max(), (spread - (ends[1] - ends[0])).abs().max()
        worst = max(worst, *map(float, errors))
    assert worst < 1e-5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prediction_type": "flow"}, "prediction_type flow is not supported"),
        ({"variance_type": "learned"}, "variance_type learned is not supported"),
        ({"variance_type": "learned_range"}, "contradicts the 3 out_channels"),
        ({"rescale_betas_zero_snr": True}, "has a beta of 1 (zero terminal SNR"),
        ({"beta_schedule": "cubic"}, "DDPMScheduler makes no betas"),
        ({"trained_betas": [-0.1]}, "DDPMScheduler has betas that are not positive"),
        ({"trained_betas": True}, "DDPMScheduler makes no betas"),
        ({"beta_schedule": None}, "DDPMScheduler has no betas"),
    ],
)
def test_processes_that_cannot_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, change: dict, says: str
) -> None:
    edit_json(folder / "scheduler/scheduler_config.json", lambda tree: tree.update(change))
    user_error(capsys, run(write_plain_config(tmp_path, folder)), f"{folder}: ", says)


@pytest.mark.parametrize(
    "kind",
    ["ScoreSdeVeScheduler", "CMStochasticIterativeScheduler", "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"],
)
def test_processes_without_betas_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: Path, kind: str
) -> None:
    import diffusers

    shutil.rmtree(folder / "scheduler")
    getattr(diffusers, kind)().save_config(folder / "scheduler")
    user_error(capsys, run(write_plain_config(tmp_path, folder)), f"{kind} has no betas; only discrete processes")
