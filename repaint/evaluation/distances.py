"""Distances between two sets of pictures, in a feature space that needs no download.

The usual Inception features come with a download and with what ImageNet knows of the world. For small aligned pictures,
such as the bundled faces, gradients and colours tell more: here a picture is described by its histograms of oriented
gradients (Dalal and Triggs 2005) and its colours on a grid of 8x8 cells, reduced to the principal components of a set
of real pictures. Values compare only within one such space.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repaint.data.images import decode, to_rgb
from repaint.data.pairing import list_pictures
from repaint.data.storage import join
from repaint.errors import DataError, missing_extra
from repaint.evaluation.bootstrapping import Estimate, draws, interval

Features = NDArray[np.float64]
CELLS = 8
ORIENTATIONS = 8
DIMENSIONS = 64
FEWEST_REAL = 4 * DIMENSIONS
FEWEST_FOR_INTERVAL = 10
ALIKE = 1e-6  # of the largest spread: what is smaller is rounding


class FeatureSpace:
    """Principal components of the descriptions of real pictures, each scaled to unit variance over them.

    Args:
        pictures: uint8 [H, W, 3] each, H and W divisible by 8; more than `dimensions`.
        dimensions: components to keep.

    Raises:
        DataError: the pictures differ in fewer directions.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], dimensions: int = DIMENSIONS) -> None:
        raw = _describe_all(pictures)
        self._mean = raw.mean(axis=0)
        _, spread, components = np.linalg.svd(raw - self._mean, full_matrices=False)
        if len(spread) < dimensions or spread[dimensions - 1] <= ALIKE * spread[0]:
            raise DataError(f"the real pictures are too few or too much alike to tell {dimensions} features of them")
        scale = spread[:dimensions] / len(raw) ** 0.5
        self._project = components[:dimensions].T / scale

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Features [N, dimensions] of pictures uint8 [H, W, 3]."""
        features: Features = (_describe_all(pictures) - self._mean) @ self._project
        return features


class RealPictures:
    """A folder of real pictures: every second one makes the space, and the rest is what sets are compared with.

    Raises:
        DataError: fewer than FEWEST_REAL pictures or too much alike, not all of one size, or of sides that cannot be
            divided by 8.
    """

    def __init__(self, folder: str) -> None:
        names = list_pictures(folder)
        pictures = [np.asarray(to_rgb(decode(join(folder, name)))) for name in names]
        self.folder, self.shape = folder, pictures[0].shape
        odd = [name for name, pixels in zip(names, pictures, strict=True) if pixels.shape != self.shape]
        if odd:
            raise DataError(
                f"{folder}: {odd[0]} has another size than {names[0]}; real pictures to compare with have one"
            )
        if len(pictures) < FEWEST_REAL or any(side % CELLS for side in self.shape[:2]):
            needed = f"at least {FEWEST_REAL} pictures with sides divisible by {CELLS}"
            raise DataError(f"{folder}: {len(pictures)} pictures of {self.shape[1]}x{self.shape[0]}; it takes {needed}")
        self._space = FeatureSpace(pictures[1::2])
        self.features = self._space(pictures[::2])

    def describe(self, pictures: Sequence[NDArray[np.uint8]], name: str) -> Features:
        """Features [N, D] of pictures of the same size; DataError, which names them, if they have another."""
        if any(pixels.shape != self.shape for pixels in pictures):
            raise DataError(f"{name}: has another size than the pictures in {self.folder}")
        features: Features = self._space(pictures)
        return features


def _describe_all(pictures: Sequence[NDArray[np.uint8]]) -> Features:
    return np.stack([describe(pixels) for pixels in pictures])


def describe(pixels: NDArray[np.uint8]) -> Features:
    """Gradient histograms [8 * 8 * 8] and mean colours [8 * 8 * 3] of a grid of cells, weighted to equal parts.

    Raises:
        ConfigError: scikit-image is not installed.
    """
    try:
        from skimage.feature import hog
    except ImportError:
        raise missing_extra("the distance between sets of pictures", "scikit-image", "evaluation") from None
    height, width = (side // CELLS for side in pixels.shape[:2])
    gradients = hog(
        pixels,
        orientations=ORIENTATIONS,
        pixels_per_cell=(height, width),
        cells_per_block=(2, 2),
        channel_axis=2,
        feature_vector=True,
    )
    colours = pixels.reshape(CELLS, height, CELLS, width, 3).mean(axis=(1, 3)).ravel() / 255
    return np.concatenate([gradients, colours])


def frechet_distance(first: Features, second: Features) -> float:
    """Squared Frechet distance of the normals fitted to two sets (Heusel et al. 2017, equation 6).

    It is biased: two small sets of one kind lie apart too, so compare only sets of equal size.
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
    """Squared maximum mean discrepancy under the kernel (x y / d + 1)^3, unbiased (Binkowski et al. 2018).

    Around 0, and sometimes below, for two sets of one kind, whatever their sizes (at least 2).
    """
    within = [_mean_off_diagonal(_kernel(x, x)) for x in (first, second)]
    return float(sum(within) - 2 * _kernel(first, second).mean())


def estimate_kernel_distance(groups: Sequence[Features], reference: Features) -> Estimate:
    """`kernel_distance` of a set to a reference, with its bootstrap interval if there are FEWEST_FOR_INTERVAL pictures.

    Args:
        groups: features [fills, D] of the fills of each picture, at least two pictures.
        reference: [N, D].
    """
    features, count = np.concatenate(groups), len(groups)
    mean_of = np.repeat(np.diag([1 / len(group) for group in groups]), [len(group) for group in groups], axis=1)
    # Fills of one picture are alike, and a picture that is drawn twice is no pair: only pairs of pictures are compared.
    within = mean_of @ _kernel(features, features) @ mean_of.T
    np.fill_diagonal(within, 0)
    across = mean_of @ _kernel(features, reference).mean(axis=1)
    of_reference = _mean_off_diagonal(_kernel(reference, reference))

    def distances(weights: Features) -> Features:
        """Of sets in which picture i occurs weights[:, i] times."""
        pairs = count**2 - (weights**2).sum(axis=1)
        apart: Features = ((weights @ within) * weights).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
        return np.asarray(apart + of_reference - 2 * (weights @ across)[pairs > 0] / count)

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
