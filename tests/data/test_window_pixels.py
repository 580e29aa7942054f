"""Windows far larger than the picture inside, as with `fit: pad` of long pictures: the same pixels in less memory."""

import tracemalloc

import numpy as np
import pytest

from repaint.data import window_pixels
from repaint.data.window_pixels import cut_out_at, hole_at, known_at, paste, shows_known
from repaint.data.windows import Window, padded, whole


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height)
    known = rng.random((height, width)) > 0.01
    known[height // 3 : height // 2, width // 4 : width // 3] = False
    return rng.integers(0, 256, (height, width, 3), np.uint8), known


def everything(pixels: np.ndarray, known: np.ndarray, window: Window, shape: tuple[int, int]) -> list[np.ndarray]:
    filled = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    return [
        *cut_out_at(pixels, known, window, shape),
        known_at(known, window, shape),
        hole_at(known, window, shape),
        paste(pixels, known, window, filled),
    ]


@pytest.mark.parametrize(
    "window",
    [
        padded(300, 700),
        whole(300, 700),
        Window(-50, -90, 400, 400, (0, 300, 0, 250)),
        Window(10, 20, 250, 250, (20, 200, 30, 250)),
        Window(280, 600, 300, 64, (280, 300, 600, 660)),
    ],
)
@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (900, 900), (300, 64), (400, 400)])
@pytest.mark.parametrize("at_once", [1000, 64_000])
def test_strips_give_the_pixels_of_the_whole_window_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, window: Window, shape: tuple[int, int], at_once: int
) -> None:
    pixels, known = picture(300, 700)
    monkeypatch.setattr(window_pixels, "MOST_AT_ONCE", 10**9)
    expected = everything(pixels, known, window, shape)
    monkeypatch.setattr(window_pixels, "MOST_AT_ONCE", at_once)
    for found, one in zip(everything(pixels, known, window, shape), expected, strict=True):
        np.testing.assert_array_equal(found, one)
        assert found.dtype == one.dtype


@pytest.mark.parametrize("size", [(20, 8000), (8000, 20)])
def test_long_pictures_need_no_memory_for_what_surrounds_them(size: tuple[int, int]) -> None:
    pixels, known = picture(*size)
    window = padded(*size)
    tracemalloc.start()
    try:
        everything(pixels, known, window, (16, 16))
        shows_known(known, window, 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8000**2  # a byte for each of its pixels, as a mask has
