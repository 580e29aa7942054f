"""Schedule search at a given number of network calls: random search, then local search from the best designs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from repaint.diffusion.respacing import space_timesteps
from repaint.theory.gaussian_law import StepLaw, Variance
from repaint.theory.method_laws import LangevinLaw
from repaint.theory.objective import Objective

MOST_STEPS = 80
EXPONENTS = (0.8, 2.4)
SURVIVORS = 3  # designs of the random search that are refined
STEP_SIZES = (20, 500)  # of Langevin's steps, in hundredths
STRENGTHS = (0, 300)
MOVES = 100  # of passes between two levels that a round tries


@dataclass(frozen=True)
class LangevinDesign:
    """Parameters of Langevin's method that are the same at all levels, see `repaint.diffusion.methods.langevin`.

    Attributes:
        step_size: in hundredths of 1 - abar.
        strength: lambda, in hundredths.
    """

    step_size: int
    strength: int

    def law(self, passes: Sequence[int]) -> LangevinLaw:
        """Its law with an inner step for each pass beyond the first."""
        return LangevinLaw(lambda t: passes[t] - 1, self.strength / 100, self.step_size / 100)


@dataclass(frozen=True)
class Design:
    """Schedule with unevenly spaced steps and a number of passes for each level.

    Attributes:
        exponent: of the steps, in hundredths, see `respacing.space_timesteps`.
        passes: over the step that lands at t = 0, 1, ..., T - 1, see `schedule.get_schedule_passes`; the last is 1.
        eta: of DDIM's reverse step; None for DDPM's.
        langevin: parameters of Langevin's method, of which a pass beyond the first is an inner step at level t; None
            for RePaint's.
    """

    exponent: int
    passes: tuple[int, ...]
    eta: float | None = None
    langevin: LangevinDesign | None = None

    @property
    def calls(self) -> int:
        """Network calls of the schedule."""
        return sum(self.passes)

    @property
    def respacing(self) -> str:
        """Value of `timestep_respacing`."""
        return f"power{len(self.passes)}:{self.exponent / 100:g}"


@dataclass(frozen=True)
class Limits:
    """Constraints of the search.

    Attributes:
        calls: network calls of each design, exactly.
        fewest_steps: least T, from 2 to the calls.
        evenness: share of the calls that is spread evenly over the levels, from 0 (1 pass each) to 1.
        etas: reverse steps to try, see `Design`; the first is that of the even design.
        langevin: parameters of the even design of Langevin's method; None for RePaint's.
    """

    calls: int
    fewest_steps: int = 4
    evenness: float = 0
    etas: tuple[float | None, ...] = (None,)
    langevin: LangevinDesign | None = None

    @property
    def most_steps(self) -> int:
        """Largest T."""
        return max(self.fewest_steps, min(MOST_STEPS, self.calls // 2))

    def floor(self, steps: int) -> int:
        """Least passes of each level of T = `steps` steps."""
        return max(1, int(self.evenness * (self.calls - 1) / (steps - 1)))


Loss = Callable[[Design], float]


def make_loss(objective: Objective, variance: Variance) -> Loss:
    """Loss of the search: the predicted distance of a design, cached; infinite if two steps share a timestep.

    Args:
        objective: model of pictures and masks, and process.
        variance: of DDPM's reverse step, see `StepLaw`.
    """
    cached: dict[Design, float] = {}

    def loss(design: Design) -> float:
        if design not in cached:
            try:
                timesteps = space_timesteps(len(objective.levels), design.respacing)
            except ValueError:
                cached[design] = np.inf
            else:
                cached[design] = _distance(objective, timesteps, design, StepLaw(variance, design.eta))
        return cached[design]

    return loss


def _distance(objective: Objective, timesteps: Sequence[int], design: Design, step: StepLaw) -> float:
    if design.langevin is None:
        return objective.distance(timesteps, design.passes, step)
    return objective.distance_of_method(timesteps, design.langevin.law(design.passes), step)


def search(
    loss: Loss,
    limits: Limits,
    *,
    trials: int = 200,
    rounds: int = 6,
    seed: int = 0,
    report: Callable[[int, float], None] = lambda _done, _best: None,
) -> Design:
    """Search for the design with the smallest loss; never worse than the even one.

    Args:
        loss: to minimize, see `make_loss`.
        limits: constraints.
        trials: designs drawn at random, beside the even one.
        rounds: of local search at most; a round without improvement is the last.
        seed: of the draws.
        report: called after each design with the number evaluated so far and the smallest loss.
    """
    rng = np.random.default_rng(seed)
    evaluated, best = 0, np.inf

    def score(design: Design) -> float:
        nonlocal evaluated, best
        value = loss(design)
        evaluated, best = evaluated + 1, min(best, value)
        report(evaluated, best)
        return value

    drawn = sorted((even_design(limits), *(_draw(rng, limits) for _ in range(trials))), key=score)
    refined = [_refine(design, score, limits, rounds, rng) for design in drawn[:SURVIVORS]]
    return min(refined, key=loss)


def even_design(limits: Limits) -> Design:
    """Baseline design: the fewest steps, evenly spaced, with equal numbers of passes as far as the calls allow."""
    steps = limits.fewest_steps
    return _fit(Design(100, (1,) * steps, limits.etas[0], limits.langevin), np.ones(steps - 1), limits)


def _draw(rng: np.random.Generator, limits: Limits) -> Design:
    """Random design: passes along a bell curve over the levels."""
    steps = int(np.exp(rng.uniform(np.log(limits.fewest_steps), np.log(limits.most_steps + 1))))
    center, width = rng.uniform(-0.1, 0.3), rng.uniform(0.05, 0.5)
    shape = np.exp(-(((np.arange(steps - 1) / steps - center) / width) ** 2) / 2)
    exponent = round(100 * rng.uniform(*EXPONENTS))
    eta = limits.etas[rng.integers(len(limits.etas))]
    return _fit(Design(exponent, (1,) * steps, eta, _draw_langevin(rng, limits)), shape, limits)


def _draw_langevin(rng: np.random.Generator, limits: Limits) -> LangevinDesign | None:
    if limits.langevin is None:
        return None  # and no draw: the search of RePaint's schedules is as it was
    step_size = round(np.exp(rng.uniform(*np.log(STEP_SIZES))))
    return LangevinDesign(step_size, round(rng.uniform(*STRENGTHS)))


def _fit(design: Design, shape: NDArray[np.float64], limits: Limits) -> Design:
    """Distribute the calls above the floor in proportion to a shape [T - 1]."""
    floor = limits.floor(len(design.passes))
    left = limits.calls - 1 - floor * len(shape)
    parts = left * shape / shape.sum()
    extra = np.floor(parts).astype(int)
    extra[np.argsort(extra - parts)[: left - extra.sum()]] += 1  # the largest remainders
    return replace(design, passes=(*(int(floor + more) for more in extra), 1))


def _refine(design: Design, score: Loss, limits: Limits, rounds: int, rng: np.random.Generator) -> Design:
    """Local search: keep each change that lowers the loss, until none does."""
    value = score(design)
    for _ in range(rounds):
        before = value
        for change in _changes(len(design.passes), limits, rng):
            other = change(design)
            if other is not None and (found := score(other)) < value:
                design, value = other, found
        if value == before:
            break
    return design


def _changes(steps: int, limits: Limits, rng: np.random.Generator) -> Iterator[Callable[[Design], Design | None]]:
    """Small changes of a design; moves of passes are random."""
    for eta in limits.etas:
        yield partial(_step_by, eta=eta)
    if limits.langevin is not None:
        for factor in (0.7, 0.95, 1.05, 1.4):
            yield partial(_scale, factor=factor)
        for by in (-40, -10, 10, 40):
            yield partial(_guide, by=by)
    for by in (-20, -5, -2, 2, 5, 20):
        yield partial(_bend, by=by)
    for by in (-2, -1, 1, 2):
        yield partial(_resize, by=by, limits=limits)
    for source, target in rng.integers(max(1, steps - 1), size=(MOVES, 2)):
        yield partial(_move, source=source, target=target, limits=limits)


def _step_by(design: Design, eta: float | None) -> Design | None:
    return None if design.eta == eta else replace(design, eta=eta)


def _scale(design: Design, factor: float) -> Design | None:
    """Another step size of Langevin's method."""
    own = design.langevin
    if own is None or not STEP_SIZES[0] <= (size := round(own.step_size * factor)) <= STEP_SIZES[1]:
        return None
    return replace(design, langevin=replace(own, step_size=size))


