"""The search for similar patches, against one that compares them all."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from repaint.data import patch_search
from repaint.data.patch_search import PatchSearch, describe
from tests.data.test_windows import holes

SIZE = 5


def noise(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 3), np.float32)


def patches(picture: np.ndarray, middles: np.ndarray, size: int = SIZE) -> np.ndarray:
    reach = size // 2
    cut = [picture[y - reach : y + reach + 1, x - reach : x + reach + 1].ravel() for y, x in middles]
    return np.array(cut)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_distances_of_descriptions_are_mean_squared_differences_of_patches(size: int) -> None:
    """As exact as the principal components: of smooth pictures nearly all is kept, and never more than there is."""
    picture = np.cumsum(np.cumsum(noise((40, 30)) - 0.5, 0), 1).astype(np.float32) / 10
    guide = noise((40, 30), 1) / 50
    described = describe(picture, guide, size, (1, 0.3))
    reach = size // 2
    places = np.argwhere(np.ones((40 - 2 * reach, 30 - 2 * reach))) + reach
    first, second = places[::7], places[3::7][: len(places[::7])]
    first = first[: len(second)]
    found = ((described[tuple(first.T)] - described[tuple(second.T)]) ** 2).sum(1)
    colours = ((patches(picture, first, size) - patches(picture, second, size)) ** 2).sum(1) / size**2
    points = [(y, x) for y in (-reach, 0, reach) for x in (-reach, 0, reach)]
    differences = [((guide[tuple((first + p).T)] - guide[tuple((second + p).T)]) ** 2).sum(1) for p in points]
    exact = colours + 0.3 * np.mean(differences, 0)
    assert (found <= exact * 1.001 + 1e-6).all()
    np.testing.assert_allclose(found.sum(), exact.sum(), rtol=0.1)
    assert not described[:reach].any()
    assert not described[:, -reach:].any()


def test_most_patches_find_the_nearest_and_all_together_are_about_as_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_search, "COHERENCE", 0)
    picture = np.cumsum(np.cumsum(noise((60, 60)) - 0.5, 0), 1).astype(np.float32) / 10
    hole = ~holes(60, 60, [(24, 36, 24, 36)])
    described = describe(picture, np.zeros_like(picture), SIZE, (1, 0))
    search = PatchSearch(hole, ~hole, SIZE)
    for _ in range(3):
        search.improve(described)
    found = search.places + search.moves
    reach = SIZE // 2
    inner = np.argwhere(np.ones((56, 56))) + reach
    known = np.array([p for p in inner if not hole[p[0] - 2 : p[0] + 3, p[1] - 2 : p[1] + 3].any()])
    everything = cdist(described[tuple(search.places.T)], described[tuple(known.T)], "sqeuclidean")
    mine = ((described[tuple(search.places.T)] - described[tuple(found.T)]) ** 2).sum(1)
    assert (mine >= everything.min(1) - 1e-3).all()
    assert (mine <= everything.min(1) * 1.01 + 1e-3).mean() > 0.6
    assert mine.mean() < 1.3 * everything.min(1).mean() < 0.1 * everything.mean()
    assert {tuple(p) for p in found} <= {tuple(p) for p in known}


@pytest.mark.parametrize("rough", [False, True])
def test_neighbours_are_copied_along_where_little_is_lost(rough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise((64, 64))
    if not rough:
        picture = np.cumsum(np.cumsum(picture - 0.5, 0), 1).astype(np.float32) / 10
    hole = ~holes(64, 64, [(24, 40, 24, 40)])
    described = describe(picture, np.zeros_like(picture), SIZE, (1, 0))

    def search(coherence: float) -> tuple[float, float]:
        """Share of neighbours with the same move, and mean squared distance."""
        monkeypatch.setattr(patch_search, "COHERENCE", coherence)
        search = PatchSearch(hole, ~hole, SIZE)
        for _ in range(3):
            search.improve(described)
        found = search.places + search.moves
        distances = ((described[tuple(search.places.T)] - described[tuple(found.T)]) ** 2).sum(1)
        assert not hole[tuple(found.T)].any()
        moves = np.full((64, 64, 2), 1000)
        moves[tuple(search.places.T)] = search.moves
        alike = [(moves[tuple((search.places + step).T)] == search.moves).all(1).mean() for step in ((0, 1), (1, 0))]
        return float(np.mean(alike)), distances.mean()

    (scattered, nearest), (alike, near) = search(0), search(0.5)
    assert scattered < 0.4 < 0.6 < alike
    assert nearest <= near < 1.3 * nearest


def test_only_patches_that_lie_beside_each_other_agree() -> None:
    """All patches come from one place, so that each would agree with any other on its left."""
    hole = ~holes(40, 40, [(10, 18, 10, 18)])
    search = PatchSearch(hole, ~hole, SIZE)
    search.begin(30 - search.places)
    places = search.places + search.moves
    assert (places == 30).all()
    beside = {tuple(place) for place in search.places}
    expected = [(y, x - 1) in beside for y, x in search.places]
    np.testing.assert_array_equal(search._alike(np.arange(len(places)), places + np.array([0, 1])), expected)


def test_each_pixel_of_the_hole_gets_what_its_patches_agree_on() -> None:
    picture, hole = noise((40, 40)), ~holes(40, 40, [(10, 18, 10, 18)])
    search = PatchSearch(hole, ~hole, SIZE)
    search.begin(np.full_like(search.places, 12))
    voted = search.vote(picture)
    np.testing.assert_allclose(voted[10:18, 10:18], picture[22:30, 22:30], atol=1e-6)
    np.testing.assert_array_equal(voted[~hole], picture[~hole])


def test_a_vote_counts_most_in_its_middle_and_near_the_border_of_the_hole() -> None:
    picture, hole = np.zeros((40, 40, 3), np.float32), ~holes(40, 40, [(10, 22, 10, 22)])
    picture[30:, :] = 1
    search = PatchSearch(hole, ~hole, SIZE)
    to_white = search.places[:, 0] >= 16
    search.begin(np.where(to_white[:, None], [18, 0], [-10, 0]))
    column = search.vote(picture)[10:22, 15, 0]
    assert (np.diff(column) >= 0).all()
    assert column[0] == 0
    assert column[-1] == 1
    assert column[5] < 0.5 < column[6]  # rows 15 and 16


def test_what_lies_nearest_is_taken_where_a_move_leads_into_the_hole_or_out_of_the_picture() -> None:
    hole = ~holes(40, 40, [(10, 18, 10, 18)])
    search = PatchSearch(hole, ~hole, SIZE)
    for moves in (np.zeros_like(search.places), np.full_like(search.places, 1000)):
        search.begin(moves)
        for y, x in search.places + search.moves:
            assert 2 <= y < 38
            assert 2 <= x < 38
            assert not hole[y - 2 : y + 3, x - 2 : x + 3].any()


@pytest.mark.parametrize("shape", [(4, 40), (40, 4), (12, 12)])
def test_without_a_wholly_known_patch_there_is_no_search(shape: tuple[int, int]) -> None:
    hole = np.zeros(shape, bool)
    hole[3:-3, 3:-3] = True
    hole[shape[0] // 2, shape[1] // 2] = True
    assert not PatchSearch(hole, ~hole, 9).possible


@pytest.mark.parametrize("axis", [0, 1])
def test_patches_vote_for_how_their_pixels_differ(axis: int) -> None:
    """A constant that they have beyond the colours of the border is no difference."""
    picture, hole = noise((40, 40)), ~holes(40, 40, [(10, 18, 10, 18)])
    other = np.zeros((40, 40), bool)
    other[:, 36:] = True  # neither known nor hole
    picture[20:] += 0.5
    search = PatchSearch(hole, ~hole & ~other, SIZE)
    search.begin(np.full_like(search.places, 12))
    found, voted = search.vote_differences(picture, axis)
    step = np.roll((1, 0), axis)
    for y, x in np.argwhere(hole):
        assert voted[y, x]
        expected = picture[y + 12 + step[0], x + 12 + step[1]] - picture[y + 12, x + 12]
        np.testing.assert_allclose(found[y, x], expected, atol=1e-6)
    assert not voted[:, 35:].any() if axis else not voted[:, 36:].any()
    assert not voted[-1].any()


def test_votes_do_not_vanish_deep_in_a_hole() -> None:
    hole = ~holes(700, 60, [(10, 690, 0, 60)])
    hole[:, :50] = hole.any(1, keepdims=True)
    picture = noise((700, 60))
    voted = PatchSearch(hole, ~hole, 9).vote(picture)
    assert np.isfinite(voted).all()
    assert voted[hole].min() >= 0.0
    assert voted[hole].std() > 0.05
