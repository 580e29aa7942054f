"""PatchMatch: for each patch that touches a hole the most similar known one, and what they vote for.

Squared distances of patches are those of their descriptions, their principal components. Of two that are about equally
similar, the one is taken that lies beside what neighbours are copied from (Pritch et al. 2009, "Shift-Map Image
Editing"): votes from many places are a blur.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from repaint.data.masks import Mask

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

DIMENSIONS = 24  # of a description: nearly all of what patches of 5x5 pixels differ in
SAMPLES = 20_000  # patches that the principal components are found from, about
SWEEPS = 3  # of a search
COHERENCE = 0.5  # of the median squared distance: what a patch may be farther for each neighbour with the same move
JUMPS = ((-1, 0), (1, 0), (0, -1), (0, 1))
VOTE_WIDTH = 0.5  # pixels: a patch votes for its middle most, as the plain mean of all is a blur
DEPTH_BASE = 1.3  # a vote from one pixel deeper in the hole counts less by this factor (Wexler et al. 2007)
MOST_DEPTH = 100  # pixels that this goes on for, lest nothing is left of a vote
BLOCK = 250_000  # patches that are compared or vote at once, for memory's sake


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

    def row(number: int, step: int = 1) -> torch.Tensor:
        views = fine[number, ::step], coarse[number, ::step]
        parts = [scale * view.reshape(len(view), -1) for scale, view in zip(scales, views, strict=True)]
        return torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32))

    # Products are PyTorch's: those of NumPy have other last bits with another number of threads.
    step = max(1, int((height * width / SAMPLES) ** 0.5))
    some = torch.cat([row(number, step) for number in range(0, height, step)])
    axes = torch.from_numpy(np.linalg.eigh((some.T @ some).numpy())[1][:, -DIMENSIONS:].copy())
    described = np.zeros((*picture.shape[:2], axes.shape[1]), np.float32)
    for number in range(height):
        described[number + reach, reach : reach + width] = (row(number) @ axes).numpy()
    return described


class PatchSearch:
    """The most similar known patches found so far for all patches that touch a hole.

    Args:
        hole: bool [h, w].
        known: bool [h, w], True = may be copied.
        size: height and width of a patch, odd.

    Attributes:
        hole: see above.
        known: likewise.
        places: int64 [n, 2], the middles of the patches that touch the hole.
        possible: whether there is a wholly known patch, and one that touches the hole; if not, there is no search.
    """

    def __init__(self, hole: Mask, known: Mask, size: int) -> None:
        from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter  # only here: slow to load

        reach = size // 2
        inside = np.zeros(hole.shape, bool)
        inside[reach : hole.shape[0] - reach, reach : hole.shape[1] - reach] = True
        self.hole, self.known = hole, known
        self._sources, self._reach = minimum_filter(known, size) & inside, reach
        self.places = np.argwhere(maximum_filter(hole, size) & inside)
        self.possible = bool(self._sources.any() and len(self.places))
        depth = np.minimum(distance_transform_edt(~known)[tuple(self.places.T)], MOST_DEPTH)
        self._confidence = (DEPTH_BASE**-depth).astype(np.float32)
        self._random = np.random.default_rng(0)  # the same fill always gets the same texture
        if self.possible:
            anywhere = np.argwhere(self._sources)
            self._found = anywhere[self._random.integers(len(anywhere), size=len(self.places))]

    @cached_property
    def _beside(self) -> list[NDArray[np.int32]]:
        """For each of the jumps the numbers of the patches that lie there; -1 for none."""
        numbers = np.full(self.hole.shape, -1, np.int32)
        numbers[tuple(self.places.T)] = np.arange(len(self.places))
        return [numbers[tuple((self.places + jump).T)] for jump in JUMPS]

    def begin(self, moves: Indices) -> None:
        """Begin with the known patches nearest to where `moves` int64 [n, 2] lead."""
        from scipy.ndimage import distance_transform_edt

        nearest = distance_transform_edt(~self._sources, return_distances=False, return_indices=True)
        self._found = nearest[:, *self._clip(self.places + moves).T].T.astype(np.int64)

    def improve(self, described: Floats) -> None:
        """Look for more similar patches, for all at once (Barnes et al. 2009, section 3.2).

        Args:
            described: see `describe`.
        """
        self._described = described
        self._distances = np.concatenate([self._measure(part, self._found[part]) for part in self._blocks()])
        for number in range(SWEEPS):
            # At first similarity alone counts: what was found before was so by other descriptions, or by chance.
            bonus = np.float32(COHERENCE * np.median(self._distances) if number else 0)
            for numbers, places in self._propose():
                self._try(numbers, self._clip(places), bonus)

    def _blocks(self) -> Iterator[slice]:
        return (slice(start, start + BLOCK) for start in range(0, len(self.places), BLOCK))

    def _propose(self) -> Iterator[tuple[Indices, Indices]]:
        """Numbers of patches, and what to try for them: what suits their neighbours, then anything ever nearer."""
        for jump, beside in zip(JUMPS, self._beside, strict=True):
            (numbers,) = np.nonzero(beside >= 0)
            yield numbers, self._found[beside[numbers]] - jump
        radius = max(self.hole.shape)
        while radius := radius // 2:
            steps = self._random.integers(-radius, radius + 1, self._found.shape)
            yield np.arange(len(steps)), self._found + steps

    def _try(self, numbers: Indices, places: Indices, bonus: np.float32) -> None:
        useful = self._sources[tuple(places.T)] & (places != self._found[numbers]).any(axis=1)
        numbers, places = numbers[useful], places[useful]
        for start in range(0, len(numbers), BLOCK):
            some, there = numbers[start : start + BLOCK], places[start : start + BLOCK]
            distances = self._measure(some, there)
            near = distances < self._distances[some] + len(JUMPS) * bonus  # for speed: the others cannot win
            some, there, distances = some[near], there[near], distances[near]
            gained = bonus * (self._alike(some, there) - self._alike(some, self._found[some]))
            better = distances < self._distances[some] + gained
            self._found[some[better]], self._distances[some[better]] = there[better], distances[better]

    def _alike(self, numbers: Indices, places: Indices) -> Floats:
        """Numbers of neighbours that were found where patches found at these places would lie beside them."""
        count = np.zeros(len(numbers), np.float32)
        for jump, all_beside in zip(JUMPS, self._beside, strict=True):
            beside = all_beside[numbers]
            count += (beside >= 0) & (self._found[beside] == places + jump).all(axis=1)
        return count

    def _measure(self, numbers: Indices | slice, places: Indices) -> Floats:
        difference = self._described[tuple(places.T)] - self._described[tuple(self.places[numbers].T)]
        squared: Floats = np.einsum("nd,nd->n", difference, difference)
        return squared

    def _clip(self, places: Indices) -> Indices:
        clipped: Indices = np.clip(places, 0, np.array(self.hole.shape) - 1)
        return clipped

    def vote(self, picture: Floats) -> Floats:
        """The picture [h, w, 3] with the pixels of the hole as the found patches that overlap there have them."""
        colours, _ = self._mean(picture, (0, 0))
        return np.where(self.hole[..., None], colours, picture)

    def vote_differences(self, picture: Floats, axis: int) -> tuple[Floats, Mask]:
        """What the found patches have as differences of neighbours (Darabi et al. 2012, "Image Melding").

        Args:
            picture: [h, w, 3].
            axis: 0 for pixels below each other, 1 for those side by side.

        Returns:
            (differences, voted): [h, w, 3], from each pixel to the next one along the axis, and bool [h, w], where
            there are any and neither of the two is something else than known or the hole.
        """
        differences, voted = self._mean(picture, (1, 0) if axis == 0 else (0, 1))
        usable = self.hole | self.known
        following = np.zeros_like(usable)
        np.moveaxis(following, axis, 0)[:-1] = np.moveaxis(usable, axis, 0)[1:]
        return differences, voted & usable & following

    def _mean(self, picture: Floats, step: tuple[int, int]) -> tuple[Floats, Mask]:
        """Means of what the found patches have at each pixel, and where there are any.

        That is colours, or with a `step` the difference from each pixel to the one that lies there.
        """
        total, sums = np.zeros(self.hole.shape, np.float32), np.zeros(picture.shape, np.float32)
        ends = [range(-self._reach, self._reach + 1 - length) for length in step]
        for offset in product(*ends):
            middle = np.add(offset, np.divide(step, 2))
            weight = np.float32(np.exp(-np.square(middle).sum() / (2 * VOTE_WIDTH**2)))
            for part in self._blocks():
                at, source = tuple((self.places[part] + offset).T), self._found[part] + offset
                values = picture[tuple(source.T)]
                if any(step):
                    values = picture[tuple((source + step).T)] - values
                share = self._confidence[part] * weight
                total[at] += share  # each pixel is there once
                sums[at] += share[:, None] * values
        voted = total > 0
        sums /= np.where(voted, total, 1)[..., None]
        return sums, voted

    @property
    def moves(self) -> Indices:
        """Rows and columns int64 [n, 2] from each patch to the most similar known one."""
        return self._found - self.places
