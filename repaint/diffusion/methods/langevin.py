"""Langevin steps inside each noise level, conditional on the known part (predictor-corrector, Song et al. 2021)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from repaint.diffusion.methods.ddnm import DDNMStep
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import EstimatingStep


@dataclass(frozen=True)
class LangevinStep:
    """Redraw the known part at the level, take Langevin steps there, then go down by DDNM's step.

    A Langevin step is the exact solution of dx = score dt + sqrt(2) dW over the time `step_size` (1 - abar_t), with the
    network's estimate of x0 held fixed during the step (an exponential integrator; Song et al. 2021, algorithm 5, takes
    Euler's steps). In the hole the score is the network's. Where pixels are known it is (1 + strength) times that of
    q(x_t | x0) minus strength times the network's: the guidance of LanPaint (Zheng et al. 2025, "LanPaint"), which
    pulls the known part to where the network expects it too, and so informs the hole. The sign is theirs, so 0 is the
    known part's own noise.

    Exact: with small steps, many of them and strength 0, the hole has its law given the known part at this level.
    Heuristic: the estimate held fixed in a finite step, which narrows the law of the hole, and a strength above 0.

    Attributes:
        step: the unconditional reverse step, DDPM's or DDIM's.
        observation: the known pixels.
        noise: next standard normal like x: one for the known part, then one for each Langevin step.
        inner_steps: number of Langevin steps at level t.
        strength: of the guidance on the known part, lambda, at least 0.
        step_size: time of a step, in units of 1 - abar_t. A large one draws the hole anew around its estimate.
    """

    step: EstimatingStep
    observation: Observation
    noise: Callable[[], Tensor]
    inner_steps: Callable[[int], int]
    strength: float
    step_size: float

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`; the estimate of x0 has the known pixels pasted."""
        observation = self.observation
        x = torch.where(observation.known, self.step.diffusion.q_sample(observation.x0, t, self.noise()), x)
        for _ in range(self.inner_steps(t)):
            x = self._langevin(x, t, self.noise())
        return DDNMStep(self.step, observation)(x, t, noise)

    def _langevin(self, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """One step at level t: x_t -> x_t.

        The drift is linear in x, -A (x - center), with A = 1 / (1 - abar) in the hole and (1 + strength) times that in
        the known part: an Ornstein-Uhlenbeck process, whose law after any time is known.
        """
        diffusion, known = self.step.diffusion, self.observation.known
        scale = diffusion.at("sqrt_alphas_cumprod", t)
        expected = scale * self.step.estimate(x, t).pred_xstart
        share = self.strength / (1 + self.strength)
        center = torch.where(known, scale * self.observation.x0 + share * (x - expected), expected)
        decay = torch.where(known, math.exp(-self.step_size * (1 + self.strength)), math.exp(-self.step_size))
        spread = diffusion.at("sqrt_one_minus_alphas_cumprod", t) * ((1 - decay**2) * (1 - share * known)).sqrt()
        return center + decay * (x - center) + spread * noise
