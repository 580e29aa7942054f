"""Order of windows: what can be filled together, and that the result does not depend on it."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from repaint.data.conversion import Photo
from repaint.data.examples import Example
from repaint.data.mask_generators import generate_mask
from repaint.data.pairing import Pair
from repaint.data.window_order import (
    FillOrder,
    Size,
    Waiting,
    count_batches,
    count_rounds,
    find_earlier,
    next_batch,
    widest_round,
)
from repaint.data.windows import Window, around_holes
from repaint.inference.batch_loop import BatchLoop, BatchObserver
from repaint.inference.state import FillState

SIZE = 16


def scratch() -> np.ndarray:
    """A mask of 120 x 160 pixels with a long scratch and two spots, one of them beside it."""
    known = np.ones((120, 160), bool)
    known[60:63, 5:150] = False
    known[68:74, 40:46] = False
    known[10:16, 100:106] = False
    return known


def example(known: np.ndarray) -> Example:
    pixels = np.random.default_rng(0).integers(0, 256, (*known.shape, 3), np.uint8)
    return Example(Pair(0, "a.png", "a.png", None), Photo(pixels), known, tuple(around_holes(known, SIZE)))


class Recorder(BatchObserver):
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.done: list[FillState] = []

    def started(self, batch: Any, rounds: int) -> None:
        self.batches.append([task.number for task in batch])

    def finished(self, state: FillState) -> None:
        self.done.append(state)

    def failed(self, state: FillState, reason: str, calls_left: int) -> None:
        raise AssertionError(reason)

    def ran_out_of_memory(self, batch_size: int, reason: str) -> int:
        raise AssertionError(reason)


SIZES: list[int] = []  # of the batches that the network saw


def fill(crops: Any, batch_size: int, _callback: Any) -> torch.Tensor:
    """Stands for the sampler: depends on all that a window shows, and on its seed."""
    SIZES.append(batch_size)
    rows = [np.roll(crop.pixels, (3, 5), (0, 1)).astype(int) + crop.known[..., None] + crop.seed for crop in crops]
    return torch.from_numpy(np.stack(rows) % 256 / 127.5 - 1).permute(0, 3, 1, 2)


def run(known: np.ndarray, batch_size: int, fills: int = 1, shrink: bool = False) -> Recorder:
    pipeline: Any = SimpleNamespace(
        config=SimpleNamespace(image_size=SIZE, seed=0),
        count_calls=lambda refined: 1,
        fill=fill,
        has_to_fill=lambda known: not known.all(),
    )
    recorder, whole = Recorder(), example(known)
    SIZES.clear()
    BatchLoop(pipeline, [FillState(whole, sample) for sample in range(fills)], batch_size, recorder, shrink).run()
    return recorder


@pytest.mark.parametrize("kind", ["scratch", "thick", "thin"])
def test_the_picture_does_not_depend_on_how_many_windows_share_a_batch(kind: str) -> None:
    known = scratch() if kind == "scratch" else generate_mask(kind, 128, 3)
    (alone,), (together,) = run(known, 1).done, run(known, 8).done
    np.testing.assert_array_equal(alone.result().pixels, together.result().pixels)
    assert alone.nfe == together.nfe == len(example(known).windows)


def test_a_scratch_is_filled_in_few_batches() -> None:
    whole = example(scratch())
    assert len(whole.windows) > 10
    rounds = run(scratch(), 100).batches
    assert len(rounds) <= 4
    assert widest_round(whole) == max(map(len, rounds)) >= 5


@pytest.mark.parametrize(("fills", "batch_size"), [(1, 1), (1, 4), (3, 4), (3, 100)])
def test_batches_are_counted_before_they_are_made(fills: int, batch_size: int) -> None:
    recorder = run(scratch(), batch_size, fills)
    assert count_batches([example(scratch())] * fills, batch_size) == (len(recorder.batches), 0)
    assert len(recorder.done) == fills


def test_all_batches_have_one_size() -> None:
    assert set(map(len, run(scratch(), 7, 2).batches)) != {7}
    assert set(SIZES) == {7}


@pytest.mark.parametrize(("fills", "batch_size"), [(1, 1), (1, 6), (3, 7), (1, 100)])
def test_batches_of_one_picture_may_shrink_to_a_few_sizes(fills: int, batch_size: int) -> None:
    counts = [len(batch) for batch in run(scratch(), batch_size, fills, shrink=True).batches]
    assert [min(batch_size, 2 ** math.ceil(math.log2(count))) for count in counts] == SIZES
    assert all(count <= size < 2 * count for count, size in zip(counts, SIZES, strict=True))


def test_windows_wait_for_the_hole_that_they_see() -> None:
    """In both directions: the earlier window must not see the later one's hole filled."""
    known = np.ones((40, 100), bool)
    known[10:12, 10:12] = known[10:12, 50:52] = known[10:12, 90:92] = False
    near = Window(0, 0, 20, 30, (10, 12, 10, 12))
    far = Window(0, 80, 20, 20, (10, 12, 90, 92))
    wide = Window(0, 5, 20, 60, (10, 12, 50, 52))
    assert find_earlier([near, far, wide], known) == [[], [], [0]]
    assert find_earlier([wide, far, near], known) == [[], [], [0]]


def test_a_part_is_ready_when_all_before_it_are_filled() -> None:
    waiting = Waiting(FillOrder([[], [], [0]], 3))
    assert waiting.ready == [0, 1]
    waiting.fill(0)
    assert waiting.ready == [1, 2]
    waiting.fill(1)
    assert (waiting.ready, waiting.left) == ([2], {2})


