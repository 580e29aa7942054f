"""PatchMatch: for each patch that touches a hole the most similar known one, and what they vote for.

Squared distances of patches are those of their descriptions, their principal components.
"""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from repaint.data.masks import Mask

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

DIMENSIONS = 24  # of a description: nearly all of what patches of 5x5 pixels differ in
SAMPLES = 20_000  # patches that the principal components are found from, about
SWEEPS = 3  # of a search
JUMPS = ((-1, 0), (1, 0), (0, -1), (0, 1))
VOTE_WIDTH = 0.7  # pixels: a patch votes for its middle most, as the plain mean of all is a blur
DEPTH_BASE = 1.3  # a vote from one pixel deeper in the hole counts less by this factor (Wexler et al. 2007)
MOST_DEPTH = 100  # pixels that this goes on for, lest nothing is left of a vote


def describe(picture: Floats, guide: Floats, size: int, weights: tuple[float, float]) -> Floats:
    """Descriptions [h, w, d] of the patches around all pixels; 0 where one would reach beyond the picture.

    Args:
        picture: [h, w, 3].
        guide: [h, w, 3], smooth: of each patch the middle, the corners, and the middles of the sides count.
        size: of a patch.
        weights: of the mean squared differences of picture and guide.
    """
    reach = size // 2
    fine = sliding_window_view(picture, (size, size), (0, 1))
    coarse = sliding_window_view(guide, (size, size), (0, 1))[..., ::reach, ::reach]
    height, width = fine.shape[:2]
    scales = np.sqrt(weights) / (size, coarse.shape[-1])

    def row(number: int) -> Floats:
        parts = [scale * view[number].reshape(width, -1) for scale, view in zip(scales, (fine, coarse), strict=True)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    some = np.concatenate([row(number) for number in range(0, height, max(1, height * width // SAMPLES))])
    axes = np.linalg.eigh(some.T @ some)[1][:, -DIMENSIONS:]
    described = np.zeros((*picture.shape[:2], axes.shape[1]), np.float32)
    for number in range(height):
        described[number + reach, reach : reach + width] = row(number) @ axes
    return described


class PatchSearch:
    """The most similar known patches found so far for all patches that touch a hole.

    Args:
        hole: bool [h, w].
        known: bool [h, w], True = may be copied.
        size: height and width of a patch, odd.

    Attributes:
        hole: see above.
        places: int64 [n, 2], the middles of the patches that touch the hole.
        possible: whether there is a wholly known patch, and one that touches the hole; if not, there is no search.
    """

    def __init__(self, hole: Mask, known: Mask, size: int) -> None:
        from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter  # only here: slow to load

        reach = size // 2
        inside = np.zeros(hole.shape, bool)
        inside[reach : hole.shape[0] - reach, reach : hole.shape[1] - reach] = True
        self.hole, self._sources, self._reach = hole, minimum_filter(known, size) & inside, reach
        self.places = np.argwhere(maximum_filter(hole, size) & inside)
        self.possible = bool(self._sources.any() and len(self.places))
        self._numbers = np.full(hole.shape, -1, np.int64)
        self._numbers[tuple(self.places.T)] = np.arange(len(self.places))
        depth = np.minimum(distance_transform_edt(hole)[tuple(self.places.T)], MOST_DEPTH)
        self._confidence = (DEPTH_BASE**-depth).astype(np.float32)
        self._random = np.random.default_rng(0)  # the same fill always gets the same texture
        if self.possible:
            anywhere = np.argwhere(self._sources)
            self._found = anywhere[self._random.integers(len(anywhere), size=len(self.places))]

    def begin(self, moves: Indices) -> None:
        """Begin with the known patches nearest to where `moves` int64 [n, 2] lead."""
        from scipy.ndimage import distance_transform_edt

        nearest = distance_transform_edt(~self._sources, return_distances=False, return_indices=True)
        self._found = nearest[:, *self._clip(self.places + moves).T].T

    def improve(self, described: Floats) -> None:
        """Look for more similar patches, for all at once (Barnes et al. 2009, section 3.2).

        Args:
            described: see `describe`.
        """
        self._described, self._targets = described, described[tuple(self.places.T)]
        self._distances = self._measure(np.arange(len(self.places)), self._found)
        for _ in range(SWEEPS):
            for numbers, places in self._propose():
                self._try(numbers, self._clip(places))

    def _propose(self) -> Iterator[tuple[Indices, Indices]]:
        """Numbers of patches, and what to try for them: what suits their neighbours, then anything ever nearer."""
        for jump in JUMPS:
            beside = self._numbers[tuple(self._clip(self.places + jump).T)]
            (numbers,) = np.nonzero(beside >= 0)
            yield numbers, self._found[beside[numbers]] - jump
        radius = max(self.hole.shape)
        while radius := radius // 2:
            steps = self._random.integers(-radius, radius + 1, self._found.shape)
            yield np.arange(len(steps)), self._found + steps

    def _try(self, numbers: Indices, places: Indices) -> None:
        useful = self._sources[tuple(places.T)] & (places != self._found[numbers]).any(axis=1)
        numbers, places = numbers[useful], places[useful]
        distances = self._measure(numbers, places)
        better = distances < self._distances[numbers]
        self._found[numbers[better]], self._distances[numbers[better]] = places[better], distances[better]

    def _measure(self, numbers: Indices, places: Indices) -> Floats:
        difference = self._described[tuple(places.T)] - self._targets[numbers]
        squared: Floats = np.einsum("nd,nd->n", difference, difference)
        return squared

    def _clip(self, places: Indices) -> Indices:
        clipped: Indices = np.clip(places, 0, np.array(self.hole.shape) - 1)
        return clipped

    def vote(self, picture: Floats) -> Floats:
        """The picture [h, w, 3] with the pixels of the hole as the found patches that overlap there have them."""
        total, sums = np.zeros(self.hole.shape, np.float32), np.zeros(picture.shape, np.float32)
        steps = range(-self._reach, self._reach + 1)
        for offset in ((row, column) for row in steps for column in steps):
            share = self._confidence * np.float32(np.exp(-np.square(offset).sum() / (2 * VOTE_WIDTH**2)))
            at, colours = tuple((self.places + offset).T), picture[tuple((self._found + offset).T)]
            total[at] += share  # each pixel is there once
            sums[at] += share[:, None] * colours
        return np.where(self.hole[..., None], sums / np.where(self.hole, total, 1)[..., None], picture)

    @property
    def moves(self) -> Indices:
        """Rows and columns int64 [n, 2] from each patch to the most similar known one."""
        return self._found - self.places
