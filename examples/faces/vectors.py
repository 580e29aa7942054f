"""Array types and small vector helpers shared by the other modules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
Rng = np.random.Generator


def vec(values: Sequence[float] | Sequence[Array] | Array) -> F32:
    """Single precision, which is twice as fast, from numbers or from what a random generator drew."""
    return np.asarray(values, np.float32)


def norm(v: Array) -> Array:
    """Lengths of vectors (..., 3)."""
    squares: Array = np.einsum("...i,...i", v, v)
    return np.sqrt(squares)


def unit(v: Array) -> Array:
    """Vectors (..., 3) scaled to length 1."""
    return v / (norm(v)[..., None] + 1e-9)


def smooth(a: float, b: float, x: Array) -> Array:
    """Smoothstep from 0 at a to 1 at b (a > b is allowed)."""
    t: Array = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def blend(corners: Array, weights: Array) -> F32:
    """Barycentric mean of per-corner values (n, 3, ...) with weights (n, 3)."""
    return vec(np.einsum("nk...,nk->n...", corners, weights))
