"""Fields whose law is known, the real sampler on them with the perfect denoiser, and what its fills say of a law."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, MeanType
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, EstimatingStep, ReverseStep
from repaint.sampler import p_sample_loop
from repaint.theory.gaussian_law import Law, StepLaw, conditional_law, denoiser, power_law_covariance

Bind = Callable[[EstimatingStep, Observation, Callable[[], Tensor]], ReverseStep]

Array = np.ndarray
BETAS = get_named_beta_schedule("linear", 1000)
LEVELS = np.cumprod(1 - BETAS)

SIDE = 8
FIELD = power_law_covariance(SIDE)
KNOWN = np.tile(np.arange(SIDE) < SIDE // 2, SIDE)  # the left half
KNOWN_FIELD = FIELD[np.ix_(KNOWN, KNOWN)]
TRUTH = conditional_law(FIELD, KNOWN)

# A statistic that is standard normal if sampler and law agree, and the same numbers come out in every run.
BOUND = 4.0


def visited(steps: int, respacing: str | None = None) -> list[int]:
    return space_timesteps(1000, respacing or str(steps))


def learned_shares(levels: Array) -> list[float]:
    """What a network answers, from -1 to 1, that has learned the best variance (IDDPM equation 15)."""
    shares = [0.0]
    for t in range(1, len(levels)):
        small, best, large = (np.log(StepLaw(kind).at(FIELD, levels, t)[1]) for kind in ("small", "learned", "large"))
        shares.append(2 * (best - small) / (large - small) - 1)
    return shares


def run_sampler(
    denoise: Callable[[Tensor, float], Tensor],
    clean: Array,
    known: Array,
    times: Sequence[int],
    *,
    mean_type: MeanType = "epsilon",
    variance_type: Any = "fixed_small",
    respacing: str | None = None,
    bind: Bind | None = None,
    start: Array | None = None,
    **options: Any,
) -> Array:
    """The real loop on vectors [N, D], each a channel of a picture [N / 3, 3, 1, D]; `denoise(x, abar)` on [N, D].

    A learned variance is the one of `StepLaw("learned")`. `bind` makes the step of a method other than RePaint. With
    `start`, clean vectors [N, D], it begins with their noised state at the first time.
    """
    generator = torch.Generator().manual_seed(7)
    x0 = torch.from_numpy(clean).float().reshape(-1, 3, 1, clean.shape[1])

    def model(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
        abar = float(LEVELS[int(timesteps[0])])
        estimate = denoise(x.reshape(clean.shape), abar).reshape(x.shape)
        prediction = estimate if mean_type == "xstart" else (x - abar**0.5 * estimate) / (1 - abar) ** 0.5
        if variance_type != "learned_range":
            return prediction
        return torch.cat([prediction, torch.full_like(prediction, shares[steps.index(int(timesteps[0]))])], dim=1)

    steps = visited(options.pop("t_T", max(times) + 1), respacing)
    shares = learned_shares(LEVELS[steps])
    diffusion = GaussianDiffusion(BETAS, steps, mean_type, variance_type, clip_denoised=False)
    mask = torch.from_numpy(known).float().expand(len(x0), 1, 1, -1)
    noise = lambda: torch.randn(x0.shape, generator=generator)  # noqa: E731
    eta = options.pop("ddim_eta", None)
    reverse_step: Any = DDPMStep(diffusion, model) if eta is None else DDIMStep(diffusion, model, eta=eta)
    if bind is not None:
        reverse_step = bind(reverse_step, Observation(x0, mask > 0.5), noise)
        options = {"inject": False, "paste_known": True} | options
    if start is not None:
        options["x_t"] = diffusion.q_sample(torch.from_numpy(start).float().reshape(x0.shape), times[0], noise())
    filled = p_sample_loop(reverse_step, diffusion, x0, mask, times, noise, **options)
    return filled.reshape(clean.shape).double().numpy()


def run_on_fields(times: Sequence[int], count: int, **options: Any) -> tuple[Array, Array]:
    """Fields [count, D] from their law, and what the loop makes of them with the perfect denoiser."""
    rng = np.random.default_rng(3)
    clean = rng.normal(size=(count, len(FIELD))) @ np.linalg.cholesky(FIELD).T
    levels = LEVELS[visited(options.get("t_T", max(times) + 1), options.get("respacing"))]
    matrices = {float(level): torch.from_numpy(denoiser(FIELD, level).T).float() for level in levels}
    return clean, run_sampler(lambda x, abar: x @ matrices[abar], clean, KNOWN, times, **options)


def disagreement(law: Law, known: Array, filled: Array) -> dict[str, float]:
    """Fills [N, D] of known pixels [N, K] against a law, in standard errors.

    Residuals are whitened by the law; then their mean, their correlation with the (whitened) known pixels and their
    covariance less the identity are independent numbers, about standard normal times N^-1/2: their sums of squares are
    lossd, and of the covariance the trace too.
    """
    count, size = filled.shape
    residual = np.linalg.solve(np.linalg.cholesky(law.covariance), (filled - known @ law.mean_map.T).T)
    inputs = np.linalg.solve(np.linalg.cholesky(KNOWN_FIELD), known.T)
    excess = residual @ residual.T / count - np.eye(size)
    excess[np.diag_indices(size)] /= 2**0.5
    found = {
        "mean": residual.mean(axis=1),
        "mean map": (residual @ inputs.T / count).ravel(),
        "covariance": excess[np.tril_indices(size)],
    }
    scores = {name: float((count * (v**2).sum() - v.size) / (2 * v.size) ** 0.5) for name, v in found.items()}
    return scores | {"variance": float(np.trace(excess) * (count / size) ** 0.5)}
