"""DDNM, the denoising diffusion null-space model: known pixels pasted into the estimate of x0 (Wang et al. 2023)."""

from dataclasses import dataclass

from torch import Tensor

from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import EstimatingStep


@dataclass(frozen=True)
class DDNMStep:
    """Reverse step from the rectified estimate of x0 (equations 13 and 14 of the paper).

    For inpainting without noise the operator A is the mask and its own pseudo-inverse, so that the rectified estimate
    A^+ y + (I - A^+ A) pred_xstart is the estimate with the known pixels pasted. Exact: the known pixels of the result.
    Heuristic: the hole is estimated from x_t as if nothing were known. Its "time travel" (section 3.3) is RePaint's
    resampling, and is done by the same schedules.

    Attributes:
        step: the unconditional reverse step, DDPM's or DDIM's.
        observation: the known pixels.
    """

    step: EstimatingStep
    observation: Observation

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`; the estimate of x0 is the rectified one."""
        law = self.step.estimate(x, t)
        rectified = self.observation.paste(law.pred_xstart)
        return self.step.draw(law, rectified, x, t, noise), rectified
