"""Classifier guidance: the gradient that pulls a noisy state towards a class (Dhariwal and Nichol 2021, section 4)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from repaint.diffusion.gaussian import CondFn


def classifier_guidance(classifier: Callable[[Tensor, Tensor], Tensor], scale: float) -> CondFn:
    """A `cond_fn` for `DDPMStep`.

    Args:
        classifier: (x_t [B, 3, H, W], original timesteps [B]) -> logits [B, classes].
        scale: factor of the gradient.

    Returns:
        Function (x_t, timesteps, y) -> scale * grad_x log p(y | x_t), like x_t. It raises ValueError without y.
    """

    def gradient(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
        if y is None:
            raise ValueError("classifier guidance needs class labels y")
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            log_probabilities = F.log_softmax(classifier(x, timesteps).float(), dim=-1)
            chosen = log_probabilities.gather(1, y[:, None]).sum()
            return torch.autograd.grad(chosen, x)[0] * scale

    return gradient
