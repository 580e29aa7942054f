"""DPS: diffusion posterior sampling by the gradient of the misfit (Chung, Kim et al. 2023)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from repaint.diffusion.methods.gradients import estimate_with_vjp
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import EstimatingStep


@dataclass(frozen=True)
class DPSStep:
    """Unconditional step, then a step down the misfit of the estimate of x0 to the known pixels (algorithm 1).

    x_{t-1} = draw - scale grad_x |m (x0 - pred_xstart(x))|^2, through the network. As in the paper's experiments
    (its appendix on the implementation) the scale is divided by the norm of each picture's misfit, which leaves the
    gradient of the norm, up to a factor of 2 that the scale takes in; `normalized=False` is algorithm 1 with a constant
    scale.

    Exact: nothing. p(y | x_t) is replaced by p(y | pred_xstart) (the paper's equation 11, Jensen's gap), and the scale
    is no noise variance but chosen by hand.

    Attributes:
        step: the unconditional reverse step, DDPM's or DDIM's.
        observation: the known pixels.
        scale: zeta, at least 0.
        normalized: divide by the norm of the misfit.
    """

    step: EstimatingStep
    observation: Observation
    scale: float
    normalized: bool = True

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`; the estimate of x0 is the unconditional one."""
        law, ascent = estimate_with_vjp(self.step, x, t, self._cotangent)
        return self.step.draw(law, law.pred_xstart, x, t, noise) + self.scale * ascent, law.pred_xstart

    def _cotangent(self, pred_xstart: Tensor) -> Tensor:
        """Minus the gradient of the misfit by the estimate of x0."""
        residual = self.observation.residual(pred_xstart)
        if not self.normalized:
            return 2 * residual
        # In float64 the order of the sum, which padding changes, does not show; Apple's GPUs have none.
        dtype = torch.float32 if residual.device.type == "mps" else torch.float64
        norm: Tensor = torch.linalg.vector_norm(residual, dim=(1, 2, 3), keepdim=True, dtype=dtype)
        norm = norm.clamp(min=1e-12)  # nothing known: 0
        return residual / norm.to(residual.dtype)
