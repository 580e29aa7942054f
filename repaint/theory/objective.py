"""How far a schedule's fills are from the truth, exactly and fast, for pictures N(0, covariance).

The same as `evaluation.oracle` says, for schedules whose jumps are single steps: as the known part is drawn afresh at
the start of each step down, only the hole is a state, and passes that repeat are taken together by squaring.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repaint.theory.fields import Field
from repaint.theory.gaussian_law import Array, Flags, Law, ReverseStep, conditional_law, relative_distance, repaint_law

Steps = list[tuple[Array, float]]


@dataclass(frozen=True)
class Affine:
    """A step x -> matrix x + inner k + noise of covariance `noise`, on the hole's pixels x, with known pixels k.

    Attributes:
        matrix: [H, H].
        inner: [H, K].
        noise: [H, H].
    """

    matrix: Array
    inner: Array
    noise: Array

    def after(self, first: "Affine") -> "Affine":
        """This step after another."""
        return Affine(
            self.matrix @ first.matrix,
            self.matrix @ first.inner + self.inner,
            self.matrix @ first.noise @ self.matrix.T + self.noise,
        )

    def repeated(self, times: int) -> "Affine":
        """This step `times` times, at least once, by repeated squaring."""
        if times == 1:
            return self
        half = self.repeated(times // 2)
        whole = half.after(half)
        return self.after(whole) if times % 2 else whole


class Objective:
    """Distances of schedules to the truth.

    Args:
        fields: pictures and masks.
        levels: [T_original] `cumprod(1 - betas)` of the trained process.
    """

    def __init__(self, fields: Sequence[Field], levels: NDArray[np.float64]) -> None:
        self.fields, self.levels = fields, levels
        self._cases = [
            (number, known, conditional_law(field.covariance, known), field.covariance[np.ix_(known, known)])
            for number, field in enumerate(fields)
            for known in field.masks
        ]
        self._known_steps: tuple[tuple[tuple[int, ...], ReverseStep] | None, list[Steps]] = (None, [])

    def distance(self, timesteps: Sequence[int], passes: Sequence[int], step: ReverseStep) -> float:
        """Geometric mean over fields and masks of the distance to the truth.

        Args:
            timesteps: visited, rising.
            passes: over the step that lands at each of them, see `schedule.get_schedule_passes`.
            step: kind of the reverse step.
        """
        abar = self.levels[list(timesteps)]
        steps = self._steps(tuple(timesteps), step)
        return self._mean(lambda number, known: _law(known, abar, steps[number], passes))

    def distance_of_times(self, timesteps: Sequence[int], times: Sequence[int], step: ReverseStep) -> float:
        """The same for any list of times, by `repaint_law`, which takes longer."""
        abar = self.levels[list(timesteps)]

        def law(number: int, known: Flags) -> Law:
            return repaint_law(self.fields[number].covariance, known, times, abar, step=step).of(~known)

        return self._mean(law)

    def _mean(self, law_of: Callable[[int, Flags], Law]) -> float:
        logs = [
            math.log(relative_distance(law_of(number, known), truth, of_known))
            for number, known, truth, of_known in self._cases
        ]
        return math.exp(sum(logs) / len(logs))

    def _steps(self, timesteps: tuple[int, ...], step: ReverseStep) -> list[Steps]:
        """The reverse steps of each field. The last ones are kept, as most designs only differ in their passes."""
        if self._known_steps[0] != (timesteps, step):
            abar = self.levels[list(timesteps)]
            found = [[step.at(field.covariance, abar, t) for t in range(len(abar))] for field in self.fields]
            self._known_steps = (timesteps, step), found
        return self._known_steps[1]


def _law(known: Flags, abar: Array, steps: Steps, passes: Sequence[int]) -> Law:
    """The law of the hole."""
    hole, last = ~known, len(abar) - 1
    state = _down(hole, steps[last], 0.0, 1.0)  # the start is noise all over: nothing known enters
    state = Affine(np.zeros_like(state.matrix), state.inner, state.noise + state.matrix @ state.matrix.T)
    for t in reversed(range(last)):
        if passes[t] > 1:
            share = abar[t + 1] / abar[t]
            down = _down(hole, steps[t + 1], abar[t + 1] ** 0.5, 1 - abar[t + 1])
            up = Affine(
                share**0.5 * np.eye(len(down.matrix)), np.zeros_like(down.inner), (1 - share) * np.eye(len(down.matrix))
            )
            state = down.after(up).repeated(passes[t] - 1).after(state)
        state = _down(hole, steps[t], abar[t] ** 0.5, 1 - abar[t]).after(state)
    return Law(state.inner, state.noise)


def _down(hole: Flags, step: tuple[Array, float], scale: float, variance: float) -> Affine:
    """A reverse step whose known part is drawn from N(scale k, variance)."""
    matrix, noise = step
    rows = matrix[hole]
    inner = rows[:, ~hole]
    return Affine(rows[:, hole], scale * inner, variance * inner @ inner.T + noise * np.eye(len(rows)))
