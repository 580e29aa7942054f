"""Exact distribution of RePaint's output for Gaussian data: no network, no sampling.

If pictures are normal, x0 ~ N(0, S), the optimal denoiser E[x0 | x_t] is a matrix (Wiener filter). Then every operation
of RePaint's Algorithm 1 is an affine map plus normal noise, and its output is normal too: given the known pixels k, the
picture has mean `mean_map @ k` and a covariance that does not depend on k. Both follow from the list of times
(`repaint_law`); so does the true posterior (`conditional_law`).

All arrays are float64, a picture is a vector [D], a mask bool [D] with True = known. abar [T] are the levels
`cumprod(1 - betas)` of the trained process at the visited timesteps. Equations are those of RePaint (Lugmayr et al.
2022) and DDPM (Ho et al. 2020). The formulas are independent of the sampler's code, so that tests can compare the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Variance = Literal["small", "large", "learned"]


@dataclass(frozen=True)
class Law:
    """Gaussian law of D pixels given K known ones: N(mean_map @ k, covariance).

    Attributes:
        mean_map: [D, K].
        covariance: [D, D].
    """

    mean_map: Array
    covariance: Array

    def marginal(self, pixels: Flags) -> "Law":
        """Marginal law of some of the pixels, bool [D]."""
        return Law(self.mean_map[pixels], self.covariance[np.ix_(pixels, pixels)])

    def noised(self, abar: float) -> "Law":
        """Law of x_t at a level, for clean pictures with this law: q(x_t | x0), DDPM equation 4."""
        noise = (1 - abar) * np.eye(len(self.covariance))
        return Law(abar**0.5 * self.mean_map, abar * self.covariance + noise)


def power_law_covariance(side: int, exponent: float = 3, variance: float = 1 / 3) -> Array:
    """Covariance [side^2, side^2] of a periodic Gaussian random field with the spectrum `power_law`."""
    return stationary_covariance(power_law(side, exponent, variance), side)


def power_law(side: int, exponent: float = 3, variance: float = 1 / 3) -> Array:
    """Power spectrum [side, side] of a periodic random field whose power falls with frequency f as 1 / f^exponent.

    At f = 0 that would be infinite: the power is 1 / (f^exponent + 0.5^exponent), so it levels off at half of the
    lowest frequency (f counts periods per side).

    Args:
        side: height and width of the field.
        exponent: of the spectrum; natural images have 2 to 3.
        variance: of each pixel. The default is that of uniform values in [-1, 1], the range of pictures.
    """
    power = 1 / (frequencies(side) ** exponent + 0.5**exponent)
    return np.asarray(variance / power.mean() * power)


def frequencies(side: int) -> Array:
    """Frequencies [side, side] of the Fourier transform of [side, side] pixels, in periods per side."""
    waves = np.fft.fftfreq(side, 1 / side)
    return np.asarray(np.hypot(waves[:, None], waves))


def stationary_covariance(power: Array, side: int, stride: int = 1) -> Array:
    """Covariance [side^2, side^2] of each `stride`-th pixel of a window of a periodic field with a power spectrum."""
    by_distance = np.fft.ifft2(power).real
    apart = stride * np.subtract.outer(np.arange(side), np.arange(side)) % len(power)
    return np.asarray(by_distance[apart[:, None, :, None], apart[None, :, None, :]].reshape(side**2, side**2))


def conditional_law(covariance: Array, known: Flags) -> Law:
    """True posterior: the law of the unknown pixels given the known ones, for pictures N(0, covariance)."""
    cross = covariance[np.ix_(~known, known)]
    mean_map = np.asarray(np.linalg.solve(covariance[np.ix_(known, known)], cross.T).T, np.float64)
    spread: Array = covariance[np.ix_(~known, ~known)] - mean_map @ cross.T
    return Law(mean_map, spread)


def denoiser(covariance: Array, abar: float) -> Array:
    """Optimal denoiser (Wiener filter): the matrix [D, D] from x_t to E[x0 | x_t], for pictures N(0, covariance)."""
    noisy = abar * covariance + (1 - abar) * np.eye(len(covariance))
    return np.asarray(abar**0.5 * np.linalg.solve(noisy, covariance).T)


def repaint_law(
    covariance: Array,
    known: Flags,
    times: Sequence[int],
    abar: Array,
    *,
    inject: bool = True,
    step: "StepLaw | None" = None,
    start: Law | None = None,
) -> Law:
    """Exact law of RePaint's output (Algorithm 1) for pictures N(0, covariance), with the optimal denoiser.

    As in the published code, the known part is merged at the start of each step down except the very first.

    Args:
        covariance: [D, D] of the pictures.
        known: bool [D].
        times: schedule, see `repaint.schedule.get_schedule_jump`; steps up may be longer than one.
        abar: [T] levels of the visited timesteps, falling.
        inject: whether known pixels are merged; without them the mean is 0.
        step: kind of the reverse step; by default DDPM's with the posterior's variance.
        start: law of the state that it begins with, given the known pixels; None for standard normal.

    Returns:
        The law of all D pixels, before the known ones are pasted.
    """
    size, kept = len(covariance), np.flatnonzero(known)
    start = start or Law(np.zeros((size, len(kept))), np.eye(size))
    mean_map, spread = start.mean_map.copy(), start.covariance.copy()
    steps = {t: (step or StepLaw()).at(covariance, abar, t) for t in set(times) if t >= 0}
    for number, (t, s) in enumerate(pairwise(times)):
        if s > t:
            share = abar[s] / abar[t]  # Algorithm 1 line 10: DDPM equation 4, from t to s
            mean_map, spread = share**0.5 * mean_map, share * spread + (1 - share) * np.eye(size)
            continue
        if inject and number > 0:  # RePaint equation 8a: N(sqrt(abar) x0, (1 - abar) I), independent of the rest
            mean_map[kept] = abar[t] ** 0.5 * np.eye(len(kept))
            spread[kept, :] = spread[:, kept] = 0
            spread[kept, kept] = 1 - abar[t]
        matrix, variance = steps[t]
        mean_map, spread = matrix @ mean_map, matrix @ spread @ matrix.T + variance * np.eye(size)
    return Law(mean_map, spread)


@dataclass(frozen=True)
class StepLaw:
    """Law of a reverse step (RePaint equation 8b) with the optimal denoiser: DDPM's or DDIM's.

    Attributes:
        variance: of DDPM's step: the posterior's ("small"), the forward step's ("large", DDPM section 3.2), or the
            optimal one in between ("learned"), as a network learns it (IDDPM equation 15).
        eta: of DDIM's step (Song et al. 2021, equations 12 and 16) instead; None for DDPM's.
    """

    variance: Variance = "small"
    eta: float | None = None

    def at(self, covariance: Array, abar: Array, t: int) -> tuple[Array, float]:
        """Matrix [D, D] and variance of the step from t to t - 1: x_(t-1) = matrix x_t + variance^1/2 noise."""
        clean = denoiser(covariance, abar[t])
        of_clean, of_state, variance = self.coefficients(covariance, clean, abar, t)
        return of_clean * clean + of_state * np.eye(len(covariance)), variance

    def coefficients(self, covariance: Array, clean: Array, abar: Array, t: int) -> tuple[float, float, float]:
        """Factors a, b and variance of the step: x_(t-1) = a E[x0 | x_t] + b x_t + variance^1/2 noise.

        Args:
            covariance: [D, D] of the pictures.
            clean: [D, D], the optimal denoiser of level t, see `denoiser`.
            abar: [T] levels.
            t: index of the level.
        """
        if t == 0:
            return 1.0, 0.0, 0.0
        before, alpha = float(abar[t - 1]), float(abar[t] / abar[t - 1])
        # Bayes' rule: x_{t-1} given x0 has mean sqrt(abar_{t-1}) x0 and variance 1 - abar_{t-1}, and it is observed
        # through x_t = sqrt(alpha) x_{t-1} + sqrt(1 - alpha) noise (DDPM equation 7). Precisions add up.
        small = 1 / (1 / (1 - before) + alpha / (1 - alpha))
        of_clean = small * before**0.5 / (1 - before)
        of_state = small * alpha**0.5 / (1 - alpha)
        if self.eta is not None:
            variance = self.eta**2 * small
            # The noise is x_t less sqrt(abar) x0.
            to_noise = (max(0.0, 1 - before - variance) / (1 - float(abar[t]))) ** 0.5
            return before**0.5 - to_noise * float(abar[t]) ** 0.5, to_noise, variance
        if self.variance == "learned":
            # The variance of x0 given x_t adds to the posterior's, on average over the pixels.
            of_x0 = np.trace(covariance - abar[t] ** 0.5 * clean @ covariance) / len(covariance)
            return of_clean, of_state, min(small + of_clean**2 * float(of_x0), 1 - alpha)
        return of_clean, of_state, 1 - alpha if self.variance == "large" else small


def relative_distance(law: Law, truth: Law, known_covariance: Array) -> float:
    """Squared 2-Wasserstein distance of a law of the unknown pixels to the truth, as a share of the true variance.

    (E |difference of the means|^2 + squared Bures distance of the covariances) / trace of the true covariance, where
    E is over known pixels N(0, known_covariance): the mean squared 2-Wasserstein distance of the normals, as a share.
    """
    off = law.mean_map - truth.mean_map
    mean_error = np.sum((off @ known_covariance) * off)
    return float((mean_error + squared_bures(law.covariance, truth.covariance)) / np.trace(truth.covariance))


def squared_bures(first: Array, second: Array) -> float:
    """Squared Bures distance of two covariances: tr A + tr B - 2 tr (B^1/2 A B^1/2)^1/2."""
    values, vectors = np.linalg.eigh(second)
    root = (vectors * values.clip(min=0) ** 0.5) @ vectors.T
    overlap = np.linalg.eigvalsh(root @ first @ root).clip(min=0) ** 0.5
    return float(np.trace(first) + np.trace(second) - 2 * overlap.sum())
