import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from repaint.evaluation.seams import seam


def photograph(seed: int = 0) -> np.ndarray:
    """Soft structures of any direction, uint8 [80, 90, 3]."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(80, 90, 3)), (2, 2, 0))
    return (128 + 300 * noise).clip(0, 255).astype(np.uint8)


def disc() -> np.ndarray:
    y, x = np.mgrid[:80, :90]
    return (y - 40) ** 2 + (x - 45) ** 2 > 20**2


def fill(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The photograph with a hole that shows `pixels`."""
    return np.where(known[..., None], photograph(), pixels).astype(np.uint8)


def test_the_truth_has_no_seam() -> None:
    assert seam(photograph(), photograph(), disc()) == 1


@pytest.mark.parametrize("known", [disc(), ~disc(), np.tile(np.arange(90) < 45, (80, 1))])
def test_a_step_of_light_is_a_seam_and_more_so_the_larger_it_is(known: np.ndarray) -> None:
    values = [seam(photograph(), fill(photograph().clip(0, 255 - step) + step, known), known) for step in (0, 10, 30)]
    assert values[0] == pytest.approx(1, abs=0.02)
    assert values == sorted(values)
    assert values[2] > 2.5


def test_another_content_that_does_not_fit_is_a_seam() -> None:
    value = seam(photograph(), fill(photograph(1), disc()), disc())
    assert value is not None
    assert value > 2


def test_a_change_away_from_the_border_is_none() -> None:
    y, x = np.mgrid[:80, :90]
    middle = (y - 40) ** 2 + (x - 45) ** 2 < 15**2
    assert seam(photograph(), fill(photograph(), disc()) + np.uint8(9) * middle[..., None], disc()) == 1


def test_by_hand() -> None:
    """Two columns of a step 3 across, and steps 1 along each: 3 in the truth, and 6 where the hole is 3 lighter."""
    truth = np.repeat((np.arange(4)[:, None] + np.array([[0, 3]]))[..., None], 3, axis=2).astype(np.uint8)
    known = np.array([[True, False]] * 4)
    lighter = truth + np.array([0, 3], np.uint8)[None, :, None]
    assert seam(truth, lighter, known) == pytest.approx(2)


def test_nothing_to_compare_with() -> None:
    flat = np.full((80, 90, 3), 7, np.uint8)
    assert seam(flat, photograph(), disc()) is None
    assert seam(photograph(), flat, disc()) is None
    assert seam(photograph(), photograph(), np.zeros((80, 90), bool)) is None
