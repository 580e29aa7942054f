"""Feature space of small aligned pictures: oriented gradients and colours, whitened, for distances without a download.

Inception features need a download and rest on the photographs of ImageNet. For small aligned pictures, such as the
bundled faces, gradients and colours are more sensitive: here a picture is described by its histograms of oriented
gradients (Dalal and Triggs 2005) and its colours on a grid of 8x8 cells, reduced to the principal components of a set
of real pictures. Values compare only within one such space.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from repaint.data.conversion import to_rgb
from repaint.data.decoding import decode
from repaint.data.pairing import list_pictures
from repaint.data.storage import join
from repaint.errors import DataError, missing_extra
from repaint.evaluation.distances import Features

CELLS = 8
ORIENTATIONS = 8
DIMENSIONS = 64
FEWEST_REAL = 4 * DIMENSIONS
ALIKE = 1e-6  # of the largest spread: what is smaller is rounding


class FeatureSpace:
    """Principal components of the descriptions of real pictures, each scaled to unit variance over them.

    Args:
        pictures: uint8 [H, W, 3] each, H and W divisible by 8; more than `dimensions`.
        dimensions: components to keep.
        description: features of one picture; by default `describe`.

    Raises:
        DataError: the pictures differ in fewer directions.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        dimensions: int = DIMENSIONS,
        description: Callable[[NDArray[np.uint8]], Features] | None = None,
    ) -> None:
        self._describe = description or describe
        raw = self._describe_all(pictures)
        self._mean = raw.mean(axis=0)
        _, spread, components = np.linalg.svd(raw - self._mean, full_matrices=False)
        if len(spread) < dimensions or spread[dimensions - 1] <= ALIKE * spread[0]:
            raise DataError(f"the real pictures are too few or too similar for {dimensions} features")
        scale = spread[:dimensions] / len(raw) ** 0.5
        self._project = components[:dimensions].T / scale

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Features [N, dimensions] of pictures uint8 [H, W, 3]."""
        features: Features = (self._describe_all(pictures) - self._mean) @ self._project
        return features

    def _describe_all(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        return np.stack([self._describe(pixels) for pixels in pictures])


class ReferencePictures:
    """Reference set in a folder of real pictures: every second one fits the space, the rest are compared with.

    Attributes:
        folder: where they are.
        shape: (H, W, 3) of each.
        features: float64 [N, DIMENSIONS] of the pictures to compare with.

    Raises:
        DataError: fewer than FEWEST_REAL pictures, too similar ones, several sizes, or sides not divisible by 8.
    """

    def __init__(self, folder: str) -> None:
        names = list_pictures(folder)
        pictures = [np.asarray(to_rgb(decode(join(folder, name)))) for name in names]
        self.folder, self.shape = folder, pictures[0].shape
        odd = [name for name, pixels in zip(names, pictures, strict=True) if pixels.shape != self.shape]
        if odd:
            raise DataError(
                f"{folder}: {odd[0]} has another size than {names[0]}; reference pictures need a common size"
            )
        if len(pictures) < FEWEST_REAL or any(side % CELLS for side in self.shape[:2]):
            needed = f"at least {FEWEST_REAL} pictures with sides divisible by {CELLS}"
            raise DataError(
                f"{folder}: {len(pictures)} pictures of {self.shape[1]}x{self.shape[0]}; a reference needs {needed}"
            )
        self._space = FeatureSpace(pictures[1::2])
        self.features = self._space(pictures[::2])

    def describe(self, pictures: Sequence[NDArray[np.uint8]], name: str) -> Features:
        """Features [N, DIMENSIONS] of pictures uint8 [H, W, 3].

        Args:
            pictures: of the size of the reference pictures.
            name: of the pictures, for messages.

        Raises:
            DataError: they have another size.
        """
        if any(pixels.shape != self.shape for pixels in pictures):
            raise DataError(f"{name}: has another size than the pictures in {self.folder}")
        features: Features = self._space(pictures)
        return features


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
