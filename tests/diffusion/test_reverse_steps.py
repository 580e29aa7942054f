from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep
from tests.helpers.process import (
    BETA,
    BETAS,
    STEPS,
    TIMESTEPS,
    ZERO,
    always,
    factor,
    posterior_variance,
    process,
    randn,
    some_times,
    with_variance,
)


def test_a_single_step_is_a_process() -> None:
    diffusion = GaussianDiffusion(BETAS, [999])
    x, pred_xstart = DDPMStep(diffusion, always(with_variance(ZERO)))(randn(1), 0, randn(2))
    torch.testing.assert_close(x, pred_xstart)


def test_network_sees_original_timesteps() -> None:
    seen = []
    model = lambda x, timesteps, y: seen.append((timesteps, y)) or with_variance(x)  # noqa: E731
    DDPMStep(process(), model)(ZERO, 7, ZERO)
    assert seen[0][0].tolist() == [TIMESTEPS[7]] * 2
    assert seen[0][1] is None


@some_times
@pytest.mark.parametrize("variance_type", ["learned_range", "fixed_small", "fixed_large"])
def test_p_sample_draws_from_the_law_of_the_reverse_step(t: int, variance_type: Any) -> None:
    diffusion, x, noise = process(variance_type=variance_type), randn(1), randn(2)
    model = always(with_variance(randn(3), 0.3) if variance_type == "learned_range" else randn(3))
    law = diffusion.p_mean_variance(model, x, t)
    std = (0.5 * law.log_variance).exp() if t > 0 else 0  # the last step adds no noise
    drawn, pred_xstart = DDPMStep(diffusion, model)(x, t, noise)
    torch.testing.assert_close(drawn, law.mean + std * noise)
    assert torch.equal(pred_xstart, law.pred_xstart)


@pytest.mark.parametrize("t", [0, 7])
def test_guidance_shifts_the_mean_by_variance_times_gradient(t: int) -> None:
    diffusion, x, y, gradient = process(), randn(1), torch.tensor([3, 4]), randn(4)
    calls = []

    def cond_fn(*arguments: Tensor) -> Tensor:
        calls.append(arguments)
        return gradient

    model = always(with_variance(randn(3)))
    plain, _ = DDPMStep(diffusion, model, y)(x, t, randn(2))
    guided, _ = DDPMStep(diffusion, model, y, cond_fn)(x, t, randn(2))
    variance = diffusion.p_mean_variance(model, x, t).log_variance.exp()
    torch.testing.assert_close(guided - plain, variance * gradient, rtol=1e-4, atol=1e-6)
    ((seen_x, timesteps, seen_y),) = calls
    assert seen_x is x
    assert seen_y is y
    assert timesteps.tolist() == [TIMESTEPS[t]] * 2


@some_times
@pytest.mark.parametrize("variance_type", ["fixed_small", "fixed_large"])
def test_guidance_with_a_fixed_variance(t: int, variance_type: Any) -> None:
    """The published code multiplies by the variance itself; the posterior's is 0 at t = 0, its logarithm is clipped."""
    diffusion, x, gradient = process(variance_type=variance_type), randn(1), randn(4)
    plain, _ = DDPMStep(diffusion, always(randn(3)))(x, t, ZERO)
    guided, _ = DDPMStep(diffusion, always(randn(3)), None, lambda *_: gradient)(x, t, ZERO)
    large = BETA[t] if t else posterior_variance(1)
    variance = large if variance_type == "fixed_large" else (posterior_variance(t) if t else 0)
    torch.testing.assert_close(guided - plain, float(variance) * gradient, rtol=1e-3, atol=3e-7)


def test_perfect_network_leads_to_the_picture() -> None:
    diffusion, x0 = process(), randn(1).clamp(-1, 1)
    x = randn(2)
    for t in reversed(range(STEPS)):
        model = lambda x, timesteps, y, t=t: with_variance(diffusion.predict_eps(x, t, x0))  # noqa: E731
        x, _ = DDPMStep(diffusion, model)(x, t, ZERO)
    torch.testing.assert_close(x, x0, rtol=0, atol=1e-3)


# DDIM


@some_times
def test_ddim_with_eta_1_is_ddpm_with_the_posterior_s_variance(t: int) -> None:
    diffusion, x, noise, model = process(variance_type="fixed_small"), randn(1), randn(2), always(randn(3))
    ddpm, ddpm_xstart = DDPMStep(diffusion, model)(x, t, noise)
    ddim, ddim_xstart = DDIMStep(diffusion, model, eta=1.0)(x, t, noise)
    torch.testing.assert_close(ddim, ddpm, rtol=0, atol=1e-5)
    assert torch.equal(ddim_xstart, ddpm_xstart)


@some_times
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_noise_is_eta_times_the_posterior_s(t: int, eta: float) -> None:
    model = always(with_variance(randn(3)))
    std = factor(lambda n: DDIMStep(process(), model, eta=eta)(ZERO, t, n)[0])
    std -= factor(lambda n: DDIMStep(process(), model, eta=eta)(ZERO, t, 0 * n)[0])
    assert std == pytest.approx(eta * np.sqrt(posterior_variance(t)) if t else 0, abs=1e-6)


@some_times
def test_deterministic_ddim_stays_on_the_line_of_picture_and_noise(t: int) -> None:
    x0, eps = randn(1).clamp(-1, 1), randn(2)
    diffusion = process(mean_type="xstart")
    x, _ = DDIMStep(diffusion, always(with_variance(x0)))(diffusion.q_sample(x0, t, eps), t, randn(3))
    torch.testing.assert_close(x, diffusion.q_sample(x0, t - 1, eps) if t else x0, rtol=0, atol=1e-3)
