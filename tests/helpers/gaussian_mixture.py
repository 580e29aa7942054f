"""Pictures from a mixture of normals: its perfect denoiser and its conditional law are known, RePaint's law is not."""

from dataclasses import dataclass

import numpy as np

from repaint.theory.gaussian_law import Array, Flags, conditional_law, denoiser


@dataclass(frozen=True)
class Mixture:
    """Pictures from a mixture of C normals.

    Attributes:
        shares: [C], sum 1.
        means: [C, D].
        covariances: [C, D, D].
    """

    shares: Array
    means: Array
    covariances: Array

    def responsibilities(self, x: Array, abar: float = 1.0) -> Array:
        """Probability [N, C] of each component given noisy pictures x_t [N, D]."""
        logs = np.stack([self._log_density(x, c, abar) for c in range(len(self.shares))], axis=1)
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def denoise(self, x: Array, abar: float) -> Array:
        """E[x0 | x_t] for noisy pictures x_t [N, D]."""
        pairs = zip(self.means, self.covariances, strict=True)
        guesses = [mean + (x - abar**0.5 * mean) @ denoiser(cov, abar).T for mean, cov in pairs]
        return np.asarray(np.einsum("nc,cnd->nd", self.responsibilities(x, abar), np.stack(guesses)))

    def given(self, known: Flags, values: Array) -> "Mixture":
        """The law of the unknown pixels given the values [K] of the known ones: a mixture too."""
        blocks = self.covariances[:, known][:, :, known]
        shares = Mixture(self.shares, self.means[:, known], blocks).responsibilities(values[None])[0]
        laws = [conditional_law(covariance, known) for covariance in self.covariances]
        shifts = [law.mean_map @ (values - mean[known]) for law, mean in zip(laws, self.means, strict=True)]
        return Mixture(shares, self.means[:, ~known] + np.stack(shifts), np.stack([law.covariance for law in laws]))

    def _log_density(self, x: Array, c: int, abar: float) -> Array:
        spread = abar * self.covariances[c] + (1 - abar) * np.eye(x.shape[1])
        root = np.linalg.cholesky(spread)
        whitened = np.linalg.solve(root, (x - abar**0.5 * self.means[c]).T)
        logs = np.log(self.shares[c]) - np.log(np.diag(root)).sum() - 0.5 * (whitened**2).sum(axis=0)
        return np.asarray(logs)
