"""The Gaussian diffusion process: constants, forward steps, posterior, and the distribution of a reverse step.

Symbols follow Ho et al. 2020 (DDPM) and Nichol and Dhariwal 2021 (IDDPM). All states are float32 [B, 3, H, W] with
pictures in [-1, 1]. A time `t` is an int (sampling: the whole batch is at one time) or an int64 tensor [B] (training).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repaint.diffusion.respacing import respace_betas

# model(x, timesteps, y) -> [B, 3 or 6, H, W]; cond_fn(x, timesteps, y) -> gradient like x. Timesteps are original ones.
Model = Callable[[Tensor, Tensor, Tensor | None], Tensor]
CondFn = Callable[[Tensor, Tensor, Tensor | None], Tensor]
MeanType = Literal["epsilon", "xstart", "v"]
VarianceType = Literal["learned_range", "fixed_small", "fixed_large"]
Time = int | Tensor

MEAN_ERROR = 0.2  # standard deviation of a network's error about a picture's mean colour, before it is corrected


@dataclass(frozen=True)
class ReverseDistribution:
    """The network's distribution of x_{t-1} given x_t: a diagonal normal, and the estimate of x0 behind it."""

    mean: Tensor
    log_variance: Tensor
    pred_xstart: Tensor


class GaussianDiffusion(nn.Module):
    """A diffusion process on a subset of the trained timesteps.

    All tables are computed in float64 and kept as float32 buffers, so that `.to(device)` takes them along and no step
    copies anything from the host.

    Args:
        betas: float64 [T_original] of the trained process.
        timesteps: sorted original steps to visit (default: all); index t below means `timesteps[t]`.
        mean_type: what the network predicts: the noise ("epsilon"), the clean picture ("xstart") or, between the two,
            the velocity ("v").
        variance_type: "learned_range" (IDDPM equation 15, the network's last three channels), or fixed to the
            posterior's ("fixed_small") or the forward step's ("fixed_large") variance (DDPM section 3.2).
        clip_denoised: clamp the estimate of x0 to [-1, 1].
        rescale_timesteps: give the network timesteps scaled to 0..1000 whatever the length of the trained process.
        time_shift: a step up from t to t + 1 takes the beta of t + time_shift: 1, but for the published code's option.
        bound_variance: keep a learned variance between the posterior's and the forward step's, which IDDPM's equation
            15 interpolates. The published code does not. In few steps the two lie far apart, and a network's output of
            a little more than 1 would be a burst of noise: coloured dots in the picture.
        correct_mean: correct the mean colour of the estimate of x0, see `predict`.
    """

    betas: Tensor
    alphas_cumprod: Tensor
    timestep_map: Tensor

    def __init__(
        self,
        betas: NDArray[np.float64],
        timesteps: list[int] | None = None,
        mean_type: MeanType = "epsilon",
        variance_type: VarianceType = "learned_range",
        clip_denoised: bool = True,
        rescale_timesteps: bool = False,
        time_shift: int = 1,
        bound_variance: bool = False,
        correct_mean: bool = False,
    ) -> None:
        super().__init__()
        timesteps = list(range(len(betas))) if timesteps is None else timesteps
        self.mean_type = mean_type
        self.variance_type = variance_type
        self.clip_denoised = clip_denoised
        self.time_shift = time_shift
        self.bound_variance = bound_variance
        self.correct_mean = correct_mean
        self.num_timesteps = len(timesteps)
        for name, table in _tables(respace_betas(betas, timesteps)).items():
            self.register_buffer(name, torch.from_numpy(table).float(), persistent=False)
        seen = torch.tensor(timesteps)
        if rescale_timesteps:
            seen = seen.float() * (1000.0 / len(betas))
        self.register_buffer("timestep_map", seen, persistent=False)

    def timesteps(self, t: Time, batch: int) -> Tensor:
        """Original timesteps [batch] that the network receives for time `t`."""
        return self.timestep_map[t].expand(batch)

    def at(self, table: str, t: Time) -> Tensor:
        """Entry `t` of a table, shaped to multiply states: a scalar tensor for an int t, [B, 1, 1, 1] for a tensor."""
        value: Tensor = getattr(self, table)[t]
        return value.reshape(-1, 1, 1, 1) if value.ndim else value

    def q_sample(self, x0: Tensor, t: Time, noise: Tensor) -> Tensor:
        """Draw x_t given x0: sqrt(abar_t) x0 + sqrt(1 - abar_t) noise (DDPM equation 4).

        RePaint's Algorithm 1 prints (1 - abar_t) as the factor of the noise in line 5. That is the variance: the
        standard deviation is its square root, as in the paper's equation 8a and the published code.
        """
        return self.at("sqrt_alphas_cumprod", t) * x0 + self.at("sqrt_one_minus_alphas_cumprod", t) * noise

    def q_step(self, x: Tensor, t: Time, noise: Tensor) -> Tensor:
        """Draw x_t given x = x_{t-1}, one forward step: sqrt(1 - beta_t) x + sqrt(beta_t) noise (DDPM equation 2)."""
        return self.at("sqrt_one_minus_betas", t) * x + self.at("sqrt_betas", t) * noise

    def q_forward(self, x: Tensor, t: int, s: int, noise: Tensor) -> Tensor:
        """Draw x_s given x = x_t for t < s in one go: the law of s - t forward steps (DDPM equation 4 on a stretch)."""
        if s == t + 1:
            return self.q_step(x, t + self.time_shift, noise)
        log_share = self.at("log_alphas_cumprod", s) - self.at("log_alphas_cumprod", t)
        return (log_share / 2).exp() * x + (-torch.expm1(log_share)).sqrt() * noise

    def q_posterior_mean(self, x0: Tensor, x: Tensor, t: Time) -> Tensor:
        """Mean of x_{t-1} given x_t = x and x0 (DDPM equation 7)."""
        return self.at("posterior_mean_coef1", t) * x0 + self.at("posterior_mean_coef2", t) * x

    def predict_xstart(self, x: Tensor, t: Time, eps: Tensor) -> Tensor:
        """Solve q_sample for x0 (DDPM equation 15)."""
        return self.at("sqrt_recip_alphas_cumprod", t) * x - self.at("sqrt_recipm1_alphas_cumprod", t) * eps

    def predict_eps(self, x: Tensor, t: Time, x0: Tensor) -> Tensor:
        """Solve q_sample for the noise."""
        return (self.at("sqrt_recip_alphas_cumprod", t) * x - x0) / self.at("sqrt_recipm1_alphas_cumprod", t)

    def target(self, x0: Tensor, t: Time, noise: Tensor) -> Tensor:
        """Training target of the network at x_t = q_sample(x0, t, noise), by its mean type."""
        if self.mean_type == "xstart":
            return x0
        return noise if self.mean_type == "epsilon" else self.velocity(x0, t, noise)

    def velocity(self, x0: Tensor, t: Time, noise: Tensor) -> Tensor:
        """The velocity sqrt(abar_t) noise - sqrt(1 - abar_t) x0 (Salimans and Ho 2022, appendix D)."""
        return self.at("sqrt_alphas_cumprod", t) * noise - self.at("sqrt_one_minus_alphas_cumprod", t) * x0

    def xstart_from_prediction(self, prediction: Tensor, x: Tensor, t: Time) -> Tensor:
        """Estimate of x0 from a prediction [B, 3, H, W] at x_t = x, by the network's mean type."""
        if self.mean_type == "xstart":
            return prediction
        if self.mean_type == "epsilon":
            return self.predict_xstart(x, t, prediction)
        return self.at("sqrt_alphas_cumprod", t) * x - self.at("sqrt_one_minus_alphas_cumprod", t) * prediction

    def predict(self, model: Model, x: Tensor, t: Time, y: Tensor | None = None) -> Tensor:
        """The network's float32 output [B, 3 or 6, H, W] at x_t = x: one call.

        With `correct_mean` its first three channels are changed by a constant each. Over all pixels the noise averages
        out, so that x shows the mean colour of x0 well, but for the highest noise. A network whose normalisation has
        groups of one channel removes just that and guesses it: saturated colours turn into others. What is known is
        combined as in a Kalman filter: the network's mean is that of x0 up to `MEAN_ERROR`, and the mean of x is
        sqrt(abar_t) times that of x0, up to the standard deviation of the mean noise.
        """
        output = model(x, self.timesteps(t, len(x)), y).float()
        return self._correct_mean(output, x, t) if self.correct_mean else output

    def _correct_mean(self, output: Tensor, x: Tensor, t: Time) -> Tensor:
        prediction = output[:, :3]
        guessed, seen = (each.mean((2, 3), keepdim=True) for each in (self.xstart_from_prediction(prediction, x, t), x))
        signal, noise = self.at("sqrt_alphas_cumprod", t), self.at("sqrt_one_minus_alphas_cumprod", t)
        gain = signal * MEAN_ERROR**2 / ((signal * MEAN_ERROR) ** 2 + noise**2 / x[0, 0].numel())
        change = gain * (seen - signal * guessed)
        # The estimate is linear in the prediction: this one changes it by so much, at the same x.
        constant = self.target(change, t, self.predict_eps(torch.zeros_like(change), t, change))
        return torch.cat([prediction + constant, output[:, 3:]], dim=1)

    def reverse_distribution(self, output: Tensor, x: Tensor, t: Time, clip: bool) -> ReverseDistribution:
        """Distribution of x_{t-1} from a network output [B, 3 or 6, H, W] at x_t = x."""
        pred_xstart = self.xstart_from_prediction(output[:, :3], x, t)
        if clip:
            pred_xstart = pred_xstart.clamp(-1, 1)
        mean = self.q_posterior_mean(pred_xstart, x, t)
        return ReverseDistribution(mean, self._log_variance(output, t).expand_as(x), pred_xstart)

    def _log_variance(self, output: Tensor, t: Time) -> Tensor:
        if self.variance_type == "fixed_small":
            return self.at("posterior_log_variance_clipped", t)
        if self.variance_type == "fixed_large":
            return self.at("log_betas_clipped", t)
        fraction = (output[:, 3:] + 1) / 2
        if self.bound_variance:
            fraction = fraction.clamp(0, 1)
        upper, lower = self.at("log_betas", t), self.at("posterior_log_variance_clipped", t)
        return fraction * upper + (1 - fraction) * lower

    def model_variance(self, law: ReverseDistribution, t: Time) -> Tensor:
        """Variance of a reverse step, for guidance.

        A variance fixed to the posterior's is 0 at t = 0, where only its logarithm is clipped.
        """
        return self.at("posterior_variance", t) if self.variance_type == "fixed_small" else law.log_variance.exp()

    def p_mean_variance(self, model: Model, x: Tensor, t: Time, y: Tensor | None = None) -> ReverseDistribution:
        """Distribution of x_{t-1} given x_t = x: one network call.

        Args:
            model: the network; receives original timesteps.
            x: [B, 3, H, W].
            t: respaced time, 0..num_timesteps-1.
            y: class labels int64 [B], or None.
        """
        return self.reverse_distribution(self.predict(model, x, t, y), x, t, self.clip_denoised)


