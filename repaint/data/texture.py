"""Texture from the picture itself: the fill of a hole, put together anew from patches of what is known around it.

Patch-based completion: every patch that touches the hole looks for the most similar known one, all that overlap vote
for each pixel, and again (Wexler et al. 2007, "Space-Time Completion of Video", section 3). The search is that of
PatchMatch (Barnes et al. 2009). Patches vote for differences of neighbours as well, so that they meet each other and
the border without a seam (Darabi et al. 2012, "Image Melding", section 4). What is new is where it begins and what
holds it: not an empty hole but the diffusion model's fill, whose colours, blurred, the patches have to match as well.
So the model says what belongs where, and the picture what it looks like.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from repaint.data.gradient_domain import Differences, solve_screened_poisson
from repaint.data.masks import Mask
from repaint.data.patch_search import Floats, Indices, PatchSearch, describe
from repaint.data.window_pixels import Pixels
from repaint.data.windows import hole_boxes

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Region = tuple[slice, slice]

GUIDE_BLUR = 8.0  # pixels, standard deviation: smaller details of the fill do not count
GUIDE_WEIGHT = 0.3  # of the blurred fill, against the patches themselves
COLOUR_WEIGHT = 0.1  # of the colours that patches vote for, against the differences of neighbours
FIRST_ROUNDS, ROUNDS = 6, 2  # of search and vote: for a fill, and for one whose patches were found at a coarser size
CELL = 16  # pixels; holes less than about two cells apart are filled together
LEAST_MARGIN = 32  # pixels around a hole that patches come from
MOST_SEARCHED = 4_000_000  # pixels, about 350 bytes each; of larger parts the matches of the size before are kept
NEAR = 3.0  # pixels: a part of the size before whose patches are that near is the same


@dataclass(frozen=True)
class Matches:
    """Where the patches that fill the holes of a picture come from.

    Attributes:
        shape: height and width of the picture.
        places: int64 [n, 2], the middles of the patches that touch a hole.
        moves: int64 [n, 2], rows and columns from there to the middles of the known patches that were copied.
    """

    shape: tuple[int, ...]
    places: Indices
    moves: Indices

    @cached_property
    def _tree(self) -> "KDTree":
        from scipy.spatial import KDTree  # only here: it takes 0.2 s to load

        return KDTree(self.places + 0.5)

    def at(self, places: Indices, shape: tuple[int, ...]) -> Indices | None:
        """Moves [m, 2] of the nearest patches at places [m, 2] of the same picture at another height and width.

        None if all of them are those of other holes.
        """
        scale = np.array(shape) / self.shape
        distances, nearest = self._tree.query((places + 0.5) / scale)
        if distances.min() > NEAR:
            return None
        moves: Indices = np.rint(self.moves[nearest] * scale).astype(np.int64)
        return moves


def copy_texture(
    pixels: Pixels, known: Mask, hole: Mask, size: int, before: Matches | None = None, blur: float = GUIDE_BLUR
) -> tuple[Pixels, Matches | None]:
    """Put the fills of holes together from known patches around them, from as far away as a hole is wide.

    Args:
        pixels: uint8 [h, w, 3], in the holes a fill.
        known: bool [h, w], True = may be copied.
        hole: bool [h, w], True = is replaced; nothing of it is known.
        size: height and width of a patch in pixels, odd, at least 3.
        before: matches of the same picture at a lower resolution.
        blur: of the fill that patches have to match, in pixels.

    Returns:
        (pixels, matches): the picture with its holes replaced, and from where. Holes without a wholly known patch
        around them stay as they are, and so do parts of more than MOST_SEARCHED pixels without matches; if that is all
        of them, `matches` are `before`.
    """
    result, places, moves = pixels.copy(), [], []
    for part, region in _parts(hole):
        corner = np.array([axis.start for axis in region])
        mask = np.zeros_like(hole[region])
        mask[tuple(slice(axis.start - at, axis.stop - at) for axis, at in zip(part, corner, strict=True))] = hole[part]
        search = PatchSearch(mask, known[region], size)
        begun = before.at(search.places + corner, hole.shape) if before is not None and search.possible else None
        searched = mask.size <= MOST_SEARCHED
        if not search.possible or (begun is None and not searched):
            continue
        if begun is not None:
            search.begin(begun)
        result[region] = _fill(result[region], search, size, blur, begun is not None, searched)
        places.append(search.places + corner)
        moves.append(search.moves)
    return result, Matches(hole.shape, np.concatenate(places), np.concatenate(moves)) if places else before


def _fill(pixels: Pixels, search: PatchSearch, size: int, blur: float, begun: bool, searched: bool) -> Pixels:
    from scipy.ndimage import gaussian_filter  # only here: it takes 0.2 s to load

    picture: Floats = np.divide(pixels, 255, dtype=np.float32)
    if searched:
        guide: Floats = gaussian_filter(picture, (blur, blur, 0), mode="nearest")
        if begun:
            picture = search.vote(picture)
        for number in range(ROUNDS if begun else FIRST_ROUNDS):
            # A first fill is a haze, which would look for haze: at first its blurred colours alone count.
            weights = (1, GUIDE_WEIGHT) if begun or number else (0, 1)
            search.improve(describe(picture, guide, size, weights))
            picture = _put_together(picture, search)
    else:
        picture = _put_together(picture, search)
    return np.where(search.hole[..., None], (255 * picture).round(), pixels).astype(np.uint8)


def _put_together(picture: Floats, search: PatchSearch) -> Floats:
    """The picture with the hole as the found patches have it, in its colours and in how they change."""
    down, right = (search.vote_differences(picture, axis) for axis in (0, 1))
    wanted = Differences(down[0], right[0], down[1], right[1])
    blended = solve_screened_poisson(search.vote(picture), search.hole, wanted, COLOUR_WEIGHT)
    colours = picture[search.known]
    return blended.clip(colours.min(axis=0), colours.max(axis=0))  # changes that add up lead to no new colours


def _parts(hole: Mask) -> Iterator[tuple[Region, Region]]:
    """Rectangles that together hold all of a hole, each with the one around it that patches come from."""
    for top, bottom, left, right in hole_boxes(hole, CELL):
        rows, columns = slice(top, bottom), slice(left, right)
        margin = max(LEAST_MARGIN, bottom - top, right - left)
        yield (rows, columns), (_grown(rows, margin, hole.shape[0]), _grown(columns, margin, hole.shape[1]))


def _grown(interval: slice, margin: int, length: int) -> slice:
    return slice(max(0, interval.start - margin), min(length, interval.stop + margin))
