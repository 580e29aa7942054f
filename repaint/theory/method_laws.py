"""Exact distribution of the output of conditioning methods for Gaussian data: DDNM, Langevin, DPS, PiGDM.

With the optimal denoiser of pictures N(0, S), a matrix, each step of these methods is an affine map plus normal noise,
as RePaint's is (`gaussian_law.repaint_law`, which replacement without resampling shares). The step is composed along
the times. DPS is affine only with a constant scale: dividing by the norm of the misfit is not.

The formulas are independent of the sampler's code, so that tests can compare the two. Symbols as in `gaussian_law`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np

from repaint.theory.affine import Affine
from repaint.theory.gaussian_law import Array, Flags, Law, StepLaw, denoiser


@dataclass(frozen=True)
class Level:
    """A noise level, for pictures N(0, S) with known pixels k.

    Attributes:
        t: index of the level.
        abar: share of the picture's variance, `cumprod(1 - betas)`.
        known: bool [D].
        clean: [D, D], the optimal denoiser E[x0 | x_t].
        of_clean: factor of the estimate of x0 in the mean of the reverse step.
        of_state: factor of x_t in it.
        variance: of the reverse step.
    """

    t: int
    abar: float
    known: Flags
    clean: Array
    of_clean: float
    of_state: float
    variance: float

    @property
    def identity(self) -> Array:
        """[D, D]."""
        return np.eye(len(self.known))

    @property
    def embedding(self) -> Array:
        """[D, K]: known pixels as a picture that is 0 in the hole."""
        return self.identity[:, self.known]

    @cached_property
    def matrix(self) -> Array:
        """[D, D]: mean of the unconditional reverse step, as a map of x_t."""
        return self.of_clean * self.clean + self.of_state * self.identity

    def down(self, of_x: Array, of_known: Array) -> Affine:
        """The reverse step from the estimate of x0 of_x x + of_known k."""
        matrix = self.of_clean * of_x + self.of_state * self.identity
        return Affine(matrix, self.of_clean * of_known, self.variance * self.identity)


class MethodLaw(Protocol):
    """Affine law of a method's step."""

    def at(self, level: Level) -> Affine:
        """The step from `level` to the one below."""


@dataclass(frozen=True)
class DDNMLaw:
    """DDNM: the reverse step from the estimate with known pixels pasted (Wang et al. 2023, equations 13 and 14)."""

    def at(self, level: Level) -> Affine:
        """See `MethodLaw`."""
        return level.down(np.where(level.known[:, None], 0, level.clean), level.embedding)


@dataclass(frozen=True)
class LangevinLaw:
    """Langevin steps at each level, see `repaint.diffusion.methods.langevin`.

    Attributes:
        inner_steps: number of steps at level t.
        strength: of the guidance on the known part, lambda.
        step_size: time of a step, in units of 1 - abar.
    """

    inner_steps: Callable[[int], int]
    strength: float
    step_size: float

    def at(self, level: Level) -> Affine:
        """See `MethodLaw`."""
        inner = self.inner_steps(level.t)
        state = _redraw(level)
        if inner > 0:
            state = self._step(level).repeated(inner).after(state)
        return DDNMLaw().at(level).after(state)

    def _step(self, level: Level) -> Affine:
        """One step x -> exp(-A tau) x + (C / A) (1 - exp(-A tau)) + ((1 - exp(-2 A tau)) / A)^1/2 noise.

        It solves dx = (C - A x) dt + sqrt(2) dW, where C - A x = (sqrt(abar) target - x) / (1 - abar) at the x of the
        step's beginning, with the target the estimate in the hole, and (1 + lambda) k - lambda times it where known.
        """
        noise = 1 - level.abar
        rate = np.where(level.known, 1 + self.strength, 1) / noise
        weight = np.where(level.known, -self.strength, 1)  # of the estimate in the target
        target, target_known = weight[:, None] * level.clean, (1 + self.strength) * level.embedding
        drift = (level.abar**0.5 * target - level.identity) / noise + np.diag(rate)
        drift_known = level.abar**0.5 * target_known / noise
        decay = np.exp(-rate * self.step_size * noise)
        gain = ((1 - decay) / rate)[:, None]
        return Affine(np.diag(decay) + gain * drift, gain * drift_known, np.diag((1 - decay**2) / rate))