def _tables(betas: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """All constants of the process, float64 [T] each; names as in the papers."""
    abar = np.cumprod(1 - betas)
    abar_prev = np.concatenate([[1.0], abar[:-1]])
    posterior_variance = betas * (1 - abar_prev) / (1 - abar)
    # The posterior's variance is 0 at t = 0; its logarithm is clipped to that of the next step (IDDPM's code).
    first = posterior_variance[1] if len(betas) > 1 else betas[0]
    clipped = np.concatenate([[first], posterior_variance[1:]])
    return {
        "betas": betas,
        "sqrt_betas": np.sqrt(betas),
        "sqrt_one_minus_betas": np.sqrt(1 - betas),
        "log_betas": np.log(betas),
        "log_betas_clipped": np.log(np.concatenate([[first], betas[1:]])),
        "alphas_cumprod": abar,
        "log_alphas_cumprod": np.log(abar),
        "sqrt_alphas_cumprod_prev": np.sqrt(abar_prev),
        "sqrt_one_minus_alphas_cumprod_prev": np.sqrt(1 - abar_prev),
        "betas_over_one_minus_alphas_cumprod": betas / (1 - abar),
        "sqrt_alphas_cumprod": np.sqrt(abar),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - abar),
        "sqrt_recip_alphas_cumprod": np.sqrt(1 / abar),
        "sqrt_recipm1_alphas_cumprod": np.sqrt(1 / abar - 1),
        "posterior_std": np.sqrt(posterior_variance),
        "posterior_variance": posterior_variance,
        "posterior_log_variance_clipped": np.log(clipped),
        "posterior_mean_coef1": betas * np.sqrt(abar_prev) / (1 - abar),
        "posterior_mean_coef2": (1 - abar_prev) * np.sqrt(1 - betas) / (1 - abar),
    }
