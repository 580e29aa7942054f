import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, Model
from repaint.diffusion.losses import discretised_log_likelihood, normal_kl, training_losses

STEPS = 100
SHAPE = (4, 3, 8, 8)
TIMES = torch.tensor([0, 1, 40, STEPS - 1])
LEVELS = torch.arange(256, dtype=torch.float64) / 127.5 - 1  # all 8-bit pixels

numbers = st.floats(-3, 3)


def process(**options: Any) -> GaussianDiffusion:
    return GaussianDiffusion(get_named_beta_schedule("linear", STEPS), **options)


def randn(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def always(output: Tensor) -> Model:
    return lambda x, timesteps, y: output


X0 = (randn(1).clamp(-1, 1) * 127.5 + 127.5).round() / 127.5 - 1
NOISE = randn(2)


# Divergence and likelihood


@given(numbers, numbers, numbers, numbers)
def test_kl_is_that_of_torch(mean1: float, log_variance1: float, mean2: float, log_variance2: float) -> None:
    arguments = [torch.tensor(value, dtype=torch.float64) for value in (mean1, log_variance1, mean2, log_variance2)]
    first = Normal(mean1, math.exp(log_variance1 / 2))
    second = Normal(mean2, math.exp(log_variance2 / 2))
    assert float(normal_kl(*arguments)) == pytest.approx(float(kl_divergence(first, second)), rel=1e-4, abs=1e-5)


@given(numbers, numbers)
def test_kl_of_equal_normals_is_zero(mean: float, log_variance: float) -> None:
    m, v = torch.tensor(mean), torch.tensor(log_variance)
    assert normal_kl(m, v, m, v) == 0


@given(st.floats(-1.5, 1.5), st.floats(-6, 1))
def test_probabilities_of_all_grey_levels_sum_to_one(mean: float, log_scale: float) -> None:
    mean_, log_scale_ = (torch.tensor(value, dtype=torch.float64) for value in (mean, log_scale))
    assert float(discretised_log_likelihood(LEVELS, mean_, log_scale_).exp().sum()) == pytest.approx(1, abs=1e-7)


@given(st.integers(1, 254), st.floats(-1, 1), st.floats(-2, 1))
def test_a_grey_level_owns_half_a_level_to_either_side(level: int, mean: float, log_scale: float) -> None:
    edges = (torch.tensor([level - 0.5, level + 0.5], dtype=torch.float64)) / 127.5 - 1
    below, above = Normal(torch.tensor(mean, dtype=torch.float64), math.exp(log_scale)).cdf(edges)
    mean_, log_scale_ = (torch.tensor(value, dtype=torch.float64) for value in (mean, log_scale))
    found = discretised_log_likelihood(LEVELS[level], mean_, log_scale_).exp()
    assert float(found) == pytest.approx(float(above - below), abs=1e-9)


def test_impossible_pixels_have_a_finite_likelihood() -> None:
    likelihood = discretised_log_likelihood(torch.ones(1), -torch.ones(1), torch.tensor([-8.0]))
    assert likelihood.isfinite().all()


# Training loss


def perfect_output(diffusion: GaussianDiffusion, variance: float = -1.0) -> Tensor:
    prediction = NOISE if diffusion.mean_type == "epsilon" else X0
    return torch.cat([prediction, torch.full_like(prediction, variance)], dim=1)


@pytest.mark.parametrize("mean_type", ["epsilon", "xstart"])
def test_perfect_network_has_no_loss_beyond_the_pixels_own(mean_type: Any) -> None:
    diffusion = process(mean_type=mean_type)
    loss = training_losses(diffusion, always(perfect_output(diffusion)), X0, TIMES, NOISE)
    assert torch.equal(loss.mse, torch.zeros(4))
    torch.testing.assert_close(loss.vb[1:], torch.zeros(3), rtol=0, atol=1e-4)


def test_a_corrected_mean_is_no_loss() -> None:
    """It is what sampling sees; the network need not learn it."""
    given, corrected = (
        process(mean_type="v", variance_type="fixed_small", correct_mean=each) for each in (False, True)
    )
    x0, noise, t = randn(1, (3, 3, 64, 64)).clamp(-1, 1), randn(2, (3, 3, 64, 64)), torch.tensor([1, 10, 20])
    wrong = given.target(x0, t, noise) + torch.tensor([0.3, -0.2, 0.1]).view(1, 3, 1, 1)
    assert training_losses(given, always(wrong), x0, t, noise).mse.numpy() == pytest.approx(0.14 / 3, rel=1e-3)
    assert training_losses(corrected, always(wrong), x0, t, noise).mse.max() < 1e-3


@pytest.mark.parametrize(("mean_type", "target"), [("epsilon", NOISE), ("xstart", X0)])
@pytest.mark.parametrize("variance_type", ["fixed_small", "fixed_large"])
def test_fixed_variance_leaves_the_simple_loss(mean_type: Any, target: Tensor, variance_type: Any) -> None:
    diffusion = process(mean_type=mean_type, variance_type=variance_type)
    output = randn(3)
    loss = training_losses(diffusion, always(output), X0, TIMES, NOISE)
    torch.testing.assert_close(loss.mse, ((output - target) ** 2).mean(dim=(1, 2, 3)))
    assert torch.equal(loss.total, loss.mse)
    assert not loss.vb.any()


def test_network_sees_the_noisy_state_its_timestep_and_its_class() -> None:
    betas = get_named_beta_schedule("linear", 1000)
    diffusion = GaussianDiffusion(betas, list(range(0, 1000, 10)))
    labels, seen = torch.arange(4), []

    def model(*arguments: Any) -> Tensor:
        seen.append(arguments)
        return perfect_output(diffusion)

    training_losses(diffusion, model, X0, TIMES, NOISE, labels)
    ((x, timesteps, y),) = seen
    for i, t in enumerate(TIMES.tolist()):
        torch.testing.assert_close(x[i], diffusion.q_sample(X0, t, NOISE)[i])
    assert timesteps.tolist() == [10 * t for t in TIMES]
    assert y is labels


def test_variational_term_is_the_divergence_from_the_posterior_in_bits() -> None:
    diffusion = process()
    output = torch.cat([randn(3), randn(4)], dim=1)
    loss = training_losses(diffusion, always(output), X0, TIMES, NOISE)
    for i, t in enumerate(TIMES.tolist()):
        x = diffusion.q_sample(X0, t, NOISE)
        law = diffusion.reverse_distribution(output, x, t, clip=False)
        predicted = Normal(law.mean.double(), (0.5 * law.log_variance.double()).exp())
        if t > 0:
            posterior = Normal(diffusion.q_posterior_mean(X0, x, t).double(), diffusion.posterior_std[t].double())
            nats = kl_divergence(posterior, predicted)
        else:
            upper, lower = (predicted.cdf(X0 + side / 255) for side in (1, -1))
            upper, lower = upper.where(X0 < 1, torch.tensor(1.0)), lower.where(X0 > -1, torch.tensor(0.0))
            nats = -(upper - lower).clamp(min=1e-12).log()
        bits = float(nats[i].mean()) / math.log(2)
        assert float(loss.vb[i]) == pytest.approx(bits, rel=1e-3)
        assert float(loss.total[i]) == pytest.approx(float(loss.mse[i]) + bits * STEPS / 1000, rel=1e-3)


def test_variational_term_trains_the_variance_alone() -> None:
    output = torch.cat([randn(3), randn(4)], dim=1).requires_grad_()
    loss = training_losses(process(), always(output), X0, TIMES, NOISE)
    (by_vb,) = torch.autograd.grad(loss.vb.sum(), output, retain_graph=True)
    assert not by_vb[:, :3].any()
    assert by_vb[:, 3:].abs().amax(dim=(1, 2, 3)).min() > 0
    (by_mse,) = torch.autograd.grad(loss.mse.sum(), output, retain_graph=True)
    assert not by_mse[:, 3:].any()
    (by_total,) = torch.autograd.grad(loss.total.sum(), output)
    torch.testing.assert_close(by_total[:, :3], by_mse[:, :3])
    torch.testing.assert_close(by_total[:, 3:], by_vb[:, 3:] * STEPS / 1000)


@pytest.mark.parametrize("variance_type", ["fixed_small", "learned_range"])
def test_only_known_pixels_count(variance_type: Any) -> None:
    """The loss is that of the known half by itself."""
    diffusion = process(variance_type=variance_type)
    output = randn(3) if variance_type == "fixed_small" else torch.cat([randn(3), randn(4)], dim=1)
    known = torch.zeros(4, 1, 8, 8)
    known[..., :3] = 1
    part = slice(0, 3)
    expected = training_losses(diffusion, always(output[..., part]), X0[..., part], TIMES, NOISE[..., part])
    found = training_losses(diffusion, always(output), X0, TIMES, NOISE, known=known)
    torch.testing.assert_close(found.total, expected.total)
    torch.testing.assert_close(found.vb, expected.vb)
    nothing = training_losses(diffusion, always(output), X0, TIMES, NOISE, known=torch.zeros(4, 1, 8, 8))
    assert not nothing.total.any()
