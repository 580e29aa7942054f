"""Windows around an extended picture: all of the new part, once, from near to far."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from repaint.data.extension_windows import around_picture
from repaint.data.window_order import find_earlier, list_ready, widest_round
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
        assert filled[here].size > 0
        assert not filled[here].any()  # no pixel is filled twice
        assert (binary_dilation(filled)[here]).any()  # it touches what is there
        assert filled[view(window)].any()
        first_row, last_row, first_column, last_column = window.fill
        assert window.top <= first_row < last_row <= window.rows[1]
        assert window.left <= first_column < last_column <= window.columns[1]
        filled[here] = True
    assert filled.all()


@settings(deadline=None, max_examples=60)
@given(st.integers(SIZE, 90), st.integers(SIZE, 90), MARGIN, MARGIN, MARGIN, MARGIN)
def test_from_near_to_far(height: int, width: int, left: int, right: int, top: int, bottom: int) -> None:
    """No window is filled before one that is nearer and shows what it fills; half of each is there before."""
    known, windows = plan(height, width, left, right, top, bottom)
    rows, columns = (np.arange(length) for length in known.shape)
    far = np.maximum(
        np.maximum(top - rows, rows - (top + height - 1)).clip(0)[:, None],
        np.maximum(left - columns, columns - (left + width - 1)).clip(0)[None],
    )
    filled = known.copy()
    nearest = 0
    for window in windows:
        distance = int(far[part(window)].min())
        assert distance >= nearest
        nearest = max(nearest, distance)
        seen = filled[view(window)].sum() + (window.height * window.width - filled[view(window)].size)
        assert seen >= filled[part(window)].size  # at least as much as it fills, what lies outside the canvas aside
        assert window.height == window.width >= SIZE
        filled[part(window)] = True


def test_the_four_sides_go_together_and_the_corners_after_them() -> None:
    known, windows = plan(64, 64, 16, 16, 16, 16)
    earlier = find_earlier(windows, known)
    corners = [
        number for number, window in enumerate(windows) if window.fill[0] in (0, 80) and window.fill[2] in (0, 80)
    ]
    assert len(corners) == 4
    first = list_ready(earlier, set())
    assert len(first) >= 4
    assert not set(first) & set(corners)
    assert corners == list(range(len(windows) - 4, len(windows)))
    assert widest_round(earlier) >= 4


def test_a_far_extension_takes_few_windows() -> None:
    _, windows = plan(50, 50, 500, 0, 0, 0)
    assert len(windows) < 60
    assert windows[0].fill[2:] == (550 - 50 - 25, 500)  # half a window beside the picture


def test_no_margins_no_windows() -> None:
    assert plan(30, 40, 0, 0, 0, 0)[1] == []
