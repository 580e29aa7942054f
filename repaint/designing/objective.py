"""How far a schedule's fills are from the truth, exactly and fast, for pictures N(0, covariance).

The same as `evaluation.oracle` says, for schedules whose jumps are single steps: as the known part is drawn afresh at
the start of each step down, only the hole is a state, and passes that repeat are taken together by squaring.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repaint.evaluation.oracle import Array, Flags, Law, ReverseStep, conditional_law, relative_distance


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


@dataclass(frozen=True)
class Field:
    """Pictures to design for, and what is known of them.

    Attributes:
        covariance: [D, D].
        masks: bool [D] each, True = known.
    """

    covariance: Array
    masks: tuple[Flags, ...]


class Objective:
    """Distances of designed schedules to the truth.

    Args:
        field: pictures and masks.
        levels: [T_original] `cumprod(1 - betas)` of the trained process.
        step: kind of the reverse step.
    """

    def __init__(self, field: Field, levels: NDArray[np.float64], step: ReverseStep) -> None:
        self.field, self.levels, self.step = field, levels, step
        self.truths = [conditional_law(field.covariance, known) for known in field.masks]

    def distance(self, timesteps: Sequence[int], passes: Sequence[int]) -> float:
        """Geometric mean over the masks of the distance to the truth.

        Args:
            timesteps: visited, rising.
            passes: over the step that lands at each of them, see `schedule.get_schedule_passes`.
        """
        abar = self.levels[list(timesteps)]
        steps = [self.step.at(self.field.covariance, abar, t) for t in range(len(abar))]
        return math.exp(sum(math.log(each) for each in self.distances(abar, steps, passes)) / len(self.truths))

    def distances(self, abar: Array, steps: Sequence[tuple[Array, float]], passes: Sequence[int]) -> list[float]:
        """The distance for each mask, given the reverse steps at all levels."""
        found = []
        for known, truth in zip(self.field.masks, self.truths, strict=True):
            law = _law(known, abar, steps, passes)
            found.append(relative_distance(law, truth, self.field.covariance[np.ix_(known, known)]))
        return found


def _law(known: Flags, abar: Array, steps: Sequence[tuple[Array, float]], passes: Sequence[int]) -> Law:
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
