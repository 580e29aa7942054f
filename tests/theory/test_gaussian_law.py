"""The sampler against the exact law of its output, for pictures whose law is known."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, MeanType
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep
from repaint.sampler import p_sample_loop
from repaint.schedule import get_schedule_jump, get_schedule_passes
from repaint.theory.gaussian_law import (
    Law,
    StepLaw,
    conditional_law,
    denoiser,
    power_law_covariance,
    relative_distance,
    repaint_law,
    squared_bures,
)
from tests.helpers.gaussian_mixture import Mixture

Array = np.ndarray
BETAS = get_named_beta_schedule("linear", 1000)
LEVELS = np.cumprod(1 - BETAS)

SIDE = 8
FIELD = power_law_covariance(SIDE)
KNOWN = np.tile(np.arange(SIDE) < SIDE // 2, SIDE)  # the left half
KNOWN_FIELD = FIELD[np.ix_(KNOWN, KNOWN)]
TRUTH = conditional_law(FIELD, KNOWN)

# A statistic that is standard normal if sampler and law agree, and the same numbers come out in every run.
BOUND = 4.0


def visited(steps: int, respacing: str | None = None) -> list[int]:
    return space_timesteps(1000, respacing or str(steps))


def learned_shares(levels: Array) -> list[float]:
    """What a network answers, from -1 to 1, that has learned the best variance (IDDPM equation 15)."""
    shares = [0.0]
    for t in range(1, len(levels)):
        small, best, large = (np.log(StepLaw(kind).at(FIELD, levels, t)[1]) for kind in ("small", "learned", "large"))
        shares.append(2 * (best - small) / (large - small) - 1)
    return shares


def run_sampler(
    denoise: Callable[[Tensor, float], Tensor],
    clean: Array,
    known: Array,
    times: Sequence[int],
    *,
    mean_type: MeanType = "epsilon",
    variance_type: Any = "fixed_small",
    respacing: str | None = None,
    **options: Any,
) -> Array:
    """The real loop on vectors [N, D], each a channel of a picture [N / 3, 3, 1, D]; `denoise(x, abar)` on [N, D].

    A learned variance is the one of `StepLaw("learned")`.
    """
    generator = torch.Generator().manual_seed(7)
    x0 = torch.from_numpy(clean).float().reshape(-1, 3, 1, clean.shape[1])

    def model(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
        abar = float(LEVELS[int(timesteps[0])])
        estimate = denoise(x.reshape(clean.shape), abar).reshape(x.shape)
        prediction = estimate if mean_type == "xstart" else (x - abar**0.5 * estimate) / (1 - abar) ** 0.5
        if variance_type != "learned_range":
            return prediction
        return torch.cat([prediction, torch.full_like(prediction, shares[steps.index(int(timesteps[0]))])], dim=1)

    steps = visited(max(times) + 1, respacing)
    shares = learned_shares(LEVELS[steps])
    diffusion = GaussianDiffusion(BETAS, steps, mean_type, variance_type, clip_denoised=False)
    mask = torch.from_numpy(known).float().expand(len(x0), 1, 1, -1)
    noise = lambda: torch.randn(x0.shape, generator=generator)  # noqa: E731
    eta = options.pop("ddim_eta", None)
    reverse_step = DDPMStep(diffusion, model) if eta is None else DDIMStep(diffusion, model, eta=eta)
    filled = p_sample_loop(reverse_step, diffusion, x0, mask, times, noise, **options)
    return filled.reshape(clean.shape).double().numpy()


def run_on_fields(times: Sequence[int], count: int, **options: Any) -> tuple[Array, Array]:
    """Fields [count, D] from their law, and what the loop makes of them with the perfect denoiser."""
    rng = np.random.default_rng(3)
    clean = rng.normal(size=(count, len(FIELD))) @ np.linalg.cholesky(FIELD).T
    levels = LEVELS[visited(max(times) + 1, options.get("respacing"))]
    matrices = {float(level): torch.from_numpy(denoiser(FIELD, level).T).float() for level in levels}
    return clean, run_sampler(lambda x, abar: x @ matrices[abar], clean, KNOWN, times, **options)


def disagreement(law: Law, known: Array, filled: Array) -> dict[str, float]:
    """Fills [N, D] of known pixels [N, K] against a law, in standard errors.

    Residuals are whitened by the law; then their mean, their correlation with the (whitened) known pixels and their
    covariance less the identity are independent numbers, about standard normal times N^-1/2: their sums of squares are
    lossd, and of the covariance the trace too.
    """
    count, size = filled.shape
    residual = np.linalg.solve(np.linalg.cholesky(law.covariance), (filled - known @ law.mean_map.T).T)
    inputs = np.linalg.solve(np.linalg.cholesky(KNOWN_FIELD), known.T)
    excess = residual @ residual.T / count - np.eye(size)
    excess[np.diag_indices(size)] /= 2**0.5
    found = {
        "mean": residual.mean(axis=1),
        "mean map": (residual @ inputs.T / count).ravel(),
        "covariance": excess[np.tril_indices(size)],
    }
    scores = {name: float((count * (v**2).sum() - v.size) / (2 * v.size) ** 0.5) for name, v in found.items()}
    return scores | {"variance": float(np.trace(excess) * (count / size) ** 0.5)}


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