def _redraw(level: Level) -> Affine:
    """The known part drawn anew at its level, independent of the rest (RePaint equation 8a)."""
    noise = np.diag(np.where(level.known, 1 - level.abar, 0))
    return Affine(np.diag(np.where(level.known, 0.0, 1.0)), level.abar**0.5 * level.embedding, noise)


@dataclass(frozen=True)
class DPSLaw:
    """DPS with a constant scale (Chung et al. 2023, algorithm 1): minus scale times the gradient of |m (k - x0)|^2."""

    scale: float

    def at(self, level: Level) -> Affine:
        """See `MethodLaw`."""
        plain, back = level.down(level.clean, 0 * level.embedding), 2 * self.scale * level.clean.T
        seen = np.where(level.known[:, None], level.clean, 0)
        return Affine(plain.matrix - back @ seen, back @ level.embedding, plain.noise)


@dataclass(frozen=True)
class PiGDMLaw:
    """PiGDM: the estimate of x0 moved by pseudo-inverse guidance, see `repaint.diffusion.methods.pigdm`."""

    scale: float = 1.0

    def at(self, level: Level) -> Affine:
        """See `MethodLaw`."""
        # grad log N(k; m x0hat, (1 - abar) I), and Tweedie's formula: x0 moves by (1 - abar) / sqrt(abar) times it.
        gradient = level.clean.T / (1 - level.abar)
        back = self.scale * (1 - level.abar) / level.abar**0.5 * gradient
        seen = np.where(level.known[:, None], level.clean, 0)
        return level.down(level.clean - back @ seen, back @ level.embedding)


def make_levels(covariance: Array, known: Flags, abar: Array, step: StepLaw) -> list[Level]:
    """The levels of a process, see `method_law`; those of other known pixels differ in `known` alone."""
    denoisers = (denoiser(covariance, float(level)) for level in abar)
    return [
        Level(t, float(abar[t]), known, clean, *step.coefficients(covariance, clean, abar, t))
        for t, clean in enumerate(denoisers)
    ]


def method_law(
    covariance: Array,
    known: Flags,
    times: Sequence[int],
    abar: Array,
    method: MethodLaw,
    step: StepLaw | None = None,
    start: Law | None = None,
) -> Law:
    """Exact law of a method's output for pictures N(0, covariance), with the optimal denoiser.

    Args:
        covariance: [D, D] of the pictures.
        known: bool [D].
        times: from T - 1, or with `start` from any time, down to -1; steps up are draws of the forward process.
        abar: [T] levels of the visited timesteps, falling.
        method: law of its steps.
        step: kind of the reverse step; by default DDPM's with the posterior's variance.
        start: law of the state that it begins with, given the known pixels; None for standard normal.

    Returns:
        The law of all D pixels, before the known ones are pasted.
    """
    return law_along(times, make_levels(covariance, known, abar, step or StepLaw()), method, start)


def law_along(times: Sequence[int], levels: Sequence[Level], method: MethodLaw, start: Law | None = None) -> Law:
    """`method_law` on levels that are made already."""
    downs = [method.at(level) for level in levels]
    identity, nothing = levels[0].identity, 0 * levels[0].embedding
    start = start or Law(nothing, identity)
    state = Affine(0 * identity, start.mean_map, start.covariance)
    for t, s in pairwise(times):
        if s < t:
            state = downs[t].after(state)
        else:
            share = levels[s].abar / levels[t].abar
            state = Affine(share**0.5 * identity, nothing, (1 - share) * identity).after(state)
    return Law(state.known_map, state.noise)
