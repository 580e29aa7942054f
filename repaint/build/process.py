"""Diffusion process and schedule."""

import math

import numpy as np
from numpy.typing import NDArray

from repaint.config import SamplingConfig, TrainConfig
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, MeanType, VarianceType
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.schedule import get_schedule_jump, merge_forward

MOST_TRANSITIONS = 10_000_000  # longer than any run would live to see, and still quick to list


def build_diffusion(
    config: SamplingConfig | TrainConfig, respacing: str = "", clip_denoised: bool = True
) -> GaussianDiffusion:
    """The diffusion process on the timesteps that `respacing` keeps ('' for all).

    Raises:
        ConfigError: the respacing does not fit the number of steps.
    """
    betas, timesteps = _betas_and_timesteps(config, respacing)
    fixed: VarianceType = "fixed_small" if config.sigma_small else "fixed_large"
    return GaussianDiffusion(
        betas,
        timesteps,
        mean_type=_mean_type(config),
        variance_type="learned_range" if config.learn_sigma else fixed,
        clip_denoised=clip_denoised,
        rescale_timesteps=config.rescale_timesteps,
    )


def _mean_type(config: SamplingConfig | TrainConfig) -> MeanType:
    if config.predict_v:
        return "v"
    return "xstart" if config.predict_xstart else "epsilon"


def _betas_and_timesteps(config: SamplingConfig | TrainConfig, respacing: str) -> tuple[NDArray[np.float64], list[int]]:
    try:
        return _betas(config), space_timesteps(config.diffusion_steps, respacing)
    except ValueError as error:
        raise ConfigError(f"diffusion_steps, noise_schedule, timestep_respacing: {error}") from None


def _betas(config: SamplingConfig | TrainConfig) -> NDArray[np.float64]:
    if config.betas is not None:
        return np.array(config.betas)
    return get_named_beta_schedule(config.noise_schedule, config.diffusion_steps)


def build_times(config: SamplingConfig) -> list[int]:
    """The jump schedule.

    Raises:
        ConfigError: `t_T` is not the number of respaced steps, or the schedule is absurdly long.
    """
    steps = len(_betas_and_timesteps(config, config.timestep_respacing)[1])
    params = config.schedule_jump_params
    if params.t_T not in (None, steps):
        raise ConfigError(
            f"schedule_jump_params.t_T is {params.t_T}, but timestep_respacing {config.timestep_respacing!r} of "
            f"{config.diffusion_steps} diffusion steps gives {steps}; make them equal"
        )
    values = params.model_dump() | {"t_T": steps}
    passes = math.prod(value for key, value in values.items() if key.endswith("n_sample"))
    if 2 * steps * passes > MOST_TRANSITIONS:
        raise ConfigError(
            f"schedule_jump_params: {steps} steps x {passes} passes make more than {MOST_TRANSITIONS:,} transitions"
        )
    times = get_schedule_jump(**values)
    return merge_forward(times) if config.merge_forward else times
