"""Which squares of an area are references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.data.references import pick_references


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_references_lie_inside_and_the_first_shows_most(more: int, wide: int, count: int, seed: int) -> None:
    known = np.random.default_rng(seed).random((16 + more, 16 + wide)) < 0.5
    found = pick_references(known, 16, count)
    assert len(found) == count
    assert all(0 <= top <= more and 0 <= left <= wide for top, left in found)
    shares = [known[top : top + 16, left : left + 16].sum() for top, left in found]
    if count:
        every = [known[y : y + 16, x : x + 16].sum() for y in range(0, more + 1, 2) for x in range(0, wide + 1, 2)]
        assert shares[0] == max(every)


def test_references_lie_around_the_hole_and_apart() -> None:
    known = np.ones((96, 96), bool)
    known[32:64, 32:64] = False
    found = pick_references(known, 32, 4)
    assert all(known[top : top + 32, left : left + 32].all() for top, left in found)
    for i, (top, left) in enumerate(found):
        assert all(max(abs(top - y), abs(left - x)) >= 20 for y, x in found[:i])


@pytest.mark.parametrize("size", [16, 64])
def test_where_there_is_room_for_one_it_is_taken_again(size: int) -> None:
    assert pick_references(np.zeros((size, size), bool), size, 3) == [(0, 0)] * 3