def test_a_gate_opens_when_all_before_it_are_filled() -> None:
    """Gates are no parts themselves, and may stand behind each other."""
    parts, gates = [[], [], [4, 5], []], [[0, 1], [4]]
    waiting = Waiting(FillOrder([*parts, *gates], len(parts)))
    assert (waiting.ready, waiting.left) == ([0, 1, 3], {0, 1, 2, 3})
    waiting.fill(1)
    assert waiting.ready == [0, 3]
    waiting.fill(0)
    assert (waiting.ready, waiting.left) == ([2, 3], {2, 3})


def test_windows_that_only_share_known_pixels_go_together() -> None:
    known = np.ones((20, 60), bool)
    known[5, 5] = known[5, 40] = False
    windows = [Window(0, 0, 20, 30, (0, 20, 0, 20)), Window(0, 10, 20, 40, (0, 20, 20, 50))]
    assert find_earlier(windows, known) == [[], []]


class Picture:
    """A picture whose parts can all be filled now; areas are rows of tiles of one pixel, unless a height is given."""

    def __init__(self, *parts: int | Size) -> None:
        self.sizes = [part if isinstance(part, Size) else Size(part, bool(part), part) for part in parts]
        self.order = FillOrder([[] for _ in parts], len(parts))

    def size_of(self, part: int) -> Size:
        return self.sizes[part]


def batches_of(batch_size: int, *pictures: Picture) -> list[list[Size]]:
    """The sizes of the parts of each batch."""
    opened: list[list[Size]] = []
    waiting, batches = iter([[*picture.sizes] for picture in pictures]), []
    while batch := next_batch(
        opened,
        waiting,
        lambda fill: [(fill, number) for number in range(len(fill))],
        lambda part: part[0][part[1]],
        batch_size,
    ):
        batches.append([fill[number] for fill, number in batch])
        for fill, number in reversed(batch):
            del fill[number]
    return batches


@pytest.mark.parametrize(
    ("pictures", "batches"),
    [
        ([(4, 3), (2, 1, 4)], [[4, 3, 1], [2, 4]]),  # smaller areas fill what room is left
        ([(5,), (5,)], [[5], [5]]),
        ([(9, 5), (3,)], [[9, 5], [3]]),  # 16 tiles are two batches
        ([(0, 0, 4), (0,)], [[4], [0, 0, 0]]),
        ([(0,) * 9, (3,)], [[0] * 8, [3], [0]]),  # windows are not stacked with areas
    ],
)
def test_areas_share_batches_of_tiles(pictures: list[tuple[int, ...]], batches: list[list[int]]) -> None:
    planned = [Picture(*tiles) for tiles in pictures]
    assert [[size.tiles for size in batch] for batch in batches_of(8, *planned)] == batches
    rounds = [count_rounds([Size(tiles) for tiles in batch], 8) for batch in batches]
    coarse, refined = count_batches(planned, 8)
    assert coarse == sum(number for number, batch in zip(rounds, batches, strict=True) if batch[0] == 0)
    assert refined == sum(number for number, batch in zip(rounds, batches, strict=True) if batch[0] > 0)


def test_references_take_batches_of_their_own_and_areas_without_them_too() -> None:
    areas = [Size(5, 64, 64, 4), Size(1, 64, 64), Size(2, 64, 64, 4)]
    assert batches_of(8, Picture(*areas)) == [[areas[0], areas[2]], [areas[1]]]
    assert count_rounds([areas[0], areas[2]], 8) == 1 + 1 + 1
    assert count_rounds(areas[:1] * 3, 3) == 5 + 2 + 2 + 2
    assert count_batches([Picture(*areas)], 8) == (0, 1 + 1 + 1 + 1)
    assert (areas[0].inputs, areas[1].inputs, Size().inputs) == (9, 1, 1)


SIZE_OF_AREA = st.builds(Size, *[st.integers(*ends) for ends in ((1, 20), (8, 300), (8, 300), (0, 1))])


@given(st.lists(st.lists(SIZE_OF_AREA, min_size=1, max_size=6), min_size=1, max_size=4), st.integers(1, 9))
def test_a_batch_of_areas_is_at_most_twice_as_large_as_they_are(sizes: list[list[Size]], batch_size: int) -> None:
    """A long diagonal scratch beside specks: each speck would take a state of the scratch's size."""
    pictures = [Picture(*picture) for picture in sizes]
    batches = batches_of(batch_size, *pictures)
    assert sorted(size for batch in batches for size in batch) == sorted(size for picture in sizes for size in picture)
    for batch in batches:
        height, width = max(size.height for size in batch), max(size.width for size in batch)
        assert len(batch) * height * width <= 2 * sum(size.height * size.width for size in batch)
        tiles = [size.tiles for size in batch]
        assert -(-sum(tiles) // batch_size) == -(-tiles[0] // batch_size)
        assert len({size.references for size in batch}) == 1
    assert count_batches(pictures, batch_size)[1] == sum(count_rounds(batch, batch_size) for batch in batches)


def test_the_widest_round_counts_windows_and_tiles() -> None:
    picture = Picture(0, 0, 4, 9, 2)
    picture.order = FillOrder([[], [], [0], [0], [1]], 5)
    assert widest_round(picture) == 15
    picture.sizes = [Size()] * 5
    assert widest_round(picture) == 3
