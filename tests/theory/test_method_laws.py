"""The sampler of each conditioning method against the exact law of its output, for pictures whose law is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.diffusion.gaussian import ReverseDistribution
from repaint.diffusion.methods.ddnm import DDNMStep
from repaint.diffusion.methods.dps import DPSStep
from repaint.diffusion.methods.langevin import LangevinStep
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.methods.pigdm import PiGDMStep
from repaint.diffusion.reverse_steps import EstimatingStep, ReverseStep
from repaint.schedule import get_schedule_jump
from repaint.theory.gaussian_law import Law, StepLaw, relative_distance, repaint_law, squared_bures
from repaint.theory.method_laws import DDNMLaw, DPSLaw, LangevinLaw, MethodLaw, PiGDMLaw, method_law
from tests.helpers.gaussian_fields import (
    BOUND,
    FIELD,
    KNOWN,
    KNOWN_FIELD,
    LEVELS,
    TRUTH,
    Bind,
    disagreement,
    run_on_fields,
    visited,
)

DOWN = list(range(9, -2, -1))
TRAVEL = get_schedule_jump(12, jump_length=3, jump_n_sample=3)
STEPS_BY_LEVEL = (3, 1, 2, 0)  # of the levels 0, 1, 2 and all above


def by_level(t: int) -> int:
    return STEPS_BY_LEVEL[min(t, 3)]


def twice(_t: int) -> int:
    return 2


def ddnm(step: EstimatingStep, observation: Observation, _noise: Callable[[], Tensor]) -> ReverseStep:
    return DDNMStep(step, observation)


def langevin(inner_steps: Callable[[int], int], strength: float, step_size: float) -> tuple[Bind, MethodLaw]:
    bind: Bind = lambda step, observation, noise: LangevinStep(  # noqa: E731
        step, observation, noise, inner_steps, strength, step_size
    )
    return bind, LangevinLaw(inner_steps, strength, step_size)


def dps(scale: float) -> tuple[Bind, MethodLaw]:
    bind: Bind = lambda step, observation, _noise: DPSStep(step, observation, scale, normalized=False)  # noqa: E731
    return bind, DPSLaw(scale)


def pigdm(scale: float) -> tuple[Bind, MethodLaw]:
    bind: Bind = lambda step, observation, _noise: PiGDMStep(step, observation, scale)  # noqa: E731
    return bind, PiGDMLaw(scale)


CASES: dict[str, tuple[tuple[Bind, MethodLaw], dict[str, Any], list[int]]] = {
    "DDNM": ((ddnm, DDNMLaw()), {}, DOWN),
    "DDNM, time travel": ((ddnm, DDNMLaw()), {}, TRAVEL),
    "DDNM by DDIM": ((ddnm, DDNMLaw()), {"ddim_eta": 0.5}, DOWN),
    "DDNM, large variance": ((ddnm, DDNMLaw()), {"variance_type": "fixed_large"}, DOWN),
    "Langevin": (langevin(twice, 1.0, 1.0), {}, DOWN),
    "Langevin, strength 0": (langevin(twice, 0.0, 0.5), {}, DOWN),
    "Langevin, strong": (langevin(twice, 3.0, 0.3), {}, DOWN),
    "Langevin, by level": (langevin(by_level, 1.0, 2.0), {}, DOWN),
    "Langevin, deterministic way down": (langevin(twice, 1.0, 1.0), {"ddim_eta": 0.0}, DOWN),
    "DPS": (dps(0.3), {}, DOWN),
    "DPS by DDIM": (dps(0.2), {"ddim_eta": 0.7}, DOWN),
    "PiGDM": (pigdm(1.0), {}, DOWN),
    "PiGDM by DDIM": (pigdm(0.6), {"ddim_eta": 0.3}, DOWN),
}
VARIANCES: dict[str, Any] = {"fixed_small": "small", "fixed_large": "large"}


@pytest.mark.parametrize("name", CASES)
def test_sampler_has_the_exact_law(name: str) -> None:
    (bind, method), options, times = CASES[name]
    clean, filled = run_on_fields(times, 4500, bind=bind, **options)
    step = StepLaw(VARIANCES[options.get("variance_type", "fixed_small")], options.get("ddim_eta"))
    law = method_law(FIELD, KNOWN, times, LEVELS[visited(max(times) + 1)], method, step)
    scores = disagreement(law.marginal(~KNOWN), clean[:, KNOWN], filled[:, ~KNOWN])
    assert max(map(abs, scores.values())) < BOUND, scores
    np.testing.assert_array_equal(filled[:, KNOWN], clean[:, KNOWN].astype(np.float32))


@pytest.mark.parametrize("name", ["DPS", "PiGDM"])
def test_known_pixels_have_the_exact_law_before_they_are_pasted(name: str) -> None:
    (bind, method), _, times = CASES[name]
    clean, filled = run_on_fields(times, 4500, bind=bind, paste_known=False)
    law = method_law(FIELD, KNOWN, times, LEVELS[visited(max(times) + 1)], method)
    scores = disagreement(law, clean[:, KNOWN], filled)
    assert max(map(abs, scores.values())) < BOUND, scores


@pytest.mark.parametrize("name", ["DDNM", "Langevin"])
def test_these_methods_end_with_the_known_pixels(name: str) -> None:
    (bind, method), _, times = CASES[name]
    clean, filled = run_on_fields(times, 30, bind=bind, paste_known=False)
    np.testing.assert_array_equal(filled[:, KNOWN], clean[:, KNOWN].astype(np.float32))
    law = method_law(FIELD, KNOWN, times, LEVELS[visited(10)], method)
    np.testing.assert_allclose(law.mean_map[KNOWN], np.eye(KNOWN.sum()), atol=1e-12)
    np.testing.assert_allclose(law.covariance[KNOWN], 0, atol=1e-12)


def distance(law: Law) -> float:
    return relative_distance(law.marginal(~KNOWN), TRUTH, KNOWN_FIELD)


def of_langevin(steps: int, inner: int, strength: float, step_size: float) -> float:
    times = list(range(steps - 1, -2, -1))
    method = LangevinLaw(lambda _t: inner, strength, step_size)
    return distance(method_law(FIELD, KNOWN, times, LEVELS[visited(steps)], method))


def test_distance_to_the_truth() -> None:
    assert of_langevin(10, 2, 1, 1) == pytest.approx(0.282, abs=1e-3)
    assert of_langevin(15, 3, 1, 4) == pytest.approx(0.173, abs=1e-3)
    assert of_langevin(20, 5, 2, 1) == pytest.approx(0.089, abs=1e-3)


def test_langevin_is_nearer_to_the_truth_than_repaint_at_equal_calls() -> None:
    for steps, passes, ours in ((15, 2, (10, 2)), (20, 3, (15, 3)), (24, 5, (20, 5))):
        times = get_schedule_jump(steps, jump_length=1, jump_n_sample=passes)
        repaint = distance(repaint_law(FIELD, KNOWN, times, LEVELS[visited(steps)]))
        assert of_langevin(*ours, 1, 1) < 0.9 * repaint


def test_many_small_steps_leave_no_bias_of_strength_0() -> None:
    """What is left is the way down: more levels bring it to 0."""
    errors = [of_langevin(steps, 400, 0, 0.1) for steps in (10, 40, 160)]
    assert errors[1] < 0.4 * errors[0]
    assert errors[2] < 0.4 * errors[1]


def test_pigdm_samples_the_posterior_of_white_pictures() -> None:
    """Its assumption on the covariance of x0 given x_t holds for them, and the posterior of the hole is its prior."""
    white = np.eye(len(FIELD))
    law = method_law(white, KNOWN, list(range(99, -2, -1)), LEVELS[visited(100)], PiGDMLaw(), StepLaw("large"))
    np.testing.assert_allclose(law.mean_map[KNOWN], np.eye(KNOWN.sum()), atol=1e-12)
    assert not law.mean_map[~KNOWN].any()
    assert squared_bures(law.covariance[np.ix_(~KNOWN, ~KNOWN)], white[:32, :32]) / 32 < 1e-3


def test_without_guidance_all_are_plain_sampling() -> None:
    abar = LEVELS[visited(10)]
    plain = repaint_law(FIELD, KNOWN, DOWN, abar, inject=False)
    for method in (DPSLaw(0), PiGDMLaw(0)):
        law = method_law(FIELD, KNOWN, DOWN, abar, method)
        np.testing.assert_allclose(law.covariance, plain.covariance, atol=1e-12)
        assert not law.mean_map.any()


def test_ddnm_meets_repaint_at_each_level_but_for_the_known_parts_noise() -> None:
    """Without inner steps Langevin's step is RePaint's merge and DDNM's step, so the hole's law is RePaint's.

    RePaint's first step does not merge: at the highest level the known part is almost all noise, and both agree.
    """
    abar = LEVELS[visited(10)]
    law = method_law(FIELD, KNOWN, DOWN, abar, LangevinLaw(lambda _t: 0, 1, 1)).marginal(~KNOWN)
    merged = repaint_law(FIELD, KNOWN, DOWN, abar).marginal(~KNOWN)
    np.testing.assert_allclose(law.mean_map, merged.mean_map, atol=0.01)
    np.testing.assert_allclose(law.covariance, merged.covariance, atol=0.01)


def test_dps_divided_by_the_norm_is_the_gradient_of_the_norm() -> None:
    """Against automatic differentiation, as this variant has no affine law."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, 4, 4)
    x0, x, noise, weight = (torch.randn(shape, generator=generator) for _ in range(4))
    known = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    known[..., :2] = True

    class Linear:
        def estimate(self, x: Tensor, t: int) -> Any:
            return ReverseDistribution(x, x, (weight * x).tanh())

        def draw(self, law: Any, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
            return noise

    found, _ = DPSStep(Linear(), Observation(x0, known), scale=0.7)(x, 5, noise)  # type: ignore[arg-type]
    x.requires_grad_(True)
    misfit = ((x0 - (weight * x).tanh()) * known).flatten(1).norm(dim=1).sum()
    (gradient,) = torch.autograd.grad(misfit, x)
    torch.testing.assert_close(found, noise - 0.7 * gradient)
