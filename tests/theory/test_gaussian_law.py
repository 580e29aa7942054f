"""The sampler against the exact law of its output, for pictures whose law is known."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from repaint.schedule import get_schedule_jump, get_schedule_passes
from repaint.theory.gaussian_law import (
    Law,
    StepLaw,
    relative_distance,
    repaint_law,
    squared_bures,
)
from tests.helpers.gaussian_fields import (
    BOUND,
    FIELD,
    KNOWN,
    KNOWN_FIELD,
    LEVELS,
    SIDE,
    TRUTH,
    Array,
    disagreement,
    run_on_fields,
    run_sampler,
    visited,
)
from tests.helpers.gaussian_mixture import Mixture

# ---------------------------------------------------------------- the sampler has the law

SHORT = get_schedule_jump(20, jump_length=4, jump_n_sample=3)
INNER = [b for a, b, c in zip(SHORT, SHORT[1:], SHORT[2:], strict=False) if not a < b < c]
STRIDES = [SHORT[0], *INNER, SHORT[-1]]  # SHORT with each climb as one step up
DESIGNED = get_schedule_passes([12, 9, 6, 3, 2, *[1] * 8])
VARIANCES: dict[str, Any] = {"fixed_small": "small", "fixed_large": "large", "learned_range": "learned"}
NESTED = get_schedule_jump(18, jump_length=6, jump_n_sample=2, jump2_length=2, jump2_n_sample=2)


@pytest.mark.parametrize(
    ("times", "options"),
    [
        (get_schedule_jump(20), {}),
        (SHORT, {}),
        (SHORT, {"mean_type": "xstart"}),
        (SHORT, {"variance_type": "fixed_large"}),
        (STRIDES, {}),
        (NESTED, {}),
        (get_schedule_jump(20, n_sample=2), {}),
        (SHORT, {"inject": False}),
        (SHORT, {"ddim_eta": 0.5}),
        (DESIGNED, {"variance_type": "learned_range", "respacing": "power13:1.7"}),
    ],
    ids=[
        "no jumps",
        "jumps",
        "predicts x0",
        "large variance",
        "one draw a climb",
        "nested",
        "n_sample",
        "plain",
        "DDIM",
        "designed",
    ],
)
def test_sampler_has_the_exact_law(times: list[int], options: dict[str, Any]) -> None:
    clean, filled = run_on_fields(times, 5001, **options)
    inject = options.get("inject", True)
    step = StepLaw(VARIANCES[options.get("variance_type", "fixed_small")], options.get("ddim_eta"))
    levels = LEVELS[visited(max(times) + 1, options.get("respacing"))]
    law = repaint_law(FIELD, KNOWN, times, levels, inject=inject, step=step)
    scores = disagreement(law.marginal(~KNOWN), clean[:, KNOWN], filled[:, ~KNOWN])
    assert max(map(abs, scores.values())) < BOUND, scores
    if inject:
        np.testing.assert_array_equal(filled[:, KNOWN], clean[:, KNOWN].astype(np.float32))


def test_sampler_has_the_exact_law_before_pasting() -> None:
    clean, filled = run_on_fields(SHORT, 5001, paste_known=False)
    law = repaint_law(FIELD, KNOWN, SHORT, LEVELS[visited(20)])
    scores = disagreement(law, clean[:, KNOWN], filled)
    assert max(map(abs, scores.values())) < BOUND, scores


def test_sampler_has_the_exact_law_on_a_long_schedule() -> None:
    times = get_schedule_jump(250, jump_length=10, jump_n_sample=5)
    clean, filled = run_on_fields(times, 699)
    scores = disagreement(exact_law(250, 10, 5), clean[:, KNOWN], filled[:, ~KNOWN])
    assert max(map(abs, scores.values())) < BOUND, scores


# ---------------------------------------------------------------- the law approaches the truth


@cache
def exact_law(steps: int, length: int, passes: int) -> Law:
    times = get_schedule_jump(steps, jump_length=length, jump_n_sample=passes)
    return repaint_law(FIELD, KNOWN, times, LEVELS[visited(steps)]).marginal(~KNOWN)


def distance(steps: int, length: int, passes: int) -> float:
    return relative_distance(exact_law(steps, length, passes), TRUTH, KNOWN_FIELD)


@pytest.mark.parametrize(
    ("steps", "passes", "expected"),
    [(250, 1, 0.41), (1000, 1, 0.40), (250, 2, 0.21), (250, 5, 0.086), (250, 10, 0.042), (250, 20, 0.020)],
)
def test_distance_to_the_truth(steps: int, passes: int, expected: float) -> None:
    assert distance(steps, 10, passes) == pytest.approx(expected, rel=0.03)


def test_resampling_approaches_the_truth_and_slowing_down_does_not() -> None:
    by_passes = [distance(250, 10, passes) for passes in (1, 2, 4, 8, 16)]
    assert all(later < 0.6 * earlier for earlier, later in pairwise(by_passes))
    by_steps = [distance(steps, 1, 1) for steps in (100, 200, 400, 800)]
    assert all(later > 0.98 * earlier for earlier, later in pairwise(by_steps))


def test_each_part_of_the_law_approaches_the_truth() -> None:
    few, many = exact_law(250, 10, 2), exact_law(250, 10, 10)
    for part in ("mean_map", "covariance"):
        errors = [np.abs(getattr(law, part) - getattr(TRUTH, part)).max() for law in (few, many)]
        assert errors[1] < 0.5 * errors[0]


def test_without_a_merge_the_law_approaches_that_of_the_pictures() -> None:
    laws = [
        repaint_law(FIELD, KNOWN, get_schedule_jump(steps), LEVELS[visited(steps)], inject=False)
        for steps in (50, 200, 1000)
    ]
    errors = [squared_bures(law.covariance, FIELD) / np.trace(FIELD) for law in laws]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3
    assert not any(law.mean_map.any() for law in laws)


# ---------------------------------------------------------------- the formulas


def test_covariance_of_the_field() -> None:
    np.testing.assert_allclose(np.diag(FIELD), 1 / 3)
    np.testing.assert_allclose(FIELD, FIELD.T, atol=1e-12)
    cosine, column = np.cos(2 * np.pi * 2 * np.arange(SIDE) / SIDE), np.ones(SIDE)
    power = [
        wave @ FIELD @ wave / (wave @ wave) for wave in map(np.ravel, (np.ones((SIDE, SIDE)), np.outer(cosine, column)))
    ]
    assert power[0] / power[1] == pytest.approx((2**3 + 1 / 8) / (1 / 8))


def test_conditional_law_inverts_to_the_precision() -> None:
    """The law of some pixels given the others is read off the inverse covariance."""
    precision = np.linalg.inv(FIELD)
    hole = precision[np.ix_(~KNOWN, ~KNOWN)]
    np.testing.assert_allclose(TRUTH.covariance, np.linalg.inv(hole), atol=1e-10)
    np.testing.assert_allclose(TRUTH.mean_map, -np.linalg.solve(hole, precision[np.ix_(~KNOWN, KNOWN)]), atol=1e-9)


def test_distance_by_hand() -> None:
    truth = Law(np.array([[0.5]]), np.array([[4.0]]))
    assert relative_distance(truth, truth, np.eye(1)) == pytest.approx(0)
    other = Law(np.array([[1.5]]), np.array([[9.0]]))
    assert relative_distance(other, truth, np.array([[2.0]])) == pytest.approx((1 * 2 + (3 - 2) ** 2) / 4)
    assert squared_bures(np.diag([9.0, 1.0]), np.diag([4.0, 16.0])) == pytest.approx((3 - 2) ** 2 + (1 - 4) ** 2)


# ---------------------------------------------------------------- a mixture of normals

# Four pixels; the first two are known. The components overlap: between modes far apart no resampling leads, as they are
# settled at noise levels where the merge is not yet exact.
MIXTURE = Mixture(
    shares=np.array([0.5, 0.3, 0.2]),
    means=np.array([[0.2, 0.1, 0.8, 0.7], [-0.1, 0.0, -0.7, -0.8], [0.3, -0.4, -0.6, 0.7]]),
    covariances=np.stack([0.16 * (np.eye(4) + weight * np.ones((4, 4))) for weight in (0.5, 1.0, 2.0)]),
)
CORNER = np.array([True, True, False, False])
SEEN = np.array([0.1, -0.1])


def fill_mixture(passes: int, count: int = 4500) -> Array:
    """The real loop's fills [count, 2] of one picture's hole, with the perfect denoiser of the mixture."""
    clean = np.tile([*SEEN, np.nan, np.nan], (count, 1))
    times = get_schedule_jump(100, jump_length=10, jump_n_sample=passes)
    denoise = lambda x, abar: torch.from_numpy(MIXTURE.denoise(x.double().numpy(), abar)).float()  # noqa: E731
    return run_sampler(denoise, clean, CORNER, times)[:, ~CORNER]


def test_mixture_by_sampling() -> None:
    """Its formulas against weighted draws: E[x0 | x_t], and the shares and means given known pixels."""
    rng = np.random.default_rng(0)
    which = rng.choice(3, 400_000, p=MIXTURE.shares)
    roots = np.linalg.cholesky(MIXTURE.covariances)
    clean = MIXTURE.means[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(len(which), 4)))

    abar, x = 0.6, np.array([0.1, 0.2, -0.3, 0.4])
    weights = np.exp(-((x - abar**0.5 * clean) ** 2).sum(axis=1) / (2 * (1 - abar)))
    np.testing.assert_allclose(MIXTURE.denoise(x[None], abar)[0], weights @ clean / weights.sum(), atol=0.01)
    shares = np.bincount(which, weights) / weights.sum()
    np.testing.assert_allclose(MIXTURE.responsibilities(x[None], abar)[0], shares, atol=0.01)

    near = np.abs(clean[:, CORNER] - SEEN).max(axis=1) < 0.06
    given = MIXTURE.given(CORNER, SEEN)
    np.testing.assert_allclose(given.shares, np.bincount(which[near], minlength=3) / near.sum(), atol=0.02)
    for c in range(3):
        hole = clean[near & (which == c)][:, ~CORNER]
        np.testing.assert_allclose(given.means[c], hole.mean(axis=0), atol=0.04)
        np.testing.assert_allclose(given.covariances[c], np.cov(hole.T), atol=0.03)


def test_sampler_fills_a_mixture_by_its_conditional_law() -> None:
    """Standard errors are about 0.006 of a share and 0.012 of a mean; the rest is what resampling has left."""
    truth = MIXTURE.given(CORNER, SEEN)
    mean = truth.shares @ truth.means
    apart = truth.means - mean
    spread = np.einsum("c,cij->ij", truth.shares, truth.covariances + np.einsum("ci,cj->cij", apart, apart))

    hole = fill_mixture(passes=5)
    np.testing.assert_allclose(truth.responsibilities(hole).mean(axis=0), truth.shares, atol=0.02)
    np.testing.assert_allclose(hole.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(hole.T), spread, rtol=0.18)

    once = fill_mixture(passes=1)
    assert np.abs(truth.responsibilities(once).mean(axis=0) - truth.shares).max() > 0.02
    assert np.abs(once.mean(axis=0) - mean).max() > 0.06
