"""RePaint's sampler: Algorithm 1 of the paper, on any schedule of times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model


@dataclass(frozen=True)
class Step:
    """What a callback sees after one transition from time `t` to time `s`.

    `x` is the new state, `pred_xstart` the last estimate of the clean picture (both [B, 3, H, W]), `nfe` the number
    of network calls so far.
    """

    t: int
    s: int
    nfe: int
    x: Tensor
    pred_xstart: Tensor


Callback = Callable[[Step], None]


@torch.no_grad()
def p_sample_loop(
    model: Model,
    diffusion: GaussianDiffusion,
    x0: Tensor,
    keep_mask: Tensor,
    times: Sequence[int],
    noise: Callable[[], Tensor],
    *,
    y: Tensor | None = None,
    cond_fn: CondFn | None = None,
    ddim_eta: float | None = None,
    inject: bool = True,
    paste_known: bool = True,
    callback: Callback | None = None,
) -> Tensor:
    """Fill the unknown part of pictures.

    Args:
        model: unconditional (or class-conditional) network, see `GaussianDiffusion.p_mean_variance`.
        diffusion: the respaced process; `times` are its indices.
        x0: pictures [B, 3, H, W] in [-1, 1]; what lies in the hole is never looked at.
        keep_mask: float [B, 1 or 3, H, W], 1 = known, 0 = to be filled.
        times: schedule, see `repaint.schedule.get_schedule_jump`; ends with -1. Denoising goes down by one, forward
            steps may go up by any number at once (`merge_forward`).
        noise: gives the next standard normal [B, 3, H, W]. Draws are taken in the published order: the start; for
            each denoising step the reverse step's, then (but in the very first step) the known part's; one for each
            forward step.
        y: class labels int64 [B], for a class-conditional network or a classifier.
        cond_fn: classifier guidance, see `repaint.diffusion.guidance`.
        ddim_eta: take DDIM steps with this eta instead of DDPM's.
        inject: merge the known part in every step; False is plain unconditional sampling.
        paste_known: end with the known pixels themselves (Algorithm 1 at t = 1; the published code leaves it out).
        callback: called after each transition.

    Returns:
        Pictures [B, 3, H, W], about [-1, 1].

    Raises:
        ValueError: `cond_fn` together with `ddim_eta`.
    """
    if cond_fn is not None and ddim_eta is not None:
        raise ValueError("classifier guidance is defined for DDPM steps; leave out cond_fn or ddim_eta")
    known = keep_mask > 0.5  # parts are chosen, not multiplied: a NaN on one side must not spoil the other
    x = noise()
    pred_xstart = torch.zeros_like(x)
    nfe = 0
    for t, s in pairwise(times):
        if s < t:
            reverse_noise = noise()
            # The merge opens a step instead of closing the one before, as in the published code: both parts meet at
            # the level of x_t, and after a jump the known part is drawn afresh.
            if inject and nfe > 0:
                x_known = diffusion.q_sample(x0, t, noise())  # line 5
                x = torch.where(known, x_known, x)  # line 8
            if ddim_eta is None:
                x, pred_xstart = diffusion.p_sample(model, x, t, reverse_noise, y, cond_fn)  # line 7
            else:
                x, pred_xstart = diffusion.ddim_sample(model, x, t, reverse_noise, y, ddim_eta)
            nfe += 1
        else:
            x = diffusion.q_forward(x, t, s, noise())  # line 10
        if callback is not None:
            callback(Step(t, s, nfe, x, pred_xstart))
    return torch.where(known, x0, x) if inject and paste_known else x
