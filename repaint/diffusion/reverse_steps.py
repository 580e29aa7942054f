"""Reverse steps: how the state at time t - 1 is drawn from the state at time t (DDPM, classifier-guided, DDIM).

A reverse step is a callable that takes the state, the time and the noise of the step and returns the next state and
the estimate of x0 behind it. The sampler knows nothing else of it, so a new kind of step is a class here.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model, ReverseDistribution


class ReverseStep(Protocol):
    """A draw of x_{t-1} given x_t."""

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """One reverse step.

        Args:
            x: state x_t, float32 [B, 3, H, W].
            t: respaced time, 0..T-1; the step from 0 gives the clean picture and adds no noise.
            noise: standard normal, like x.

        Returns:
            (x_{t-1}, pred_xstart), both like x.
        """


class EstimatingStep(ReverseStep, Protocol):
    """A reverse step in two halves, so that a conditioning method may change the estimate of x0 between them.

    The step itself is `draw` of its own `estimate`.
    """

    @property
    def diffusion(self) -> GaussianDiffusion:
        """The respaced process."""

    def estimate(self, x: Tensor, t: int) -> ReverseDistribution:
        """The network's distribution of x_{t-1} given x_t = x, with its estimate of x0: one network call."""

    def draw(self, law: ReverseDistribution, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """Draw x_{t-1} given x_t = x.

        Args:
            law: of `estimate` at x; its variance is used.
            pred_xstart: estimate of x0, `law.pred_xstart` or another, like x.
            x: state x_t, float32 [B, 3, H, W].
            t: respaced time.
            noise: standard normal, like x.
        """


@dataclass(frozen=True)
class DDPMStep:
    """Ancestral sampling step (DDPM algorithm 2), with classifier guidance if `cond_fn` is given.

    Guidance shifts the mean by variance x gradient of log p(y | x_t) (Dhariwal and Nichol 2021, algorithm 1).

    Attributes:
        diffusion: the respaced process.
        model: the network.
        y: class labels int64 [B], for a class-conditional network or a classifier.
        cond_fn: see `repaint.diffusion.guidance`.
    """

    diffusion: GaussianDiffusion
    model: Model
    y: Tensor | None = None
    cond_fn: CondFn | None = None

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`."""
        law = self.estimate(x, t)
        return self.draw(law, law.pred_xstart, x, t, noise), law.pred_xstart

    def estimate(self, x: Tensor, t: int) -> ReverseDistribution:
        """See `EstimatingStep`."""
        return self.diffusion.p_mean_variance(self.model, x, t, self.y)

    def draw(self, law: ReverseDistribution, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """See `EstimatingStep`."""
        mean = self.diffusion.q_posterior_mean(pred_xstart, x, t)
        if self.cond_fn is not None:
            timesteps = self.diffusion.timesteps(t, len(x))
            mean = mean + self.diffusion.model_variance(law, t) * self.cond_fn(x, timesteps, self.y).float()
        if t > 0:
            mean = mean + (0.5 * law.log_variance).exp() * noise
        return mean


@dataclass(frozen=True)
class DDIMStep:
    """DDIM step (Song et al. 2021, equations 12 and 16).

    Attributes:
        diffusion: the respaced process.
        model: the network.
        y: class labels int64 [B], for a class-conditional network.
        eta: 0 is deterministic, 1 has the variance of DDPM's posterior.
    """

    diffusion: GaussianDiffusion
    model: Model
    y: Tensor | None = None
    eta: float = 0.0

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`."""
        law = self.estimate(x, t)
        return self.draw(law, law.pred_xstart, x, t, noise), law.pred_xstart

    def estimate(self, x: Tensor, t: int) -> ReverseDistribution:
        """See `EstimatingStep`."""
        return self.diffusion.p_mean_variance(self.model, x, t, self.y)

    def draw(self, law: ReverseDistribution, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """See `EstimatingStep`; the variance is DDIM's own."""
        diffusion = self.diffusion
        eps = diffusion.predict_eps(x, t, pred_xstart)  # after clipping: the noise that fits the clipped estimate
        sigma = self.eta * diffusion.at("posterior_std", t)
        # sqrt(1 - abar_prev - sigma^2), factored so that float32 loses nothing where the terms nearly cancel.
        shrink = (1 - self.eta**2 * diffusion.at("betas_over_one_minus_alphas_cumprod", t)).clamp(min=0).sqrt()
        direction = diffusion.at("sqrt_one_minus_alphas_cumprod_prev", t) * shrink
        mean = diffusion.at("sqrt_alphas_cumprod_prev", t) * pred_xstart + direction * eps
        return mean + sigma * noise
