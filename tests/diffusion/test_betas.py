import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.diffusion.betas import SCHEDULES, get_named_beta_schedule


@given(st.sampled_from(SCHEDULES), st.integers(21, 4000))
def test_betas_are_growing_probabilities(name: str, steps: int) -> None:
    betas = get_named_beta_schedule(name, steps)
    assert betas.shape == (steps,)
    assert betas.dtype == np.float64
    assert betas.min() > 0
    assert betas.max() < 1
    assert np.all(np.diff(betas) >= 0)


def test_linear_runs_evenly_from_1e_4_to_0_02() -> None:
    betas = get_named_beta_schedule("linear", 1000)
    assert betas[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert np.diff(betas) == pytest.approx((0.02 - 1e-4) / 999)


@given(st.integers(21, 4000))
def test_linear_adds_the_same_noise_in_any_number_of_steps(steps: int) -> None:
    assert get_named_beta_schedule("linear", steps).sum() == pytest.approx(1000 * (1e-4 + 0.02) / 2)


@given(st.integers(1, 2000))
def test_cosine_follows_its_formula_up_to_the_cap(steps: int) -> None:
    betas = get_named_beta_schedule("cosine", steps)
    uncapped = betas < 0.999
    times = np.arange(steps + 1) / steps
    abar = np.cos((times + 0.008) / 1.008 * math.pi / 2) ** 2
    assert np.cumprod(1 - betas)[uncapped] == pytest.approx((abar / abar[0])[1:][uncapped])
    assert betas[-1] == 0.999  # the formula's last beta is 1


def test_errors() -> None:
    with pytest.raises(ValueError, match="unknown noise schedule 'sigmoid'; known are linear, cosine"):
        get_named_beta_schedule("sigmoid", 1000)
    with pytest.raises(ValueError, match="more than 20 diffusion steps, not 20"):
        get_named_beta_schedule("linear", 20)
