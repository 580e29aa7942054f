"""Windows around an extended picture: all of the new part, once, from near to far."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from repaint.data.extension_windows import around_picture
from repaint.data.window_order import FillOrder, Size, Waiting, find_earlier, widest_round
from repaint.data.windows import Window

SIZE = 16
MARGIN = st.sampled_from([0, 1, 7, 16, 40, 130]) | st.integers(0, 200)


def plan(height: int, width: int, left: int, right: int, top: int, bottom: int) -> tuple[np.ndarray, list[Window]]:
    """Mask of the canvas, and its windows."""
    known = np.zeros((top + height + bottom, left + width + right), bool)
    known[top : top + height, left : left + width] = True
    return known, around_picture(known.shape, (top, top + height, left, left + width), SIZE)


def part(window: Window) -> tuple[slice, slice]:
    top, bottom, left, right = window.fill
    return slice(top, bottom), slice(left, right)


def view(window: Window) -> tuple[slice, slice]:
    return slice(max(window.top, 0), window.rows[1]), slice(max(window.left, 0), window.columns[1])


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), MARGIN, MARGIN, MARGIN, MARGIN)
def test_each_window_continues_what_is_known_or_filled(
    height: int, width: int, left: int, right: int, top: int, bottom: int
) -> None:
    known, windows = plan(height, width, left, right, top, bottom)
    filled = known.copy()
    for window in windows:
        here = part(window)
        new = ~filled[here]
        assert new.any()
        assert (binary_dilation(filled)[here] & new).any()  # it touches what is there
        assert filled[view(window)].any()
        first_row, last_row, first_column, last_column = window.fill
        assert window.height == window.width <= max(known.shape)
        assert window.top <= first_row < last_row <= window.rows[1]
        assert window.left <= first_column < last_column <= window.columns[1]
        filled[here] = True
    assert filled.all()


@settings(deadline=None, max_examples=60)
@given(st.integers(SIZE, 90), st.integers(SIZE, 90), MARGIN, MARGIN, MARGIN, MARGIN)
def test_from_near_to_far(height: int, width: int, left: int, right: int, top: int, bottom: int) -> None:
    """The nearest pixel that a window fills is no nearer than that of any before it, and each sees enough."""
    known, windows = plan(height, width, left, right, top, bottom)
    rows, columns = (np.arange(length) for length in known.shape)
    far = np.maximum(
        np.maximum(top - rows, rows - (top + height - 1)).clip(0)[:, None],
        np.maximum(left - columns, columns - (left + width - 1)).clip(0)[None],
    )
    filled = known.copy()
    nearest = 0
    for window in windows:
        distance = int(far[part(window)][~filled[part(window)]].min())
        assert distance >= nearest
        nearest = distance
        assert filled[view(window)].mean() >= 0.2
        assert window.height == window.width >= SIZE
        filled[part(window)] = True


def test_the_sides_of_a_shallow_extension_go_together_and_the_corners_after_them() -> None:
    known, windows = plan(200, 200, 8, 8, 8, 8)
    assert {window.height for window in windows} == {6 * 8}
    order = FillOrder(find_earlier(windows, known), len(windows))
    corners = [
        number for number, window in enumerate(windows) if window.fill[0] in (0, 208) and window.fill[2] in (0, 208)
    ]
    assert corners == list(range(len(windows) - 4, len(windows)))
    first = Waiting(order).ready
    assert len(first) >= 8
    assert not set(first) & set(corners)
    picture: Any = SimpleNamespace(order=order, size_of=lambda _part: Size())
    assert widest_round(picture) >= 8


def test_a_deep_extension_is_seen_as_a_whole() -> None:
    _, windows = plan(60, 60, 15, 15, 15, 15)
    assert windows == [Window(0, 0, 90, 90, (0, 90, 0, 90))]
    _, windows = plan(60, 90, 15, 15, 15, 15)
    assert windows == [Window(-15, 0, 120, 120, (0, 90, 0, 120))]
    for height, width in ((4024, 6048), (3264, 4928), (1333, 1999)):  # about 3 to 2
        assert len(plan(height // 8, width // 8, *2 * [width // 32], *2 * [height // 32])[1]) == 1
    _, windows = plan(60, 120, 15, 15, 15, 15)  # two squares, side by side
    assert [(window.left, window.height, window.fill) for window in windows] == [
        (0, 90, (0, 90, 0, 75)), (60, 90, (0, 90, 75, 150)),
    ]  # fmt: skip
    _, windows = plan(60, 120, 30, 0, 0, 0)  # the square at the other end has nothing to fill
    assert windows == [Window(0, 0, 60, 60, (0, 60, 0, 37))]


def test_a_far_extension_grows_ring_by_ring() -> None:
    _, windows = plan(50, 50, 500, 0, 0, 0)
    assert len(windows) == 20  # of half the picture's height each
    assert [window.fill[2] for window in windows] == list(range(475, -1, -25))
    _, windows = plan(50, 50, 500, 500, 500, 500)
    assert [window.height for window in windows[:4]] == [100, 200, 400, 800]
    assert {window.height for window in windows[4:]} == {750}  # what is left is shallow for such a picture
    assert len(windows) < 20


def test_no_margins_no_windows() -> None:
    assert plan(30, 40, 0, 0, 0, 0)[1] == []
