"""Conditioning methods by name: the reverse step of each for a batch, its network calls, and what it goes with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from repaint.checkpoints.formats import has_own_network
from repaint.config.sampling import SamplingConfig
from repaint.diffusion.methods.ddnm import DDNMStep
from repaint.diffusion.methods.dps import DPSStep
from repaint.diffusion.methods.langevin import LangevinStep
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.methods.pigdm import PiGDMStep
from repaint.diffusion.reverse_steps import EstimatingStep, ReverseStep
from repaint.errors import ConfigError

Noise = Callable[[], Tensor]
Bind = Callable[[SamplingConfig, EstimatingStep, Observation, Noise], ReverseStep]
Calls = Callable[[SamplingConfig, int], int]

CALLS_WITH_GRADIENT = 3  # of a forward and a backward pass, which takes about twice as long


@dataclass(frozen=True)
class Method:
    """A conditioning method.

    Attributes:
        bind: makes the reverse step that knows the known pixels of a batch; None where the sampler merges them.
        calls: network calls of the step from t.
        gradients: whether it goes through the network's backward pass.
        guidable: whether a classifier can guide it.
    """

    bind: Bind | None = None
    calls: Calls = lambda _config, _t: 1
    gradients: bool = False
    guidable: bool = True


def _ddnm(_config: SamplingConfig, step: EstimatingStep, observation: Observation, _noise: Noise) -> ReverseStep:
    return DDNMStep(step, observation)


def _langevin(config: SamplingConfig, step: EstimatingStep, observation: Observation, noise: Noise) -> ReverseStep:
    assert config.langevin is not None
    own = config.langevin
    return LangevinStep(step, observation, noise, own.steps_at, own.strength, own.step_size)


def _langevin_calls(config: SamplingConfig, t: int) -> int:
    assert config.langevin is not None
    return config.langevin.steps_at(t) + 1


def _dps(config: SamplingConfig, step: EstimatingStep, observation: Observation, _noise: Noise) -> ReverseStep:
    assert config.dps is not None
    return DPSStep(step, observation, config.dps.scale, config.dps.normalized)


def _pigdm(config: SamplingConfig, step: EstimatingStep, observation: Observation, _noise: Noise) -> ReverseStep:
    assert config.pigdm is not None
    return PiGDMStep(step, observation, config.pigdm.scale)


def _gradient_calls(_config: SamplingConfig, _t: int) -> int:
    return CALLS_WITH_GRADIENT


METHODS: dict[str, Method] = {
    "repaint": Method(),
    "replace": Method(),
    "ddnm": Method(_ddnm),
    "langevin": Method(_langevin, _langevin_calls, guidable=False),
    "dps": Method(_dps, _gradient_calls, gradients=True, guidable=False),
    "pigdm": Method(_pigdm, _gradient_calls, gradients=True, guidable=False),
}


def method_of(config: SamplingConfig) -> Method:
    """The method that a configuration selects."""
    return METHODS[config.method]


def step_calls(config: SamplingConfig, t: int, tiled: bool = False) -> int:
    """Network calls of the step from t; a backward pass counts as two, and in tiles repeats the forward pass."""
    method = method_of(config)
    return method.calls(config, t) + (tiled and method.gradients)


def count_calls(config: SamplingConfig, times: Sequence[int], tiled: bool = False) -> int:
    """Network calls of a batch along a list of times, see `step_calls`."""
    return sum(step_calls(config, before, tiled) for before, after in pairwise(times) if after < before)


def count_references(config: SamplingConfig) -> int:
    """References of an area: none for networks of other libraries, or where the gradients of a step are needed."""
    return config.refine_references if _shares_attention(config) else 0


def _shares_attention(config: SamplingConfig) -> bool:
    return not (has_own_network(config) or method_of(config).gradients)


def check_method(config: SamplingConfig) -> None:
    """Raise ConfigError if the method cannot be combined with something else in the configuration."""
    if config.guided and not method_of(config).guidable:
        raise ConfigError(
            f"method: {config.method} cannot be combined with a classifier; set classifier_scale: 0 or another method"
        )
    if config.refine_references and not _shares_attention(config):
        cause = f"method: {config.method}" if method_of(config).gradients else "a model of diffusers"
        raise ConfigError(f"refine_references cannot be combined with {cause}; leave it out")
