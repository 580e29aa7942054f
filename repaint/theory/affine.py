"""Affine Gaussian steps of a state given known pixels, and their composition."""

from dataclasses import dataclass

from repaint.theory.gaussian_law import Array


@dataclass(frozen=True)
class Affine:
    """Affine Gaussian step x -> matrix x + known_map k + N(0, noise), for a state x of N numbers given known pixels k.

    Attributes:
        matrix: [N, N].
        known_map: [N, K].
        noise: [N, N].
    """

    matrix: Array
    known_map: Array
    noise: Array

    def after(self, first: "Affine") -> "Affine":
        """Composition: this step after another."""
        return Affine(
            self.matrix @ first.matrix,
            self.matrix @ first.known_map + self.known_map,
            self.matrix @ first.noise @ self.matrix.T + self.noise,
        )

    def repeated(self, times: int) -> "Affine":
        """This step `times` times, at least once, by repeated squaring."""
        if times == 1:
            return self
        half = self.repeated(times // 2)
        whole = half.after(half)
        return self.after(whole) if times % 2 else whole
