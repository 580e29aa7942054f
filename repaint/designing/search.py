"""Searching a schedule of a given cost: at random first, then by small changes to the best."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

import numpy as np

from repaint.diffusion.respacing import space_timesteps

FEWEST_STEPS, MOST_STEPS = 4, 80
EXPONENTS = (0.8, 2.4)
SURVIVORS = 3  # designs of the random search that are refined


@dataclass(frozen=True)
class Design:
    """A schedule of uneven steps and passes per level.

    Attributes:
        exponent: of the steps, in hundredths, see `respacing.space_timesteps`.
        passes: over the step that lands at t = 0, 1, ..., T - 1, see `schedule.get_schedule_passes`; the last is 1.
    """

    exponent: int
    passes: tuple[int, ...]

    @property
    def calls(self) -> int:
        """Network calls that it costs."""
        return sum(self.passes)

    @property
    def respacing(self) -> str:
        """For `timestep_respacing`."""
        return f"power{len(self.passes)}:{self.exponent / 100:g}"


Judge = Callable[[Design], float]


def make_judge(distance: Callable[[list[int], tuple[int, ...]], float], trained_steps: int) -> Judge:
    """The distance of designs, each worked out once; infinite where two steps fall on one timestep."""
    known: dict[Design, float] = {}

    def judge(design: Design) -> float:
        if design not in known:
            try:
                timesteps = space_timesteps(trained_steps, design.respacing)
            except ValueError:
                known[design] = np.inf
            else:
                known[design] = distance(timesteps, design.passes)
        return known[design]

    return judge


def search(
    judge: Judge,
    calls: int,
    *,
    floor: int = 1,
    trials: int = 200,
    rounds: int = 40,
    seed: int = 0,
    report: Callable[[int, float], None] = lambda _done, _best: None,
) -> Design:
    """The best schedule found that costs exactly `calls` network calls.

    Args:
        judge: what to make small, see `make_judge`.
        calls: network calls, at least twice the fewest steps.
        floor: passes that each level gets at least.
        trials: designs drawn at random.
        rounds: times that all small changes are tried at most; a round without a gain is the last.
        seed: of the draws.
        report: is told after each design how many were judged, and the smallest distance.
    """
    rng = np.random.default_rng(seed)
    judged, best = 0, np.inf

    def score(design: Design) -> float:
        nonlocal judged, best
        value = judge(design)
        judged, best = judged + 1, min(best, value)
        report(judged, best)
        return value

    drawn = sorted((_draw(rng, calls, floor) for _ in range(trials)), key=score)
    refined = [_refine(design, score, calls, floor, rounds, rng) for design in drawn[:SURVIVORS]]
    return min(refined, key=judge)


def _draw(rng: np.random.Generator, calls: int, floor: int) -> Design:
    """Passes along a bell curve, scaled to the cost."""
    most = min(MOST_STEPS, calls // (floor + 1))
    steps = int(np.exp(rng.uniform(np.log(FEWEST_STEPS), np.log(most + 1))))
    center, width = rng.uniform(-0.1, 0.3), rng.uniform(0.05, 0.5)
    shape = np.exp(-(((np.arange(steps - 1) / steps - center) / width) ** 2) / 2)
    return _fit(Design(round(100 * rng.uniform(*EXPONENTS)), (1,) * steps), shape, calls, floor)


def _fit(design: Design, shape: np.ndarray, calls: int, floor: int) -> Design:
    """Share what the floor leaves of the calls out by a shape [T - 1]."""
    left = calls - 1 - floor * len(shape)
    parts = left * shape / shape.sum()
    extra = np.floor(parts).astype(int)
    extra[np.argsort(extra - parts)[: left - extra.sum()]] += 1  # the largest remainders
    return replace(design, passes=(*(int(floor + more) for more in extra), 1))


def _refine(design: Design, score: Judge, calls: int, floor: int, rounds: int, rng: np.random.Generator) -> Design:
    """Take each change that helps, until none does."""
    value = score(design)
    for _ in range(rounds):
        before = value
        for change in _changes(len(design.passes), calls, floor, rng):
            other = change(design)
            if other is not None and score(other) < value:
                design, value = other, score(other)
        if value == before:
            break
    return design


def _changes(
    steps: int, calls: int, floor: int, rng: np.random.Generator
) -> Iterator[Callable[[Design], Design | None]]:
    """All small changes, those of passes in a random order."""
    for by in (-20, -5, -2, 2, 5, 20):
        yield partial(_bend, by=by)
    for by in (-2, -1, 1, 2):
        yield partial(_resize, by=by, calls=calls, floor=floor)
    for source, target in rng.permutation(list(permutations(range(steps - 1), 2))):
        yield partial(_move, source=source, target=target, floor=floor)


def _bend(design: Design, by: int) -> Design | None:
    exponent = design.exponent + by
    return replace(design, exponent=exponent) if 100 * EXPONENTS[0] <= exponent <= 100 * EXPONENTS[1] else None


def _resize(design: Design, by: int, calls: int, floor: int) -> Design | None:
    """Another number of steps, the passes along the same curve."""
    steps = len(design.passes) + by
    if not FEWEST_STEPS <= steps <= MOST_STEPS or floor * (steps - 1) + 1 > calls:
        return None
    above = np.array(design.passes[:-1], float) - floor
    places = np.linspace(0, len(above) - 1, steps - 1)
    shape = np.interp(places, np.arange(len(above)), above) + 1e-3  # never all zero
    return _fit(replace(design, passes=(1,) * steps), shape, calls, floor)


def _move(design: Design, source: int, target: int, floor: int) -> Design | None:
    """A fifth of the passes that a level has above the floor goes to another."""
    if max(source, target) >= len(design.passes) - 1:
        return None  # an earlier change took levels away
    passes = list(design.passes)
    share = max(1, (passes[source] - floor) // 5)
    if passes[source] - share < floor:
        return None
    passes[source] -= share
    passes[target] += share
    return replace(design, passes=tuple(passes))
