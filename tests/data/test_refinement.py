"""Levels, areas and tiles of windows that are refined: they cover the hole, and leave what is known alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.data.refinement import (
    LEAST_RATIO,
    LEVEL_RATIO,
    Area,
    Shape,
    hole_to_fill,
    level_shapes,
    most_central,
    order_areas,
    plan_areas,
)
from repaint.data.window_order import Waiting, find_earlier
from repaint.data.windows import Window, around_holes, cover_with_tiles, padded, tile_step, whole
from tests.data.test_windows import holes, masks

RNG = np.random.default_rng(0)
SIZES = st.sampled_from([8, 16, 32])


def levels(windows: list[Window], size: int, most: int | None = None) -> dict[int, list[Shape]]:
    return {number: shapes for number, window in enumerate(windows) if (shapes := level_shapes(window, size, most))}


def plan(known: np.ndarray, windows: list[Window], size: int, most: int | None = None) -> list[Area]:
    return list(plan_areas(windows, find_earlier(windows, known), known, levels(windows, size, most), size))


def square(side: int) -> Window:
    return Window(0, 0, side, side, (0, side, 0, side))


# Levels


@given(st.integers(8, 3000), st.integers(8, 3000), SIZES)
def test_levels_grow_by_about_two_to_the_windows_own_size(height: int, width: int, size: int) -> None:
    shapes = level_shapes(whole(height, width), size)
    longest = max(height, width)
    assert bool(shapes) == (longest > LEAST_RATIO * size)
    if shapes:
        assert shapes[-1] == (max(height, size), max(width, size))
        sides = [size, *(max(shape) for shape in shapes)]
        ratios = [after / before for before, after in pairwise(sides)]
        assert max(ratios) <= LEVEL_RATIO * LEAST_RATIO + 2 / size
        assert min(min(shape) for shape in shapes) >= size


def test_as_many_levels_as_are_asked_for_at_most() -> None:
    every = level_shapes(square(640), 64)
    assert len(every) == 4
    assert [level_shapes(square(640), 64, most) for most in (0, 1, 4, 9)] == [[], every[:1], every, every]


# Tiles


def test_areas_of_several_tiles_have_references() -> None:
    known = np.ones((300, 300), bool)
    known[100:200, 100:200] = known[290:, 290:] = False
    windows = around_holes(known, 64)
    areas = list(plan_areas(windows, find_earlier(windows, known), known, levels(windows, 64), 64, references=3))
    assert {len(area.tiles) > 1 for area in areas} == {True}
    assert all(area.references == area.size.references == 3 for area in areas)
    speck = np.ones((128, 128), bool)
    speck[60:64, 60:64] = False
    (area,) = plan_areas([square(128)], [[]], speck, levels([square(128)], 64), 64, references=3)
    assert (len(area.tiles), area.references) == (1, 0)


@settings(max_examples=100, deadline=None)
@given(masks(), SIZES)
def test_tiles_cover_the_hole_and_lie_inside(known: np.ndarray, size: int) -> None:
    rest = np.pad(known, ((0, max(0, size - known.shape[0])), (0, max(0, size - known.shape[1]))), constant_values=True)
    for tile in cover_with_tiles(rest, size):
        top, bottom, left, right = tile.fill
        assert (tile.height, tile.width) == (size, size)
        assert min(tile.top, tile.left) >= 0
        assert tile.rows[1] <= rest.shape[0]
        assert tile.columns[1] <= rest.shape[1]
        assert tile.top <= top < bottom <= tile.rows[1]
        assert tile.left <= left < right <= tile.columns[1]
        assert max(bottom - top, right - left) <= tile_step(size)
        assert not rest[top:bottom, left:right].all()  # none is in vain
        rest[top:bottom, left:right] = True
    assert rest.all()


def test_a_hole_is_cut_into_equal_parts() -> None:
    tiles = cover_with_tiles(holes(400, 400, [(100, 300, 100, 301)]), 64)
    fills = {(top, bottom) for top, bottom, _, _ in (tile.fill for tile in tiles)}
    assert fills == {(start, start + 40) for start in range(100, 300, 40)}
    assert len(tiles) == 25


# Areas


def test_tiles_that_touch_are_one_area() -> None:
    """Also if only by way of others: the ends of a long hole do not see each other."""
    known = holes(640, 640, [(20, 60, 20, 600), (300, 500, 300, 500), (60, 64, 590, 594)])
    areas = [area for area in plan(known, [square(640)], 64) if area.level == 4]
    assert [len(area.tiles) for area in areas] == [13, 25]
    for area in areas:
        rows, columns = area.box
        for (top, left), tile in zip(area.corners, area.tiles, strict=True):
            assert (top + rows.start, left + columns.start) == (tile.top, tile.left)
        assert min(top for top, _ in area.corners) == min(left for _, left in area.corners) == 0
        assert max(top for top, _ in area.corners) + 64 == rows.stop - rows.start
    assert areas[1].box == (slice(288, 512), slice(288, 512))


def test_only_what_the_window_fills_is_refined() -> None:
    known = holes(200, 200, [(40, 140, 40, 140), (40, 140, 170, 190)])
    window = Window(0, 0, 200, 200, (40, 140, 40, 140))
    assert level_shapes(window, 64) == [(113, 113), (200, 200)]
    last = [tile for area in plan(known, [window], 64) if area.level == 2 for tile in area.tiles]
    assert (min(tile.fill[2] for tile in last), max(tile.fill[3] for tile in last)) == (40, 140)


def test_what_windows_before_have_filled_is_not_refined_again() -> None:
    known = holes(300, 300, [(50, 250, 50, 250)])
    first = Window(40, 40, 150, 150, (50, 180, 50, 250))
    second = Window(40, 40, 220, 220, (50, 250, 50, 250))
    areas = [area for area in plan(known, [first, second], 64) if area.window == 1]
    assert min(tile.fill[0] for area in areas if area.level == areas[-1].level for tile in area.tiles) == 140


def test_windows_and_levels_wait_for_each_other() -> None:
    known = holes(120, 300, [(50, 100, 20, 280), (0, 4, 0, 4)])
    windows = [Window(0, 0, 120, 120, (0, 100, 0, 110)), Window(0, 90, 120, 120, (50, 100, 110, 200))]
    earlier = find_earlier(windows, known)
    assert earlier == [[], [0]]
    areas = plan(known, windows, 32)
    order = order_areas(earlier, areas)
    assert order.parts == 2 + len(areas)
    numbers: dict[tuple[int, int], list[int]] = {key: [] for key in ((0, 1), (0, 2), (1, 1), (1, 2))}
    for number, area in enumerate(areas, 2):
        numbers[area.window, area.level].append(number)
    waiting = Waiting(order)
    rounds = []
    while waiting.ready:  # no circle
        rounds.append(set(waiting.ready))
        for number in [*waiting.ready]:
            waiting.fill(number)
    assert not waiting.left
    when = {number: at for at, numbers in enumerate(rounds) for number in numbers}
    stages = [[0], numbers[0, 1], numbers[0, 2], [1], numbers[1, 1], numbers[1, 2]]
    for before, after in pairwise(stages):
        assert max(when[number] for number in before) < min(when[number] for number in after)
    assert len({when[number] for number in numbers[0, 2]}) == 1 < len(numbers[0, 2])  # areas do not touch


def test_levels_at_which_a_speck_is_not_seen_are_left_out() -> None:
    known = holes(8, 3400, [(4, 5, 1700, 1701)])
    windows = [padded(8, 3400)]
    areas = plan(known, windows, 16)
    levels = [area.level for area in areas]
    assert min(levels) > 1
    assert sorted(set(levels)) == list(range(min(levels), len(level_shapes(windows[0], 16)) + 1))
    waiting = Waiting(order_areas([[]], areas))
    filled: list[int] = []
    while waiting.ready:
        (number,) = waiting.ready  # a speck has one area a level
        filled.append(number)
        waiting.fill(number)
    assert filled == list(range(1 + len(areas)))


def test_what_comes_after_a_window_without_areas_waits_for_the_window_itself() -> None:
    """At the only level that is asked for its speck is not seen."""
    known = holes(8, 3400, [(4, 5, 1700, 1701)])
    assert plan(known, [padded(8, 3400)], 16, most=1) == []
    area = Area(1, 3, (32, 32), (square(16),))
    assert order_areas([[], [0]], [area]).earlier[:3] == [[], [0], [1]]


def test_refining_waits_for_all_candidates_of_the_window() -> None:
    known = holes(120, 300, [(50, 100, 20, 280)])
    windows = [Window(0, 0, 120, 120, (0, 100, 0, 110)), Window(0, 90, 120, 120, (50, 100, 110, 280))]
    earlier = find_earlier(windows, known)
    assert earlier == [[], [0]]
    areas = plan(known, windows, 32)
    of_window = [{number for number, area in enumerate(areas, 2) if area.window == window} for window in (0, 1)]
    first = 2 + len(areas)
    order = order_areas(earlier, areas, [0, 0, 1])
    assert order.parts == first + 3
    waiting = Waiting(order)
    assert waiting.ready == [0, first, first + 1]
    for number in (first + 1, 0):
        waiting.fill(number)
        assert waiting.ready == sorted({0, first, first + 1} & waiting.left)
    waiting.fill(first)
    while waiting.left & of_window[0]:
        assert set(waiting.ready) <= of_window[0]
        waiting.fill(waiting.ready[0])
    assert waiting.ready == [1, first + 2]
    waiting.fill(1)
    assert waiting.ready == [first + 2]
    waiting.fill(first + 2)
    assert set(waiting.ready) <= of_window[1]


def test_a_window_without_areas_is_waited_for_with_all_its_candidates() -> None:
    assert list(order_areas([[], [0]], [], [0, 0]).earlier) == [[], [0, 2, 3], [], []]


def test_planning_many_holes_takes_little() -> None:
    """What waits for what grows with the number of areas, not with its square."""
    known = holes(1500, 1500, [(y, y + 4, x, x + 4) for y in range(40, 1460, 60) for x in range(40, 1460, 60)])
    windows = [Window(0, 0, 1500, 1500, (0, 1500, 0, 1500))]
    areas = plan(known, windows, 16)
    order = order_areas(find_earlier(windows, known), areas)
    assert len(areas) > 1000
    assert sum(map(len, order.earlier)) < 4 * len(areas)


# Candidates


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1, 3, 255]))
def test_the_most_central_fill_has_the_least_distance_to_all(seed: int, count: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    fills, hole = list(rng.integers(0, most, (count, 4, 3, 3), np.uint8, endpoint=True)), rng.random((4, 3)) < 0.5
    distances = [sum(((one.astype(int) - other)[hole] ** 2).sum() for other in fills) for one in fills]
    assert most_central(fills, hole) is fills[distances.index(min(distances))]


def test_of_fills_that_are_equally_central_the_first_is_taken() -> None:
    fills = [np.full((2, 2, 3), value, np.uint8) for value in (0, 255, 255, 0)]
    for hole in (np.ones((2, 2), bool), np.zeros((2, 2), bool)):
        assert most_central(fills, hole) is fills[0]
        assert most_central(fills[1:3], hole) is fills[1]


def test_the_hole_that_a_window_fills_ends_with_the_picture_and_with_its_part() -> None:
    known = holes(20, 40, [(0, 20, 10, 40)])
    hole = hole_to_fill(known, Window(-10, 0, 40, 40, (0, 20, 20, 40)), (20, 20))
    np.testing.assert_array_equal(hole, ~holes(20, 20, [(5, 15, 10, 20)]))


# Pixels


def test_the_border_of_a_padded_picture_is_not_refined() -> None:
    known = holes(60, 200, [(20, 40, 90, 110)])
    areas = plan(known, [padded(60, 200)], 32)
    assert [(area.level, len(area.tiles)) for area in areas] == [(1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize("size", [32, 64])
def test_a_window_of_the_networks_size_has_no_areas(size: int) -> None:
    known = holes(100, 100, [(40, 60, 40, 60)])
    assert plan(known, around_holes(known, size), size) == []
