"""Training objective of IDDPM (Nichol and Dhariwal 2021, section 3.1): L_hybrid = L_simple + lambda L_vlb."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from repaint.diffusion.gaussian import GaussianDiffusion, Model, ReverseDistribution


@dataclass(frozen=True)
class TrainingLoss:
    """Loss terms, each [B]: `total` is minimised, `mse` and `vb` (bits per dimension) are its parts."""

    total: Tensor
    mse: Tensor
    vb: Tensor


def training_losses(
    diffusion: GaussianDiffusion,
    model: Model,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    y: Tensor | None = None,
    known: Tensor | None = None,
) -> TrainingLoss:
    """Loss of a batch.

    Args:
        diffusion: the process; "learned_range" adds the variational term for the variance.
        model: the network.
        x0: clean pictures [B, 3, H, W] in [-1, 1].
        t: times int64 [B].
        noise: standard normal, like x0.
        y: class labels int64 [B], or None.
        known: float {0, 1} [B, 1, H, W], 1 = pixels that count; None counts all.
    """
    x = diffusion.q_sample(x0, t, noise)
    return losses_of_output(diffusion, diffusion.predict(model, x, t, y), x0, x, t, noise, known)


def losses_of_output(
    diffusion: GaussianDiffusion,
    output: Tensor,
    x0: Tensor,
    x: Tensor,
    t: Tensor,
    noise: Tensor,
    known: Tensor | None = None,
) -> TrainingLoss:
    """Loss of an output of `GaussianDiffusion.predict` for the noised pictures x; see `training_losses`."""
    mse = mean_flat((diffusion.target(x0, t, noise) - output[:, :3]) ** 2, known)
    if diffusion.variance_type != "learned_range":
        return TrainingLoss(mse, mse, torch.zeros_like(mse))
    # The variational term trains the variance alone: the mean is left to the simple loss (IDDPM, section 3.1).
    frozen_mean = torch.cat([output[:, :3].detach(), output[:, 3:]], dim=1)
    vb = variational_term(diffusion, diffusion.reverse_distribution(frozen_mean, x, t, clip=False), x0, x, t, known)
    # lambda = 0.001 times the T terms of L_vlb, of which one is drawn.
    return TrainingLoss(mse + vb * (diffusion.num_timesteps / 1000), mse, vb)


def variational_term(
    diffusion: GaussianDiffusion,
    step: ReverseDistribution,
    x0: Tensor,
    x: Tensor,
    t: Tensor,
    known: Tensor | None = None,
) -> Tensor:
    """L_t of the variational bound in bits per dimension [B] (DDPM equations 5 and 13), over the known pixels."""
    kl = normal_kl(
        diffusion.q_posterior_mean(x0, x, t),
        diffusion.at("posterior_log_variance_clipped", t),
        step.mean,
        step.log_variance,
    )
    decoder = -discretised_log_likelihood(x0, step.mean, 0.5 * step.log_variance)
    return torch.where(t == 0, mean_flat(decoder, known), mean_flat(kl, known)) / math.log(2)


def normal_kl(mean1: Tensor, log_variance1: Tensor, mean2: Tensor, log_variance2: Tensor) -> Tensor:
    """KL divergence of normals, elementwise, in nats: KL(N(mean1, var1) || N(mean2, var2))."""
    ratio = log_variance1 - log_variance2
    return 0.5 * (ratio.exp() - ratio - 1 + (mean1 - mean2) ** 2 * (-log_variance2).exp())


def discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log probability of 8-bit pixels under a normal, elementwise, in nats (DDPM equation 13).

    Each pixel x in [-1, 1] owns the interval x +- 1/255; the darkest and brightest own the tails too.
    """
    inverse_std = (-log_scale).exp()
    upper = _normal_cdf((x - mean + 1 / 255) * inverse_std)
    lower = _normal_cdf((x - mean - 1 / 255) * inverse_std)
    probability = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return probability.clamp(min=1e-12).log()


def _normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def mean_flat(x: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean of each picture of x [B, C, H, W], over the pixels where `known` [B, 1, H, W] is 1; 0 if there is none."""
    if known is None:
        return x.flatten(1).mean(1)
    weight = known.expand_as(x).flatten(1)
    return (x.flatten(1) * weight).sum(1) / weight.sum(1).clamp(min=1)
