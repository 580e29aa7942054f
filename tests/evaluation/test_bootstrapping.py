import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.evaluation import bootstrapping
from repaint.evaluation.bootstrapping import Estimate, estimate


@settings(max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_the_interval_holds_the_mean_and_lies_among_the_values(values: list[float]) -> None:
    found = estimate(values)
    assert found == estimate(values)
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack
    assert found.mean == pytest.approx(np.mean(values))


def test_the_interval_is_that_of_a_mean_of_normals() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = estimate(list(values))
    assert found.low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.02)
    assert found.high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.02)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    intervals = [estimate(list(rng.normal(0, 1, 40))) for _ in range(300)]
    assert 0.9 < np.mean([found.low <= 0 <= found.high for found in intervals]) < 0.98


def test_chunks_change_nothing_of_note(monkeypatch: pytest.MonkeyPatch) -> None:
    values = list(np.random.default_rng(0).normal(0, 1, 50))
    whole = estimate(values)
    monkeypatch.setattr(bootstrapping, "CHUNK", 7 * 50)
    assert estimate(values) == whole  # the same draws, some at a time


def test_one_picture_has_no_interval_and_infinities_stay() -> None:
    assert estimate([3]) == Estimate(3.0)
    endless = estimate([math.inf] * 4)
    assert (endless.mean, endless.low, endless.high) == (math.inf, math.inf, math.inf)
    assert estimate([1.0, 2.0, math.inf]).low < math.inf
