"""RePaint's sampler: Algorithm 1 of the paper, on any schedule of times."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.reverse_steps import ReverseStep


@dataclass(frozen=True)
class Step:
    """What a callback receives after the transition from time `t` to time `s`.

    `x` is the new state, `pred_xstart` the last estimate of the clean picture (both [B, 3, H, W]), `nfe` the number
    of network calls so far, `calls` of this transition: 0 on the way up.
    """

    t: int
    s: int
    nfe: int
    x: Tensor
    pred_xstart: Tensor
    calls: int


Callback = Callable[[Step], None]


@torch.no_grad()
def p_sample_loop(
    reverse_step: ReverseStep,
    diffusion: GaussianDiffusion,
    x0: Tensor,
    keep_mask: Tensor,
    times: Sequence[int],
    noise: Callable[[], Tensor],
    *,
    x_t: Tensor | None = None,
    inject: bool = True,
    paste_known: bool | None = None,
    calls: Callable[[int], int] = lambda _t: 1,
    callback: Callback | None = None,
) -> Tensor:
    """Inpaint pictures by RePaint's Algorithm 1.

    Args:
        reverse_step: draws x_{t-1} given x_t, see `repaint.diffusion.reverse_steps`.
        diffusion: the respaced process; `times` are its indices.
        x0: pictures [B, 3, H, W] in [-1, 1]; the content of the hole is never read.
        keep_mask: float [B, 1 or 3, H, W], 1 = known, 0 = to be filled.
        times: see `repaint.schedule.get_schedule_jump`; ends with -1. Down by one a step, up by any number.
        noise: next standard normal [B, 3, H, W], drawn in the published order: the start; for each reverse step its
            own, then (not in the very first) the known part's; one for each step up.
        x_t: state [B, 3, H, W] to begin with, at the level of `times[0]`, known part included; None for noise, which
            belongs to the last level.
        inject: merge the known part in every step; False leaves it to `reverse_step`, see `repaint.diffusion.methods`,
            or is plain unconditional sampling.
        paste_known: end with the known pixels themselves (Algorithm 1 at t = 1; the published code leaves it out); by
            default if they are merged.
        calls: network calls of the reverse step from t.
        callback: called after each transition.

    Returns:
        Pictures [B, 3, H, W], about [-1, 1].
    """
    known = keep_mask > 0.5  # parts are chosen, not multiplied: a NaN in one part must not spoil the other
    x = noise() if x_t is None else x_t  # line 1
    pred_xstart = torch.zeros_like(x)
    nfe = 0
    for t, s in pairwise(times):  # lines 2, 3 and 9
        if s < t:
            reverse_noise = noise()  # line 6
            # The merge opens a step instead of closing the one before, as in the published code: both parts meet at
            # the level of x_t, and after a jump the known part is drawn anew.
            if inject and nfe > 0:
                x_known = diffusion.q_sample(x0, t, noise())  # lines 4 and 5; `q_sample` explains the erratum
                x = torch.where(known, x_known, x)  # line 8
            x, pred_xstart = reverse_step(x, t, reverse_noise)  # line 7
            nfe += calls(t)
        else:
            x = diffusion.q_forward(x, t, s, noise())  # line 10
        if callback is not None:
            callback(Step(t, s, nfe, x, pred_xstart, calls(t) if s < t else 0))
    return torch.where(known, x0, x) if (inject if paste_known is None else paste_known) else x
