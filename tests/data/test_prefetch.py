import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from repaint.data.pairing import Pair
from repaint.data.prefetch import Prefetcher
from repaint.errors import DataError

PAIRS = [Pair(i, f"{i}.png", f"gt/{i}.png", None) for i in range(6)]


@pytest.fixture
def prefetcher() -> Iterator[Callable[..., Prefetcher]]:
    made = []

    def make(load: Any, depth: int, pairs: list[Pair] = PAIRS) -> Prefetcher:
        made.append(Prefetcher(pairs, load, depth))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_next_pictures_are_read_before_they_are_asked_for(prefetcher: Callable[..., Prefetcher]) -> None:
    begun = {pair: threading.Event() for pair in PAIRS}

    def load(pair: Pair) -> str:
        begun[pair].set()
        return pair.name

    load_next = prefetcher(load, 2)
    assert load_next(PAIRS[0]) == "0.png"
    assert begun[PAIRS[1]].wait(10)
    assert begun[PAIRS[2]].wait(10)
    assert not any(begun[pair].is_set() for pair in PAIRS[3:])


def test_each_is_read_once_and_given_in_any_order(prefetcher: Callable[..., Prefetcher]) -> None:
    read: list[str] = []

    def load(pair: Pair) -> str:
        read.append(pair.name)
        return pair.name

    load_next = prefetcher(load, 3, [pair for pair in PAIRS for _ in range(2)])  # two samples of each
    assert [load_next(pair) for pair in PAIRS] == [pair.name for pair in PAIRS]
    assert sorted(read) == [pair.name for pair in PAIRS]


def test_pictures_that_others_take_are_passed_over(prefetcher: Callable[..., Prefetcher]) -> None:
    load_next = prefetcher(lambda pair: pair.name, 2)
    assert [load_next(PAIRS[i]) for i in (0, 3, 5)] == ["0.png", "3.png", "5.png"]


def test_an_unreadable_picture_fails_when_it_is_asked_for(prefetcher: Callable[..., Prefetcher]) -> None:
    def load(pair: Pair) -> str:
        if pair.index == 1:
            raise DataError("1.png: broken")
        return pair.name

    load_next = prefetcher(load, 5)
    assert load_next(PAIRS[0]) == "0.png"
    with pytest.raises(DataError, match=r"1\.png: broken"):
        load_next(PAIRS[1])
    assert load_next(PAIRS[2]) == "2.png"
