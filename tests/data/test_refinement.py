"""Levels and tiles of windows that are refined: they cover the hole, and leave what is known alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.data.refinement import (
    LEAST_RATIO,
    LEVEL_RATIO,
    RefinedWindow,
    Tile,
    level_shapes,
    order_tiles,
    plan_tiles,
)
from repaint.data.window_order import Waiting, find_earlier
from repaint.data.window_pixels import cut_out, cut_out_at, known_at
from repaint.data.windows import Window, around_holes, cover_with_tiles, padded, tile_step, whole
from tests.data.test_windows import holes, masks

RNG = np.random.default_rng(0)
SIZES = st.sampled_from([8, 16, 32])


def plan(known: np.ndarray, windows: list[Window], size: int, most: int | None = None) -> list[Tile]:
    return list(plan_tiles(windows, find_earlier(windows, known), known, size, most))


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


def test_tiles_at_the_border_of_a_hole_come_first_and_every_other_one_of_them_goes_together() -> None:
    known = holes(400, 400, [(100, 300, 100, 300)])
    tiles = cover_with_tiles(known, 64)
    assert len(tiles) == 25
    inner = [
        tile
        for tile in tiles
        if tile.fill[0] > 100 and tile.fill[1] < 300 and tile.fill[2] > 100 and tile.fill[3] < 300
    ]
    assert min(map(tiles.index, inner)) == 16
    earlier = find_earlier(tiles, known)
    assert sum(not before for before in earlier) >= 6


def test_only_what_the_window_fills_is_refined() -> None:
    known = holes(200, 200, [(40, 140, 40, 140), (40, 140, 170, 190)])
    window = Window(0, 0, 200, 200, (40, 140, 40, 140))
    assert level_shapes(window, 64) == [(113, 113), (200, 200)]
    last = [tile.place for tile in plan(known, [window], 64) if tile.level == 2]
    assert (min(tile.fill[2] for tile in last), max(tile.fill[3] for tile in last)) == (40, 140)


def test_what_windows_before_have_filled_is_not_refined_again() -> None:
    known = holes(300, 300, [(50, 250, 50, 250)])
    first = Window(40, 40, 150, 150, (50, 180, 50, 250))
    second = Window(40, 40, 220, 220, (50, 250, 50, 250))
    tiles = [tile for tile in plan(known, [first, second], 64) if tile.window == 1]
    assert min(tile.place.fill[0] for tile in tiles if tile.level == tiles[-1].level) == 140


def test_windows_and_levels_wait_for_each_other() -> None:
    known = holes(120, 300, [(20, 100, 20, 280)])
    windows = [Window(0, 0, 120, 120, (20, 100, 20, 110)), Window(0, 90, 120, 120, (20, 100, 110, 200))]
    earlier = find_earlier(windows, known)
    assert earlier == [[], [0]]
    tiles = plan(known, windows, 32)
    order = order_tiles(earlier, tiles)
    assert order.parts == 2 + len(tiles)
    numbers: dict[tuple[int, int], list[int]] = {key: [] for key in ((0, 1), (0, 2), (1, 1), (1, 2))}
    for number, tile in enumerate(tiles, 2):
        numbers[tile.window, tile.level].append(number)
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
    assert len({when[number] for number in numbers[0, 2]}) > 1  # tiles that touch wait for each other


def test_levels_at_which_a_speck_is_not_seen_are_left_out() -> None:
    known = holes(8, 3400, [(4, 5, 1700, 1701)])
    windows = [padded(8, 3400)]
    tiles = plan(known, windows, 16)
    levels = [tile.level for tile in tiles]
    assert min(levels) > 1
    assert sorted(set(levels)) == list(range(min(levels), len(level_shapes(windows[0], 16)) + 1))
    waiting = Waiting(order_tiles([[]], tiles))
    filled: list[int] = []
    while waiting.ready:
        (number,) = waiting.ready  # a speck has one tile a level
        filled.append(number)
        waiting.fill(number)
    assert filled == list(range(1 + len(tiles)))


def test_what_comes_after_a_window_without_tiles_waits_for_the_window_itself() -> None:
    """At the only level that is asked for its speck is not seen."""
    known = holes(8, 3400, [(4, 5, 1700, 1701)])
    assert plan(known, [padded(8, 3400)], 16, most=1) == []
    tile = Tile(1, 3, (32, 32), square(16), ())
    assert order_tiles([[], [0]], [tile]).earlier[:3] == [[], [0], [1]]


def test_planning_a_large_hole_takes_little() -> None:
    """What waits for what grows with the number of tiles, not with its square."""
    known = holes(1500, 1500, [(100, 1400, 100, 1400)])
    windows = [Window(0, 0, 1500, 1500, (100, 1400, 100, 1400))]
    tiles = plan(known, windows, 32)
    order = order_tiles(find_earlier(windows, known), tiles)
    assert len(tiles) > 3000
    assert sum(map(len, order.earlier)) < 12 * len(tiles)


# Pixels


@settings(max_examples=60, deadline=None)
@given(masks(), st.sampled_from([8, 16]), st.sampled_from(["window", "pad", "resize"]))
def test_every_hole_pixel_is_refined_once_and_known_ones_are_shown_as_they_are(
    known: np.ndarray, size: int, fit: str
) -> None:
    pixels = RNG.integers(0, 255, (*known.shape, 3), np.uint8)
    covers = {"window": lambda: around_holes(known, size), "pad": lambda: [padded(*known.shape)]}
    windows = covers.get(fit, lambda: [whole(*known.shape)])()[:1]
    tiles = [] if known.all() else plan(known, windows, size)
    if not tiles:
        return
    assert [tile.level for tile in tiles] == sorted(tile.level for tile in tiles)
    assert {tile.level for tile in tiles} == set(range(1, len(level_shapes(windows[0], size)) + 1))
    seen, _ = cut_out(pixels, known, windows[0], size)
    refined = RefinedWindow(np.full_like(seen, 255))
    for level in range(1, tiles[-1].level + 1):
        own = [tile for tile in tiles if tile.level == level]
        truth, truth_known = cut_out_at(pixels, known, windows[0], own[0].shape)
        np.testing.assert_array_equal(known_at(known, windows[0], own[0].shape), truth_known)
        for number, tile in enumerate(own):
            shown, shown_known = refined.cut_out(tile, windows[0], pixels, known)
            rows, columns = slice(*tile.place.rows), slice(*tile.place.columns)
            expected = truth_known[rows, columns]
            np.testing.assert_array_equal(shown[expected], truth[rows, columns][expected])
            assert shown_known[expected].all()
            assert shown.shape == (size, size, 3)
            refined.paste(tile, np.full((size, size, 3), number % 200, np.uint8))
    top, bottom, left, right = windows[0].fill
    if windows[0].height >= size <= windows[0].width:
        rows, columns = slice(top - windows[0].top, bottom - windows[0].top), slice(left - windows[0].left, None)
        part = refined.pixels[rows, columns][:, : right - left]
        hole = ~known[top:bottom, left:right]
        assert (part[hole] < 200).all()
        np.testing.assert_array_equal(part[~hole], pixels[top:bottom, left:right][~hole])


def test_a_tile_begins_with_the_enlarged_fill() -> None:
    known = holes(64, 64, [(16, 48, 16, 48)])
    pixels = np.full((64, 64, 3), 90, np.uint8)
    (tile, *_) = plan(known, [square(64)], 32)
    fill = np.full((32, 32, 3), 90, np.uint8)
    fill[8:24, 8:24] = 200
    shown, _ = RefinedWindow(fill).cut_out(tile, square(64), pixels, known)
    middle = shown[24 - tile.place.top : 28 - tile.place.top, 24 - tile.place.left : 28 - tile.place.left]
    assert middle.shape == (4, 4, 3)
    assert (middle == 200).all()


def test_the_border_of_a_padded_picture_is_not_refined() -> None:
    known = holes(60, 200, [(20, 40, 90, 110)])
    tiles = plan(known, [padded(60, 200)], 32)
    assert [tile.level for tile in tiles] == [1, 2, 3]


@pytest.mark.parametrize("size", [32, 64])
def test_a_window_of_the_networks_size_has_no_tiles(size: int) -> None:
    known = holes(100, 100, [(40, 60, 40, 60)])
    assert plan(known, around_holes(known, size), size) == []


def test_what_a_tile_has_filled_is_known_to_those_after_it_at_its_level_alone() -> None:
    known, pixels = holes(128, 128, [(20, 108, 20, 108)]), np.full((128, 128, 3), 90, np.uint8)
    tiles = plan(known, [square(128)], 32)
    refined = RefinedWindow(np.full((32, 32, 3), 50, np.uint8))
    first, second, *_, last = [tile for tile in tiles if tile.level == 1]
    refined.cut_out(first, square(128), pixels, known)
    refined.paste(first, np.full((32, 32, 3), 200, np.uint8))
    _, seen = refined.cut_out(second, square(128), pixels, known)
    _, alone = RefinedWindow(refined.pixels).cut_out(second, square(128), pixels, known)
    assert seen.sum() > alone.sum()
    assert second.earlier == (0,)
    coarse = refined.pixels[last.place.fill[0], last.place.fill[2]]
    assert (coarse == 50).all()
    (above, *_) = [tile for tile in tiles if tile.level == 2]
    shown, seen = refined.cut_out(above, square(128), pixels, known)
    assert (seen == known[slice(*above.place.rows), slice(*above.place.columns)]).all()
    assert 200 in shown[~seen]
