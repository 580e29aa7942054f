from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import MEAN_ERROR, GaussianDiffusion, MeanType
from tests.helpers.process import (
    ABAR,
    BETA,
    BETAS,
    SHAPE,
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

times = st.integers(0, STEPS - 1)

# Forward process


@some_times
def test_noise_of_a_state_has_the_standard_deviation_not_the_variance(t: int) -> None:
    """Line 5 of the paper's Algorithm 1 prints (1 - abar), which is the variance."""
    std = factor(lambda noise: process().q_sample(ZERO, t, noise))
    assert std == pytest.approx(np.sqrt(1 - ABAR[t]), rel=1e-5)
    assert std != pytest.approx(1 - ABAR[t], rel=1e-5)
    many = process().q_sample(torch.zeros(1, 3, 128, 128), t, randn(0, (1, 3, 128, 128)))
    assert float(many.var()) == pytest.approx(1 - ABAR[t], rel=0.03)


@given(times)
def test_a_state_has_unit_variance_for_pictures_of_unit_variance(t: int) -> None:
    signal = factor(lambda x0: process().q_sample(x0, t, ZERO))
    noise = factor(lambda noise: process().q_sample(ZERO, t, noise))
    assert signal**2 + noise**2 == pytest.approx(1, rel=1e-5)


def test_single_forward_steps_compose_to_q_sample() -> None:
    diffusion = process()
    mean, variance = 1.0, 0.0
    for t in range(STEPS):
        keep = factor(lambda x, t=t: diffusion.q_step(x, t, ZERO))
        fresh = factor(lambda noise, t=t: diffusion.q_step(ZERO, t, noise))
        assert fresh**2 == pytest.approx(BETA[t], rel=1e-5)
        mean, variance = keep * mean, keep**2 * variance + fresh**2
        assert mean == pytest.approx(factor(lambda x0, t=t: diffusion.q_sample(x0, t, ZERO)), rel=1e-4)
        assert variance == pytest.approx(factor(lambda noise, t=t: diffusion.q_sample(ZERO, t, noise)) ** 2, rel=1e-4)


@given(times, times)
def test_forward_steps_at_once_have_the_law_of_single_ones(t1: int, t2: int) -> None:
    diffusion = process()
    t, s = min(t1, t2), max(t1, t2) + 1
    if s == STEPS:
        return
    mean, variance = 1.0, 0.0
    for step in range(t + 1, s + 1):
        keep = factor(lambda x, t=step: diffusion.q_step(x, t, ZERO))
        mean, variance = keep * mean, keep**2 * variance + (1 - keep**2)
    assert factor(lambda x: diffusion.q_forward(x, t, s, ZERO)) == pytest.approx(mean, rel=1e-4)
    assert factor(lambda noise: diffusion.q_forward(ZERO, t, s, noise)) ** 2 == pytest.approx(variance, rel=1e-4)


def test_a_single_forward_step_is_q_step_to_the_last_bit() -> None:
    x, noise = randn(0), randn(1)
    for t in range(STEPS - 1):
        assert torch.equal(process().q_forward(x, t, t + 1, noise), process().q_step(x, t + 1, noise))


@pytest.mark.parametrize("t", [1, 7, 25, STEPS - 1])
def test_posterior_is_bayes_rule(t: int) -> None:
    """q(x_{t-1} | x_t, x0) by numerical integration of q(x_t | x_{t-1}) q(x_{t-1} | x0)."""
    x0, x = 0.7, -0.4
    prior_mean, prior_variance = np.sqrt(ABAR[t - 1]) * x0, 1 - ABAR[t - 1]
    grid = prior_mean + np.sqrt(prior_variance) * np.linspace(-12, 12, 200_001)
    log_density = -((grid - prior_mean) ** 2) / prior_variance - (x - np.sqrt(1 - BETA[t]) * grid) ** 2 / BETA[t]
    weights = np.exp(0.5 * (log_density - log_density.max()))
    weights /= weights.sum()
    mean = (weights * grid).sum()
    variance = (weights * (grid - mean) ** 2).sum()

    diffusion = process()
    found = diffusion.q_posterior_mean(torch.full(SHAPE, x0), torch.full(SHAPE, x), t)
    assert float(found.mean()) == pytest.approx(mean, abs=1e-5)
    assert float(diffusion.posterior_variance[t]) == pytest.approx(variance, rel=1e-4)
    assert float(diffusion.posterior_log_variance_clipped[t].exp()) == pytest.approx(variance, rel=1e-4)
    assert float(diffusion.posterior_std[t]) == pytest.approx(np.sqrt(variance), rel=1e-4)


def test_posterior_at_the_first_time_is_the_clean_picture() -> None:
    diffusion = process()
    x0 = randn(1)
    torch.testing.assert_close(diffusion.q_posterior_mean(x0, randn(2), 0), x0)
    assert diffusion.posterior_variance[0] == 0
    assert diffusion.posterior_log_variance_clipped[0] == diffusion.posterior_log_variance_clipped[1]


@given(times)
def test_picture_and_noise_are_recovered_from_a_state(t: int) -> None:
    diffusion, x0, noise = process(), randn(1), randn(2)
    x = diffusion.q_sample(x0, t, noise)
    torch.testing.assert_close(diffusion.predict_xstart(x, t, noise), x0, rtol=0, atol=1e-3)
    torch.testing.assert_close(diffusion.predict_eps(x, t, x0), noise, rtol=0, atol=1e-3)


@pytest.mark.parametrize("mean_type", ["epsilon", "xstart", "v"])
@given(times)
def test_the_ideal_answer_means_the_clean_picture(mean_type: MeanType, t: int) -> None:
    diffusion, x0, noise = GaussianDiffusion(BETAS, TIMESTEPS, mean_type=mean_type), randn(1), randn(2)
    answer, x = diffusion.target(x0, t, noise), diffusion.q_sample(x0, t, noise)
    torch.testing.assert_close(diffusion.xstart_from_prediction(answer, x, t), x0, rtol=0, atol=1e-3)
    step = diffusion.reverse_distribution(with_variance(answer), x, t, clip=False)
    torch.testing.assert_close(step.pred_xstart, x0, rtol=0, atol=1e-3)


def test_velocity_is_the_noise_of_a_clean_state_and_the_negative_picture_of_pure_noise() -> None:
    full, x0, noise = GaussianDiffusion(BETAS, mean_type="v"), randn(1), randn(2)
    torch.testing.assert_close(full.target(x0, 0, noise), noise, rtol=0, atol=0.05)
    torch.testing.assert_close(full.target(x0, 999, noise), -x0, rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["q_sample", "q_step", "predict_xstart", "predict_eps"])
@given(times, times)
def test_a_tensor_of_times_takes_each_picture_at_its_own(name: str, t1: int, t2: int) -> None:
    method, a, b = getattr(process(), name), randn(1), randn(2)
    together = method(a, torch.tensor([t1, t2]), b)
    assert torch.equal(together, torch.stack([method(a, t, b)[i] for i, t in enumerate((t1, t2))]))


# Tables


def test_respacing_keeps_alphas_cumprod() -> None:
    full = GaussianDiffusion(BETAS)
    torch.testing.assert_close(process().alphas_cumprod, full.alphas_cumprod[TIMESTEPS])
    assert full.num_timesteps == 1000
    assert process().num_timesteps == STEPS


def test_tables_are_float32_buffers_outside_the_state_dict() -> None:
    diffusion = process()
    assert not diffusion.state_dict()
    tables = {name: buffer for name, buffer in diffusion.named_buffers() if name != "timestep_map"}
    assert all(buffer.dtype == torch.float32 and buffer.shape == (STEPS,) for buffer in tables.values())
    assert all(buffer.isfinite().all() for buffer in tables.values())
    assert all(buffer.device.type == "meta" for buffer in diffusion.to("meta").buffers())


# What the network sees


def test_rescaled_timesteps_run_to_a_thousand() -> None:
    betas = get_named_beta_schedule("linear", 4000)
    diffusion = GaussianDiffusion(betas, [0, 1, 2000, 3999], rescale_timesteps=True)
    assert diffusion.timesteps(1, 1).tolist() == [0.25]
    assert diffusion.timesteps(2, 2).tolist() == [500, 500]
    assert diffusion.timesteps(3, 1).tolist() == [999.75]


# Reverse step: mean


@some_times
def test_predicting_noise_or_picture_is_the_same(t: int) -> None:
    x0, noise = randn(1).clamp(-1, 1), randn(2)
    x = process().q_sample(x0, t, noise)
    by_noise = process(mean_type="epsilon").p_mean_variance(always(with_variance(noise)), x, t)
    by_picture = process(mean_type="xstart").p_mean_variance(always(with_variance(x0)), x, t)
    torch.testing.assert_close(by_noise.pred_xstart, x0, rtol=0, atol=2e-3)
    torch.testing.assert_close(by_noise.mean, by_picture.mean, rtol=0, atol=2e-3)
    torch.testing.assert_close(by_picture.mean, process().q_posterior_mean(x0, x, t))


@some_times
def test_clipping_bounds_the_estimate_and_moves_the_mean(t: int) -> None:
    x, model = 5 * randn(1), always(with_variance(randn(2)))
    free = process(clip_denoised=False).p_mean_variance(model, x, t)
    clipped = process(clip_denoised=True).p_mean_variance(model, x, t)
    assert free.pred_xstart.abs().max() > 1
    assert torch.equal(clipped.pred_xstart, free.pred_xstart.clamp(-1, 1))
    assert torch.equal(clipped.mean, process().q_posterior_mean(clipped.pred_xstart, x, t))


def test_half_precision_outputs_are_widened() -> None:
    step = process().p_mean_variance(always(with_variance(randn(2)).half()), randn(1), 7)
    assert {step.mean.dtype, step.log_variance.dtype, step.pred_xstart.dtype} == {torch.float32}


# Mean colour

LARGE = (2, 3, 32, 32)
mean_types = pytest.mark.parametrize("mean_type", ["epsilon", "xstart", "v"])


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.mean((2, 3), keepdim=True)


@mean_types
@some_times
def test_the_mean_colour_is_that_of_the_posterior_and_nothing_else_changes(mean_type: MeanType, t: int) -> None:
    """Of a picture whose mean colour is normal around the network's, seen through noise of so many pixels."""
    output, x = with_variance(randn(3, LARGE)), randn(4, LARGE)
    given, corrected = (process(mean_type=mean_type, correct_mean=each) for each in (False, True))
    before = given.p_mean_variance(always(output), x, t)
    after = corrected.p_mean_variance(always(output), x, t)
    law = given.xstart_from_prediction(output[:, :3], x, t).double()
    precision = [1 / MEAN_ERROR**2, ABAR[t] * 32 * 32 / (1 - ABAR[t])]  # of the network's, and of what is seen
    seen = mean_colour(x).double() / np.sqrt(ABAR[t])
    wanted = (precision[0] * mean_colour(law) + precision[1] * seen) / sum(precision)
    found = corrected.xstart_from_prediction(corrected.predict(always(output), x, t)[:, :3], x, t)
    torch.testing.assert_close(mean_colour(found).double(), wanted, rtol=1e-4, atol=2e-4)
    torch.testing.assert_close(found - mean_colour(found), (law - mean_colour(law)).float(), rtol=1e-4, atol=2e-4)
    torch.testing.assert_close(after.pred_xstart, found.clamp(-1, 1))
    torch.testing.assert_close(after.log_variance, before.log_variance)


@mean_types
def test_the_picture_in_the_noise_has_the_colour_that_the_network_does_not_know(mean_type: MeanType) -> None:
    colour = torch.tensor([0.8, 0.9, -0.8]).view(1, 3, 1, 1).expand(2, 3, 64, 64)
    diffusion = process(mean_type=mean_type, correct_mean=True)
    x = diffusion.q_sample(colour, 15, randn(1, colour.shape))
    grey = diffusion.target(torch.zeros_like(x), 15, x / diffusion.at("sqrt_one_minus_alphas_cumprod", 15))
    estimate = diffusion.p_mean_variance(always(with_variance(grey)), x, 15).pred_xstart
    torch.testing.assert_close(mean_colour(estimate), mean_colour(colour), rtol=0, atol=0.06)


def test_a_tensor_of_times_corrects_each_picture_at_its_own() -> None:
    diffusion, output, x = process(correct_mean=True), with_variance(randn(3)), randn(4)
    both = diffusion.predict(always(output), x, torch.tensor([3, 40]))
    for i, t in enumerate((3, 40)):
        alone = diffusion.predict(always(output[i : i + 1]), x[i : i + 1], t)
        torch.testing.assert_close(both[i : i + 1], alone)


# Reverse step: variance


@pytest.mark.parametrize(
    ("options", "fraction", "wanted"),
    [
        ({"variance_type": "fixed_small"}, None, posterior_variance),
        ({"variance_type": "fixed_large"}, None, lambda t: BETA[t]),
        ({}, 0, posterior_variance),
        ({}, 1, lambda t: BETA[t]),
        ({}, 0.25, lambda t: BETA[t] ** 0.25 * posterior_variance(t) ** 0.75),
    ],
)
@pytest.mark.parametrize("t", [1, 25, STEPS - 1])
def test_variance(options: dict[str, Any], fraction: float | None, wanted: Callable[[int], float], t: int) -> None:
    output = ZERO if fraction is None else with_variance(ZERO, fraction)
    step = process(**options).p_mean_variance(always(output), randn(1), t)
    assert step.log_variance.shape == SHAPE
    assert step.log_variance.exp().numpy() == pytest.approx(wanted(t), rel=1e-4)


@pytest.mark.parametrize("variance_type", ["fixed_small", "fixed_large"])
def test_first_fixed_variance_is_clipped_to_the_second_posterior_s(variance_type: Any) -> None:
    step = process(variance_type=variance_type).p_mean_variance(always(ZERO), randn(1), 0)
    assert step.log_variance.exp().numpy() == pytest.approx(posterior_variance(1), rel=1e-4)


@pytest.mark.parametrize("wanted", [-3.0, -1.0, 0.5, 1.0, 1.2, 5.0])
def test_a_bounded_variance_lies_between_the_posteriors_and_the_forward_steps(wanted: float) -> None:
    """In ten steps an output of 5 would be a standard deviation of hundreds."""
    output = torch.zeros(1, 6, 2, 2)
    output[:, 3:] = wanted
    steps = list(range(0, 1000, 100))
    betas = get_named_beta_schedule("cosine", 1000)
    free, bound = (GaussianDiffusion(betas, steps, "v", bound_variance=each) for each in (False, True))
    for t in range(1, 10):
        found, published = (
            each.reverse_distribution(output, torch.zeros(1, 3, 2, 2), t, clip=True).log_variance.max()
            for each in (bound, free)
        )
        assert bound.at("posterior_log_variance_clipped", t) - 1e-5 <= found <= bound.at("log_betas", t) + 1e-5
        assert (found == published) == (abs(wanted) <= 1)
