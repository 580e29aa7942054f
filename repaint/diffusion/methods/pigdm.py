"""PiGDM: pseudo-inverse guidance (Song, Vahdat, Mardani, Kautz 2023, "Pseudoinverse-Guided Diffusion Models")."""

from dataclasses import dataclass

from torch import Tensor

from repaint.diffusion.methods.gradients import estimate_with_vjp
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import EstimatingStep


@dataclass(frozen=True)
class PiGDMStep:
    """Reverse step from the estimate of x0 given the known pixels, under a normal law of x0 given x_t.

    With x0 given x_t taken for N(pred_xstart, r^2 I) (the paper's approximation, section 3; r^2 = 1 - abar is its
    choice sigma^2 / (sigma^2 + 1) in the terms of DDPM), the gradient of log p(y | x_t) for known pixels y without
    noise is the vector-Jacobian product (m (y - pred_xstart))^T d pred_xstart / d x_t / r^2, as the mask is its own
    pseudo-inverse. Tweedie's formula turns it into a change of the estimate: pred_xstart + scale (1 - abar) /
    sqrt(abar) times the gradient, where the factors (1 - abar) cancel. The step then goes on from the changed estimate,
    so DDPM's and DDIM's steps both fit; the paper's algorithm 1 adds the gradient to DDIM's step with its own weight.

    Exact: if the covariance of x0 given x_t were r^2 I, as for white pictures of variance 1. Heuristic: that it is not.

    Attributes:
        step: the unconditional reverse step, DDPM's or DDIM's.
        observation: the known pixels.
        scale: factor of the guidance; 1 in the formula above.
    """

    step: EstimatingStep
    observation: Observation
    scale: float = 1.0

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`; the estimate of x0 is the guided one, clipped like the network's."""
        diffusion = self.step.diffusion
        law, gradient = estimate_with_vjp(self.step, x, t, self.observation.residual)
        guided = law.pred_xstart + self.scale * diffusion.at("sqrt_recip_alphas_cumprod", t) * gradient
        if diffusion.clip_denoised:
            guided = guided.clamp(-1, 1)
        return self.step.draw(law, guided, x, t, noise), guided
