import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from repaint.errors import DataError
from repaint.evaluation.hole_crops import COUNT, SIDE, crop_distance, cut_crops
from repaint.evaluation.image_quality import hole_psnr


def known_except(top: int, left: int, shape: tuple[int, int] = (100, 140), side: int = 20) -> np.ndarray:
    known = np.ones(shape, bool)
    known[top : top + side, left : left + side] = False
    return known


def texture(seed: int, shape: tuple[int, int] = (100, 140)) -> np.ndarray:
    """Fine grain on a slope, uint8 [H, W, 3]."""
    grain = gaussian_filter(np.random.default_rng(seed).normal(size=(*shape, 3)), (0.7, 0.7, 0))
    slope = np.linspace(60, 160 + seed, shape[1])[None, :, None]
    return (slope + 30 * grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("top", "left"), [(40, 60), (0, 0), (80, 120)])
def test_crops_show_the_hole(top: int, left: int) -> None:
    known = known_except(top, left)
    picture = np.repeat(np.where(known, 0, 255)[..., None].astype(np.uint8), 3, axis=2)
    crops = cut_crops(picture, known)
    assert crops.shape == (COUNT, SIDE, SIDE, 3)
    assert (crops > 0).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(crops, cut_crops(picture, known))
    inside = (top, left) == (40, 60)
    assert (crops[:, SIDE // 2, SIDE // 2] == 255).all() == inside


def test_small_pictures_have_small_crops() -> None:
    assert cut_crops(np.zeros((23, 90, 3), np.uint8), known_except(3, 3, (23, 90), 5)).shape == (COUNT, 16, 16, 3)
    with pytest.raises(DataError, match="90x7 pixels are too few"):
        cut_crops(np.zeros((7, 90, 3), np.uint8), known_except(0, 0, (7, 90), 5))


def test_right_texture_is_nearer_than_a_blur_with_the_better_psnr() -> None:
    masks = [known_except(10 + 5 * i, 20 + 8 * i, side=40) for i in range(6)]
    truths = [texture(i) for i in range(6)]
    grain, blur = [], []
    for i, (truth, known) in enumerate(zip(truths, masks, strict=True)):
        grain.append(np.where(known[..., None], truth, texture(100 + i)))
        smooth = np.broadcast_to(truth.mean(axis=0, keepdims=True), truth.shape).astype(np.uint8)
        blur.append(np.where(known[..., None], truth, smooth))
    assert hole_psnr(truths[0], blur[0], masks[0]) > hole_psnr(truths[0], grain[0], masks[0]) + 1

    def distance(fills: list[np.ndarray]) -> float:
        true, filled = ([cut_crops(*pair)[:16] for pair in zip(each, masks, strict=True)] for each in (truths, fills))
        return crop_distance(true, filled).mean

    assert distance(truths) == 0
    assert distance(grain) < 0.2 * distance(blur)
