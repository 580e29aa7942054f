"""A respaced process, constant networks and states: what the tests of diffusion share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, Model
from repaint.diffusion.respacing import space_timesteps

SHAPE = (2, 3, 4, 4)
STEPS = 50
BETAS = get_named_beta_schedule("linear", 1000)
TIMESTEPS = space_timesteps(1000, str(STEPS))
ABAR = np.cumprod(1 - BETAS)[TIMESTEPS]  # of the respaced process
BETA = 1 - ABAR / np.append(1, ABAR[:-1])

some_times = pytest.mark.parametrize("t", [0, 1, 7, 25, STEPS - 1])


def process(**options: Any) -> GaussianDiffusion:
    return GaussianDiffusion(BETAS, TIMESTEPS, **options)


def randn(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def always(output: Tensor) -> Model:
    """A network that always answers the same."""
    return lambda x, timesteps, y: output


def factor(linear: Callable[[Tensor], Tensor]) -> float:
    """How much a map of states scales its argument."""
    return float(linear(torch.ones(SHAPE)).mean())


def with_variance(prediction: Tensor, fraction: float = 0.0) -> Tensor:
    """A network output whose learned variance is at `fraction`: 0 the posterior's, 1 the forward step's."""
    return torch.cat([prediction, torch.full_like(prediction, 2 * fraction - 1)], dim=1)


ZERO = torch.zeros(SHAPE)


def posterior_variance(t: int) -> float:
    """Of x_{t-1} given x_t and x0 (DDPM equation 7)."""
    return float(BETA[t] * (1 - ABAR[t - 1]) / (1 - ABAR[t]))