def _guide(design: Design, by: int) -> Design | None:
    """Another strength of Langevin's method."""
    own = design.langevin
    if own is None or not STRENGTHS[0] <= own.strength + by <= STRENGTHS[1]:
        return None
    return replace(design, langevin=replace(own, strength=own.strength + by))


def _bend(design: Design, by: int) -> Design | None:
    exponent = design.exponent + by
    return replace(design, exponent=exponent) if 100 * EXPONENTS[0] <= exponent <= 100 * EXPONENTS[1] else None


def _resize(design: Design, by: int, limits: Limits) -> Design | None:
    """Another number of steps, with the passes along the same curve."""
    steps = len(design.passes) + by
    if not limits.fewest_steps <= steps <= limits.most_steps:
        return None
    above = np.array(design.passes[:-1], float) - limits.floor(len(design.passes))
    places = np.linspace(0, len(above) - 1, steps - 1)
    shape = np.interp(places, np.arange(len(above)), above) + 1e-3  # never all zero
    return _fit(replace(design, passes=(1,) * steps), shape, limits)


def _move(design: Design, source: int, target: int, limits: Limits) -> Design | None:
    """Move a fifth of the passes that one level has above the floor to another."""
    if source == target or max(source, target) >= len(design.passes) - 1:
        return None  # an earlier change has removed levels
    passes, floor = list(design.passes), limits.floor(len(design.passes))
    share = max(1, (passes[source] - floor) // 5)
    if passes[source] - share < floor:
        return None
    passes[source] -= share
    passes[target] += share
    return replace(design, passes=tuple(passes))
