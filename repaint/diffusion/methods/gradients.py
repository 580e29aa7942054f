"""Vector-Jacobian products of the estimate of x0, for methods that guide by the network's gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from repaint.diffusion.gaussian import ReverseDistribution
from repaint.diffusion.reverse_steps import EstimatingStep


def estimate_with_vjp(
    step: EstimatingStep, x: Tensor, t: int, cotangent: Callable[[Tensor], Tensor]
) -> tuple[ReverseDistribution, Tensor]:
    """Distribution of x_{t-1} given x_t = x, and a vector-Jacobian product of its estimate of x0.

    It costs a forward and a backward pass, about three network calls.

    Args:
        step: the unconditional reverse step.
        x: state x_t, float32 [B, 3, H, W].
        t: respaced time.
        cotangent: makes the vector v, like x, from the estimate of x0. It does not take part in the gradient.

    Returns:
        (distribution, v^T d pred_xstart / d x), the product like x. With a clipped estimate its Jacobian is 0 where the
        estimate is outside of [-1, 1].
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        law = step.estimate(x, t)
    estimate = law.pred_xstart.detach()
    (product,) = torch.autograd.grad(law.pred_xstart, x, cotangent(estimate))
    return ReverseDistribution(law.mean.detach(), law.log_variance.detach(), estimate), product
