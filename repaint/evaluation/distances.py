"""Distances between two sets of pictures, given their features: Frechet distance (FID) and kernel distance (KID)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repaint.evaluation.bootstrapping import Estimate, draws, interval

Features = NDArray[np.float64]
FEWEST_FOR_INTERVAL = 10


def frechet_distance(first: Features, second: Features) -> float:
    """Squared Frechet distance of the normals fitted to two sets (Heusel et al. 2017, equation 6).

    It is biased: two small sets of one kind lie apart too, so compare only sets of equal size.

    Args:
        first: [N, D], N > 1.
        second: [M, D], M > 1.
    """
    means = first.mean(axis=0) - second.mean(axis=0)
    roots = [_covariance_root(features) for features in (first, second)]
    # tr sqrt(C1 C2) with C = R'R: the eigenvalues of C1 C2 are the squared singular values of R1 R2'.
    shared = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    return float(means @ means + sum((root**2).sum() for root in roots) - 2 * shared)


def _covariance_root(features: Features) -> Features:
    """R [min(N, D), D] with R'R the covariance of features [N, D]."""
    centred: Features = (features - features.mean(axis=0)) / (len(features) - 1) ** 0.5
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(features) > features.shape[1] else centred


def kernel_distance(first: Features, second: Features) -> float:
    """Squared maximum mean discrepancy under the kernel (x y / d + 1)^3, unbiased (KID, Binkowski et al. 2018).

    Around 0, and sometimes below, for two sets of one kind, whatever their sizes.

    Args:
        first: [N, D], N > 1.
        second: [M, D], M > 1.
    """
    within = [_mean_off_diagonal(_kernel(x, x)) for x in (first, second)]
    return float(sum(within) - 2 * _kernel(first, second).mean())


def estimate_kernel_distance(groups: Sequence[Features], reference: Features) -> Estimate:
    """`kernel_distance` of a set to a reference, with its bootstrap interval if there are FEWEST_FOR_INTERVAL pictures.

    Args:
        groups: features [fills, D] of the fills of each picture, at least two pictures.
        reference: [N, D].
    """
    features = np.concatenate(groups)
    mean_of = np.repeat(np.diag([1 / len(group) for group in groups]), [len(group) for group in groups], axis=1)
    # Fills of one picture are similar, and a picture drawn twice is no pair: only pairs of pictures are compared.
    within = mean_of @ _kernel(features, features) @ mean_of.T
    across = mean_of @ _kernel(features, reference).mean(axis=1)
    of_reference = _mean_off_diagonal(_kernel(reference, reference))
    return _bootstrap(within, across, of_reference)


def estimate_matched_kernel_distance(truths: Sequence[Features], fills: Sequence[Features]) -> Estimate:
    """`kernel_distance` of a set to the set that it shall look like, picture by picture, with its bootstrap interval.

    A fill and its own truth are similar whatever the method, so only different pictures are compared.

    Args:
        truths: features [N, D] of each true picture, of at least two.
        fills: features [M, D] of each picture's fills.
    """
    means = [[np.array([[_kernel(x, y).mean() for y in second] for x in first]) for second in (truths, fills)]
             for first in (truths, fills)]  # fmt: skip
    (of_truths, across), (_, of_fills) = means
    return _bootstrap(of_fills + of_truths - across - across.T, np.zeros(len(truths)), 0.0)


def _bootstrap(within: Features, across: Features, constant: float) -> Estimate:
    """Mean of `within` [N, N] over pairs of different pictures, plus a constant, minus twice that of `across` [N]."""
    count = len(within)
    within = within * (1 - np.eye(count))

    def distances(weights: Features) -> Features:
        """Of sets in which picture i occurs weights[:, i] times."""
        pairs = count**2 - (weights**2).sum(axis=1)
        apart: Features = ((weights @ within) * weights).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
        return np.asarray(apart + constant - 2 * (weights @ across)[pairs > 0] / count)

    mean = float(distances(np.ones((1, count)))[0])
    if count < FEWEST_FOR_INTERVAL:
        return Estimate(mean)
    found = [distances(np.stack([np.bincount(each, minlength=count) for each in drawn])) for drawn in draws(count)]
    return Estimate(mean, *interval(np.concatenate(found)))


def _kernel(first: Features, second: Features) -> Features:
    kernel: Features = (first @ second.T / first.shape[1] + 1) ** 3
    return kernel


def _mean_off_diagonal(kernel: Features) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))
