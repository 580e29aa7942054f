"""Conditioning methods as reverse steps: what they read, and the order of their noise. Their laws: tests/theory."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.diffusion.methods.ddnm import DDNMStep
from repaint.diffusion.methods.dps import DPSStep
from repaint.diffusion.methods.gradients import estimate_with_vjp
from repaint.diffusion.methods.langevin import LangevinStep
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.methods.pigdm import PiGDMStep
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, EstimatingStep, ReverseStep
from tests.helpers.process import process, randn

KNOWN = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
KNOWN[..., :2] = True
X0, X, NOISE = randn(0).clamp(-1, 1), randn(1), randn(2)
METHODS: dict[str, Callable[[EstimatingStep, Observation], ReverseStep]] = {
    "ddnm": DDNMStep,
    "langevin": lambda step, observation: LangevinStep(step, observation, lambda: randn(3), lambda _t: 2, 1.0, 2.0),
    "dps": lambda step, observation: DPSStep(step, observation, 1.0),
    "pigdm": PiGDMStep,
}
every_method = pytest.mark.parametrize("name", METHODS)


def network(x: Tensor, _timesteps: Tensor, _y: Tensor | None) -> Tensor:
    """Looks at the neighbours too, so that the hole depends on the known part."""
    return torch.cat([(x + x.roll(1, 3)).sin(), torch.zeros_like(x)], dim=1)


def unconditional(eta: float | None = None) -> EstimatingStep:
    diffusion = process(clip_denoised=True)
    return DDPMStep(diffusion, network) if eta is None else DDIMStep(diffusion, network, eta=eta)


def take(name: str, x0: Tensor = X0, known: Tensor = KNOWN, x: Tensor = X, **options: Any) -> tuple[Tensor, Tensor]:
    return METHODS[name](unconditional(**options), Observation(x0, known))(x, 20, NOISE[: len(x)])


@every_method
@pytest.mark.parametrize("eta", [None, 0.5])
def test_the_hole_of_the_picture_is_never_read(name: str, eta: float | None) -> None:
    x, pred_xstart = take(name, torch.where(KNOWN, X0, torch.nan), eta=eta)
    assert x.isfinite().all()
    assert pred_xstart.isfinite().all()
    for found, expected in zip((x, pred_xstart), take(name, eta=eta), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


@every_method
def test_the_known_part_decides_the_hole_in_one_step_but_ddnms(name: str) -> None:
    (x, _), (other, _) = take(name), take(name, -X0)
    assert torch.allclose(x[..., 2:], other[..., 2:], atol=1e-3) == (name == "ddnm")
    assert not torch.allclose(x[..., :2], other[..., :2], atol=1e-3)


@pytest.mark.parametrize("name", ["dps", "pigdm"])
def test_a_picture_does_not_depend_on_its_neighbours(name: str) -> None:
    together, _ = take(name)
    alone, _ = take(name, X0[:1], KNOWN[:1], X[:1])
    torch.testing.assert_close(alone, together[:1], rtol=0, atol=1e-6)


@every_method
def test_nothing_known_is_the_unconditional_step(name: str) -> None:
    nothing = torch.zeros_like(KNOWN)
    expected, _ = unconditional()(X, 20, NOISE)
    if name == "langevin":  # its inner steps move the state before
        step = LangevinStep(unconditional(), Observation(X0, nothing), lambda: randn(3), lambda _t: 0, 1.0, 1.0)
        torch.testing.assert_close(step(X, 20, NOISE)[0], expected)
    else:
        torch.testing.assert_close(take(name, known=nothing)[0], expected)


@every_method
def test_three_channels_of_a_mask_are_apart(name: str) -> None:
    coloured = KNOWN.repeat(1, 3, 1, 1)
    torch.testing.assert_close(take(name, known=coloured), take(name), rtol=0, atol=0)
    coloured[:, 1] = ~coloured[:, 1]
    assert not torch.allclose(take(name, known=coloured)[0], take(name)[0])


def test_estimates_of_x0_hold_the_known_pixels() -> None:
    for name in ("ddnm", "langevin"):
        _, pred_xstart = take(name)
        assert torch.equal(pred_xstart[..., :2], X0[..., :2])
    assert take("pigdm")[1].abs().max() <= 1


def test_langevins_noise_comes_in_order() -> None:
    """The known part's first, then one for each inner step; the step's own was drawn before."""
    draws: list[int] = []
    numbers = count()

    def noise() -> Tensor:
        draws.append(next(numbers))
        return randn(draws[-1])

    step = LangevinStep(unconditional(), Observation(X0, KNOWN), noise, lambda t: t, 1.0, 1.0)
    step(X, 3, NOISE)
    assert draws == [0, 1, 2, 3]
    draws.clear()
    step(X, 0, NOISE)
    assert draws == [4]


def test_a_large_langevin_step_draws_the_hole_anew_around_its_estimate() -> None:
    step = LangevinStep(unconditional(), Observation(X0, KNOWN), lambda: randn(3), lambda _t: 1, 0.0, 50.0)
    diffusion = unconditional().diffusion
    found = step._langevin(X, 20, randn(3))
    redrawn = diffusion.q_sample(unconditional().estimate(X, 20).pred_xstart, 20, randn(3))
    torch.testing.assert_close(found, torch.where(KNOWN, diffusion.q_sample(X0, 20, randn(3)), redrawn))


def test_vector_jacobian_product_of_the_estimate() -> None:
    law, product = estimate_with_vjp(unconditional(), X, 20, lambda pred_xstart: X0 - pred_xstart)
    plain = unconditional().estimate(X, 20)
    for name in ("mean", "log_variance", "pred_xstart"):
        assert torch.equal(getattr(law, name), getattr(plain, name))
        assert not getattr(law, name).requires_grad
    direction, size = randn(5), 1e-3
    ahead, behind = (unconditional().estimate(X + sign * size * direction, 20).pred_xstart for sign in (1, -1))
    slope = ((ahead - behind) / (2 * size) * (X0 - plain.pred_xstart)).sum()
    assert (product * direction).sum() == pytest.approx(float(slope), rel=2e-2)
