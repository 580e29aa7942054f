"""Diffusion process (betas, respacing) and jump schedule of a configuration."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, MeanType, VarianceType
from repaint.diffusion.respacing import dense_timesteps, space_timesteps
from repaint.errors import ConfigError
from repaint.schedule import (
    check_times,
    describe_passes,
    get_schedule_jump,
    get_schedule_passes,
    most_calls,
    restrict_times,
)

MOST_TRANSITIONS = 10_000_000  # longer than any run would live to see, and still quick to list


def build_diffusion(
    config: SamplingConfig | TrainConfig, respacing: str = "", clip_denoised: bool = True, bound_variance: bool = False
) -> GaussianDiffusion:
    """The diffusion process on the timesteps that `respacing` keeps ('' for all).

    `clip_denoised` and `bound_variance` are for sampling, see `GaussianDiffusion`; training leaves them.

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
        time_shift=config.inpa_inj_time_shift if isinstance(config, SamplingConfig) else 1,
        bound_variance=bound_variance,
        correct_mean=config.correct_mean,
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
    return _betas_and_timesteps(config, pick_respacing(config))[1]


def pick_respacing(config: SamplingConfig) -> str:
    """The respacing in effect: `timestep_respacing`, or `t_T` even steps where that asks for fewer.

    The published advice for faster sampling is a smaller `t_T`, with which its code begins below the noise level of the
    noise that it begins with.

    Raises:
        ConfigError: the respacing does not fit the number of steps, or `t_T` asks for more than it gives.
    """
    wanted, steps = config.schedule_jump_params.t_T, len(_betas_and_timesteps(config, config.timestep_respacing)[1])
    if wanted is not None and wanted > steps:
        raise ConfigError(
            f"schedule_jump_params.t_T is {wanted}, but timestep_respacing {config.timestep_respacing!r} of "
            f"{config.diffusion_steps} diffusion steps gives {steps}; make them equal"
        )
    return config.timestep_respacing if wanted in (None, steps) else str(wanted)


def respacing_note(config: SamplingConfig) -> str | None:
    """A message for the user where `t_T` respaces the process; raises ConfigError like `pick_respacing`."""
    respacing = pick_respacing(config)
    if respacing == config.timestep_respacing:
        return None
    return (
        f"t_T {respacing} is below the steps of timestep_respacing {config.timestep_respacing!r}: the process is "
        f"respaced to {respacing} even steps"
    )


def build_times(config: SamplingConfig) -> list[int]:
    """The times that the sampler visits: the jump schedule, or straight down if the method does not jump.

    Raises:
        ConfigError: `t_T` is above the number of respaced steps, the schedule is absurdly long, or a step up would take
            its noise from above the last time.
    """
    steps = len(build_timesteps(config))
    if not config.jumps:
        return list(range(steps - 1, -2, -1))
    times = _list_times(config, steps)
    if config.inpa_inj_time_shift != 1:
        _check_shift(times, config.inpa_inj_time_shift, steps)
    return times


def _check_shift(times: Sequence[int], shift: int, steps: int) -> None:
    highest = max((before for before, after in pairwise(times) if after > before), default=-1)
    if highest + shift >= steps:
        raise ConfigError(
            f"inpa_inj_time_shift {shift}: the schedule goes up from {highest}, and {highest + shift} is not one of "
            f"the {steps} steps; lower it"
        )


def _list_times(config: SamplingConfig, steps: int) -> list[int]:
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
    calls = most_calls(steps, values)
    _check_length(f"schedule_jump_params: {steps} steps x {calls // steps} passes", calls)
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


def refining(config: SamplingConfig) -> SamplingConfig:
    """The configuration by which a fill is sampled again: steps of another spacing, Langevin steps of another size.

    Raises:
        ConfigError: like `pick_respacing`.
    """
    count = len(build_timesteps(config))
    steps = dense_timesteps(config.diffusion_steps, count, config.refine_spacing)
    changes: dict[str, object] = {"timestep_respacing": f"at:{','.join(map(str, steps))}"}
    if config.langevin is not None:
        changes["langevin"] = config.langevin.model_copy(update={"step_size": config.refine_step_size})
    return config.model_copy(update=changes)


def build_refine_times(config: SamplingConfig) -> list[int]:
    """The times that the sampler visits where a fill is sampled again: a schedule from `refine_from` on.

    Args:
        config: of `refining`; its `refine_from` is a share of the trained process's steps.

    Returns:
        Times from the highest step below that share, or else from the lowest of all, to -1.
    """
    below = sum(step < config.refine_from * config.diffusion_steps for step in build_timesteps(config))
    return restrict_times(build_times(config), max(below, 1) - 1)


def describe_schedule(config: SamplingConfig) -> str:
    """The schedule in the paper's symbols: 'T=250 j=10 r=10'; what differs from level to level as a range."""
    times = build_times(config)
    steps = max(times) + 1
    if config.langevin is not None:
        return f"T={steps} with {config.langevin.describe_steps()} inner steps a level"
    if not config.jumps:
        return f"T={steps}"
    if config.times is not None:
        return f"T={steps} with {len(times):,} listed times"
    passes = build_passes(config, steps)
    if passes is None:
        params = config.schedule_jump_params
        return f"T={steps} j={params.jump_length} r={max(1, params.jump_n_sample)}"
    return f"T={steps} {describe_passes(passes)}"
