"""Diffusion process (betas, respacing) and jump schedule of a configuration."""

import math

import numpy as np
from numpy.typing import NDArray

from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, MeanType, VarianceType
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.schedule import (
    check_times,
    describe_passes,
    get_schedule_jump,
    get_schedule_passes,
)

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
        return build_betas(config), space_timesteps(config.diffusion_steps, respacing)
    except ValueError as error:
        raise ConfigError(f"diffusion_steps, timestep_respacing: {error}") from None


def build_betas(config: SamplingConfig | TrainConfig) -> NDArray[np.float64]:
    """Betas [diffusion_steps] of the process that the network was trained for; raises ConfigError."""
    if config.betas is not None:
        return np.array(config.betas)
    try:
        return get_named_beta_schedule(config.noise_schedule, config.diffusion_steps)
    except ValueError as error:
        raise ConfigError(f"diffusion_steps, noise_schedule: {error}") from None


def build_timesteps(config: SamplingConfig) -> list[int]:
    """The timesteps of the trained process that sampling visits; raises ConfigError."""
    return _betas_and_timesteps(config, config.timestep_respacing)[1]


def build_times(config: SamplingConfig) -> list[int]:
    """The jump schedule.

    Raises:
        ConfigError: `t_T` is not the number of respaced steps, or the schedule is absurdly long.
    """
    steps = len(build_timesteps(config))
    params = config.schedule_jump_params
    if params.t_T not in (None, steps):
        raise ConfigError(
            f"schedule_jump_params.t_T is {params.t_T}, but timestep_respacing {config.timestep_respacing!r} of "
            f"{config.diffusion_steps} diffusion steps gives {steps}; make them equal"
        )
    if config.times is not None:
        try:
            check_times(config.times, steps)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return list(config.times)
    passes = build_passes(config, steps)
    if passes is not None:
        _check_length("resample", sum(passes))
        return get_schedule_passes(passes)
    values = config.schedule_jump_params.model_dump() | {"t_T": steps}
    each = math.prod(value for key, value in values.items() if key.endswith("n_sample"))
    _check_length(f"schedule_jump_params: {steps} steps x {each} passes", steps * each)
    return get_schedule_jump(**values)


def _check_length(what: str, calls: int) -> None:
    if 2 * calls > MOST_TRANSITIONS:
        raise ConfigError(f"{what}: more than {MOST_TRANSITIONS:,} transitions")


def build_passes(config: SamplingConfig, steps: int) -> list[int] | None:
    """Passes over each level of a process of `steps` steps, if `resample` specifies them.

    Raises:
        ConfigError: it lists more levels than there are.
    """
    if config.resample is None:
        return None
    if len(config.resample) >= steps:
        raise ConfigError(
            f"resample lists {len(config.resample)} levels, but of {steps} steps {steps - 1} can be resampled: all but "
            f"the first one down"
        )
    return config.resample + [1] * (steps - len(config.resample))


def describe_schedule(config: SamplingConfig) -> str:
    """The schedule in the paper's symbols: 'T=250 j=10 r=10'; passes of levels that differ as a range."""
    times = build_times(config)
    steps = max(times) + 1
    if config.times is not None:
        return f"T={steps} with {len(times):,} listed times"
    passes = build_passes(config, steps)
    if passes is None:
        params = config.schedule_jump_params
        return f"T={steps} j={params.jump_length} r={params.jump_n_sample}"
    return f"T={steps} {describe_passes(passes)}"
