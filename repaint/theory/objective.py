"""Objective of the schedule search: distance of a schedule's fills to the true posterior, for Gaussian data.

It equals `gaussian_law.repaint_law` for schedules whose jumps are single steps, but is faster: the known part is drawn
afresh at the start of each step down, so only the hole is a state, and repeated passes are computed by squaring.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from repaint.theory.affine import Affine
from repaint.theory.fields import Field
from repaint.theory.gaussian_law import Flags, Law, StepLaw, conditional_law, relative_distance, repaint_law
from repaint.theory.method_laws import Level, MethodLaw, law_along, make_levels


class Objective:
    """Predicted distances of schedules to the true posterior.

    Args:
        fields: model of pictures and masks.
        levels: [T_original] `cumprod(1 - betas)` of the trained process.
    """

    def __init__(self, fields: Sequence[Field], levels: NDArray[np.float64]) -> None:
        self.fields, self.levels = fields, levels
        self._cases = [
            (number, known, conditional_law(field.covariance, known), field.covariance[np.ix_(known, known)])
            for number, field in enumerate(fields)
            for known in field.masks
        ]
        self._cached_levels: tuple[tuple[tuple[int, ...], StepLaw] | None, list[list[Level]]] = (None, [])

    def distance(self, timesteps: Sequence[int], passes: Sequence[int], step: StepLaw) -> float:
        """Geometric mean over fields and masks of the distance to the truth.

        Args:
            timesteps: visited, rising.
            passes: over the step that lands at each of them, see `schedule.get_schedule_passes`.
            step: kind of the reverse step.
        """
        levels = self._levels(tuple(timesteps), step)
        return self._mean(lambda number, known: _law(known, levels[number], passes))

    def distance_of_times(self, timesteps: Sequence[int], times: Sequence[int], step: StepLaw) -> float:
        """`distance` for any list of times, by the slower `repaint_law`."""
        abar = self.levels[list(timesteps)]

        def law(number: int, known: Flags) -> Law:
            return repaint_law(self.fields[number].covariance, known, times, abar, step=step).marginal(~known)

        return self._mean(law)

    def distance_of_method(self, timesteps: Sequence[int], method: MethodLaw, step: StepLaw) -> float:
        """`distance` for another method than RePaint, straight down the timesteps.

        Args:
            timesteps: visited, rising.
            method: law of its steps.
            step: kind of the reverse step.
        """
        times = range(len(timesteps) - 1, -2, -1)
        levels = self._levels(tuple(timesteps), step)

        def law(number: int, known: Flags) -> Law:
            return law_along(times, [replace(level, known=known) for level in levels[number]], method).marginal(~known)

        return self._mean(law)

    def _mean(self, law_of: Callable[[int, Flags], Law]) -> float:
        logs = [
            math.log(relative_distance(law_of(number, known), truth, of_known))
            for number, known, truth, of_known in self._cases
        ]
        return math.exp(sum(logs) / len(logs))

    def _levels(self, timesteps: tuple[int, ...], step: StepLaw) -> list[list[Level]]:
        """Levels of each field with its first mask; the last ones are cached, as most designs differ in passes only."""
        if self._cached_levels[0] != (timesteps, step):
            abar = self.levels[list(timesteps)]
            found = [make_levels(field.covariance, field.masks[0], abar, step) for field in self.fields]
            self._cached_levels = (timesteps, step), found
        return self._cached_levels[1]


def _law(known: Flags, levels: Sequence[Level], passes: Sequence[int]) -> Law:
    """Law of the hole pixels."""
    hole, last = ~known, len(levels) - 1
    state = _down(hole, levels[last], 0.0, 1.0)  # pure noise at the start: no known pixels yet
    state = Affine(np.zeros_like(state.matrix), state.known_map, state.noise + state.matrix @ state.matrix.T)
    for t in reversed(range(last)):
        if passes[t] > 1:
            above = levels[t + 1].abar
            share = above / levels[t].abar
            down = _down(hole, levels[t + 1], above**0.5, 1 - above)
            identity = np.eye(len(down.matrix))
            up = Affine(share**0.5 * identity, np.zeros_like(down.known_map), (1 - share) * identity)
            state = down.after(up).repeated(passes[t] - 1).after(state)
        state = _down(hole, levels[t], levels[t].abar ** 0.5, 1 - levels[t].abar).after(state)
    return Law(state.known_map, state.noise)


def _down(hole: Flags, level: Level, scale: float, variance: float) -> Affine:
    """Reverse step on the hole, with the known part drawn from N(scale k, variance)."""
    rows = level.matrix[hole]
    of_known, noise = rows[:, ~hole], level.variance * np.eye(len(rows))
    return Affine(rows[:, hole], scale * of_known, variance * of_known @ of_known.T + noise)
