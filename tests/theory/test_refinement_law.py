"""Sampling that begins with a given state at a given time, against the exact law of its output."""

from typing import Any

import numpy as np
import pytest

from repaint.schedule import get_schedule_jump, restrict_times
from repaint.theory.gaussian_law import Law, relative_distance, repaint_law
from repaint.theory.method_laws import DDNMLaw, MethodLaw, method_law
from tests.helpers.gaussian_fields import (
    BOUND,
    FIELD,
    KNOWN,
    KNOWN_FIELD,
    LEVELS,
    TRUTH,
    Array,
    Bind,
    disagreement,
    run_on_fields,
    visited,
)
from tests.theory.test_method_laws import ddnm, langevin, pigdm, twice

STEPS = 20
ABAR = LEVELS[visited(STEPS)]
JUMPS = get_schedule_jump(STEPS, jump_length=4, jump_n_sample=3)
DOWN = list(range(STEPS - 1, -2, -1))
COUNT = 4500
SPREAD = 0.05  # variance of what the coarse fill adds by itself


def coarse_law() -> Law:
    """A coarse fill given the known pixels: they themselves, and half of the hole's expectation with little noise."""
    mean_map, covariance = np.zeros((len(FIELD), KNOWN.sum())), np.zeros_like(FIELD)
    mean_map[KNOWN] = np.eye(KNOWN.sum())
    mean_map[~KNOWN] = 0.5 * TRUTH.mean_map
    covariance[np.ix_(~KNOWN, ~KNOWN)] = SPREAD * np.eye((~KNOWN).sum())
    return Law(mean_map, covariance)


def true_law() -> Law:
    """The truth as a law of all pixels."""
    law = coarse_law()
    law.mean_map[~KNOWN] = TRUTH.mean_map
    law.covariance[np.ix_(~KNOWN, ~KNOWN)] = TRUTH.covariance
    return law


def coarse_fills(count: int) -> Array:
    """Fills with `coarse_law` of the pictures that `run_on_fields` draws."""
    clean = np.random.default_rng(3).normal(size=(count, len(FIELD))) @ np.linalg.cholesky(FIELD).T
    fills = clean[:, KNOWN] @ coarse_law().mean_map.T
    fills[:, ~KNOWN] += SPREAD**0.5 * np.random.default_rng(4).normal(size=(count, (~KNOWN).sum()))
    return fills


def law_from(top: int, start: Law, schedule: list[int] = JUMPS) -> Law:
    return repaint_law(FIELD, KNOWN, restrict_times(schedule, top), ABAR, start=start.noised(ABAR[top]))


@pytest.mark.parametrize("top", [3, 9, 14])
def test_sampler_has_the_exact_law_from_a_given_state_on(top: int) -> None:
    times = restrict_times(JUMPS, top)
    clean, filled = run_on_fields(times, COUNT, start=coarse_fills(COUNT), t_T=STEPS)
    law = law_from(top, coarse_law())
    scores = disagreement(law.marginal(~KNOWN), clean[:, KNOWN], filled[:, ~KNOWN])
    assert max(map(abs, scores.values())) < BOUND, scores
    np.testing.assert_array_equal(filled[:, KNOWN], clean[:, KNOWN].astype(np.float32))


METHODS: dict[str, tuple[Bind, MethodLaw]] = {
    "DDNM": (ddnm, DDNMLaw()),
    "Langevin": langevin(twice, 1.0, 1.0),
    "PiGDM": pigdm(1.0),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_have_the_exact_law_from_a_given_state_on(name: str) -> None:
    bind, method = METHODS[name]
    times = restrict_times(DOWN, 9)
    clean, filled = run_on_fields(times, COUNT, bind=bind, start=coarse_fills(COUNT), t_T=STEPS)
    law = method_law(FIELD, KNOWN, times, ABAR, method, start=coarse_law().noised(ABAR[9]))
    scores = disagreement(law.marginal(~KNOWN), clean[:, KNOWN], filled[:, ~KNOWN])
    assert max(map(abs, scores.values())) < BOUND, scores


def distance(law: Law) -> float:
    return relative_distance(law.marginal(~KNOWN), TRUTH, KNOWN_FIELD)


def test_the_second_half_of_a_schedule_refines_a_coarse_fill_as_far_as_all_of_it_would_from_noise() -> None:
    from_noise = distance(repaint_law(FIELD, KNOWN, JUMPS, ABAR))
    coarse, shortest, half = (distance(law) for law in (coarse_law(), *(law_from(t, coarse_law()) for t in (2, 10))))
    assert coarse > 3 * from_noise
    assert shortest < 0.5 * coarse
    assert half < from_noise


def test_the_later_it_begins_the_more_is_kept_of_a_true_fill() -> None:
    kept = [distance(law_from(top, true_law())) for top in (0, 2, 6, 10, STEPS - 1)]
    assert kept == sorted(kept)
    assert kept[0] < 1e-3
    assert kept[-1] == pytest.approx(distance(repaint_law(FIELD, KNOWN, JUMPS, ABAR)), rel=1e-3)


def test_from_the_last_level_on_the_fill_is_forgotten() -> None:
    options: Any = {"rtol": 0, "atol": 5e-3}
    fresh, refined = repaint_law(FIELD, KNOWN, JUMPS, ABAR), law_from(STEPS - 1, coarse_law())
    np.testing.assert_allclose(refined.mean_map, fresh.mean_map, **options)
    np.testing.assert_allclose(refined.covariance, fresh.covariance, **options)
