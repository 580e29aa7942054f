from collections.abc import Callable

import numpy as np
import pytest

from repaint.data.mask_generators import generate_mask
from repaint.evaluation.baselines import bicubic, biharmonic, patchmatch, telea
from repaint.evaluation.image_quality import hole_psnr

Y, X = np.mgrid[:32, :32] / 32
SMOOTH = (np.stack([X, Y, 0.5 + 0.3 * np.sin(3 * X + 2 * Y)], axis=-1) * 255).astype(np.uint8)
BOX = generate_mask("box", 32, 0)


@pytest.mark.parametrize("method", [telea, biharmonic, patchmatch])
def test_a_smooth_picture_comes_back(method: Callable) -> None:
    holed = np.where(BOX[..., None], SMOOTH, 77).astype(np.uint8)
    filled = method(holed, BOX)
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(filled[BOX], SMOOTH[BOX])
    assert hole_psnr(SMOOTH, filled, BOX) > hole_psnr(SMOOTH, holed, BOX) + 6
    np.testing.assert_array_equal(filled, method(np.where(BOX[..., None], SMOOTH, 200).astype(np.uint8), BOX))


@pytest.mark.parametrize("kind", ["ev2li", "nn2"])
def test_splines_go_through_the_grid(kind: str) -> None:
    known = generate_mask(kind, 32, 0)
    filled = bicubic(np.where(known[..., None], SMOOTH, 0).astype(np.uint8), known)
    np.testing.assert_array_equal(filled[known], SMOOTH[known])
    assert hole_psnr(SMOOTH, filled, known) > 38  # about one grey level; the border is extrapolated


def test_splines_need_a_grid() -> None:
    with pytest.raises(ValueError, match="regular grid"):
        bicubic(SMOOTH, BOX)


@pytest.mark.parametrize(
    ("method", "library"), [(telea, "cv2"), (biharmonic, "skimage.restoration"), (patchmatch, "patchmatch")]
)
def test_a_missing_library_is_named(method: Callable, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(Exception, match=r"pip install '\.\[evaluation\]'"):
        method(SMOOTH, BOX)
