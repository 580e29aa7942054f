"""Noise schedules of the training process: beta_t for t = 0..T-1, float64."""

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SCHEDULES = ("linear", "cosine")


def get_named_beta_schedule(name: str, steps: int) -> NDArray[np.float64]:
    """Betas of a named schedule.

    Args:
        name: "linear" (Ho et al. 2020, section 4; scaled so that other step counts end at the same noise) or
            "cosine" (Nichol and Dhariwal 2021, equation 17).
        steps: number of diffusion steps, at least 1.

    Returns:
        Array [steps] with values in (0, 1).

    Raises:
        ValueError: unknown name, or so few linear steps that a beta would exceed 1.
    """
    if name == "linear":
        scale = 1000 / steps
        if scale * 0.02 >= 1:
            raise ValueError(f"linear betas need more than 20 diffusion steps, not {steps}")
        return np.linspace(scale * 1e-4, scale * 0.02, steps, dtype=np.float64)
    if name == "cosine":
        edges = [math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(steps + 1)]
        # The last betas approach 1, where a step would destroy everything: capped as in the paper.
        return np.array([min(1 - after / before, 0.999) for before, after in pairwise(edges)])
    raise ValueError(f"unknown noise schedule {name!r}; known are {', '.join(SCHEDULES)}")
