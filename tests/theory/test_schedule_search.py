"""Designed schedules: their exact distance, and the search for small ones."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.respacing import space_timesteps
from repaint.schedule import get_schedule_jump, get_schedule_passes
from repaint.theory import schedule_search
from repaint.theory.affine import Affine
from repaint.theory.fields import Field
from repaint.theory.gaussian_law import (
    StepLaw,
    conditional_law,
    power_law_covariance,
    relative_distance,
    repaint_law,
)
from repaint.theory.method_laws import LangevinLaw, method_law
from repaint.theory.objective import Objective
from repaint.theory.schedule_search import (
    MOST_STEPS,
    STEP_SIZES,
    STRENGTHS,
    Design,
    LangevinDesign,
    Limits,
    even_design,
    make_loss,
    search,
)

LEVELS = np.cumprod(1 - get_named_beta_schedule("linear", 1000))
SIDE = 8
COVARIANCE = power_law_covariance(SIDE, 3, 0.25)
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def middle(first: int, end: int) -> np.ndarray:
    return (first <= ROWS) & (end > ROWS) & (first <= COLUMNS) & (end > COLUMNS)


MASKS = {
    "half": COLUMNS < SIDE // 2,
    "nn2": (ROWS % 2 == 1) & (COLUMNS % 2 == 1),
    "ex64": middle(3, 5),
    "box": ~middle(2, 6),
}
FIELD = Field(COVARIANCE, tuple(mask.ravel() for mask in MASKS.values()))
OBJECTIVE = Objective([FIELD], LEVELS)


def exact_distance(times: list[int], timesteps: list[int], step: StepLaw) -> float:
    logs = []
    for known in FIELD.masks:
        law = repaint_law(COVARIANCE, known, times, LEVELS[timesteps], step=step).marginal(~known)
        logs.append(
            math.log(relative_distance(law, conditional_law(COVARIANCE, known), COVARIANCE[np.ix_(known, known)]))
        )
    return math.exp(np.mean(logs))


@pytest.mark.parametrize("step", [StepLaw("small"), StepLaw("learned"), StepLaw(eta=0.3)])
def test_the_fast_distance_is_that_of_the_exact_law(step: StepLaw) -> None:
    timesteps, passes = space_timesteps(1000, "power7:1.6"), [9, 1, 4, 2, 1, 3, 1]
    expected = exact_distance(get_schedule_passes(passes), timesteps, step)
    assert OBJECTIVE.distance(timesteps, passes, step) == pytest.approx(expected, rel=1e-9)
    assert OBJECTIVE.distance_of_times(timesteps, get_schedule_passes(passes), step) == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize(
    ("schedule", "calls", "distance"),
    [
        ((50, 5, 5), 230, 0.124),
        (("power30:1.25", [21, 21, 20, 19, 18, 16, 14, 12, 10, 8, 6, 5, 4, 3, 2, 2, 2, *[1] * 13]), 196, 0.017),
        (("power30:1.5", [19, 21, 21, 19, 16, 12, 9, 6, 4, 3, 2, *[1] * 19]), 151, 0.021),
        (("power15:2", [21, 19, 15, 10, 6, 3, 2, *[1] * 8]), 84, 0.038),
        (("power23:1.62", [38, 62, 47, 30, 17, 10, 12, 4, 6, *[1] * 14]), 240, 0.0072),
        (("power13:1.70", [48, 33, 17, 8, 6, *[1] * 8]), 120, 0.0159),
        (("power8:1.97", [31, 16, 8, *[1] * 5]), 60, 0.0398),
    ],
)
def test_known_schedules_have_the_known_distances(schedule: tuple, calls: int, distance: float) -> None:
    """An 8x8 field of spectrum 1/f^3 and standard deviation 0.5; values measured independently, to two digits.

    The paper's schedules are in the table that the command for designs prints.
    """
    if len(schedule) == 3:
        steps, length, samples = schedule
        times, timesteps = get_schedule_jump(steps, 1, length, samples), space_timesteps(1000, str(steps))
    else:
        times, timesteps = get_schedule_passes(schedule[1]), space_timesteps(1000, schedule[0])
    assert sum(after < before for before, after in pairwise(times)) == calls
    assert exact_distance(times, timesteps, StepLaw("learned")) == pytest.approx(distance, rel=0.05)


@given(st.integers(1, 40))
def test_squaring_repeats(times: int) -> None:
    rng = np.random.default_rng(0)
    step = Affine(0.3 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), np.eye(3))
    slowly = step
    for _ in range(times - 1):
        slowly = step.after(slowly)
    fast = step.repeated(times)
    for name in ("matrix", "known_map", "noise"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slowly, name), rtol=1e-8, atol=1e-12)


def test_the_search_finds_what_is_known_to_be_there() -> None:
    """The schedule of 240 calls is found in `tests/commands/test_schedule_design.py`."""
    calls, wanted = 120, 0.0175
    loss = make_loss(OBJECTIVE, "learned")
    reports: list[tuple[int, float]] = []
    found = search(loss, Limits(calls), trials=20, rounds=1, report=lambda done, best: reports.append((done, best)))
    assert found.calls == calls
    assert loss(found) <= wanted
    assert [done for done, _ in reports] == list(range(1, len(reports) + 1))
    assert reports[-1][1] == loss(found)


def test_the_same_seed_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_search, "MOVES", 5)
    first, again, other = (
        search(make_loss(OBJECTIVE, "learned"), Limits(40), trials=10, rounds=1, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


@given(st.integers(0, 200), st.integers(2, 20), st.floats(0, 1), st.integers(0, 3))
def test_designs_keep_within_limits(spare: int, fewest: int, evenness: float, seed: int) -> None:
    limits = Limits(fewest + spare, fewest, evenness, (None, 0.0, 0.5))
    seen: list[Design] = []

    def loss(design: Design) -> float:
        seen.append(design)
        return float(len(design.passes) % 7 + design.passes[0] % 5)

    search(loss, limits, trials=5, rounds=2, seed=seed)
    assert {design.calls for design in seen} == {limits.calls}
    assert min(len(design.passes) for design in seen) >= fewest
    assert max(len(design.passes) for design in seen) <= limits.most_steps <= max(fewest, MOST_STEPS)
    for design in seen:
        assert min(design.passes[:-1]) >= max(1, int(evenness * (limits.calls - 1) / (len(design.passes) - 1)))
    assert {design.passes[-1] for design in seen} == {1}
    assert {design.eta for design in seen} == set(limits.etas)


def test_the_even_design_is_tried() -> None:
    limits = Limits(100, 20)
    assert even_design(limits) == Design(100, (6,) * 4 + (5,) * 15 + (1,))
    assert search(lambda design: 0 if design == even_design(limits) else 1, limits, trials=3) == even_design(limits)


def test_the_kind_of_step_is_searched_too() -> None:
    found = search(lambda design: abs((design.eta or 9) - 0.5), Limits(30, etas=(None, 0.0, 0.5)), trials=3, rounds=1)
    assert found.eta == 0.5


def test_steps_that_fall_together_are_no_design() -> None:
    loss = make_loss(Objective([FIELD], LEVELS[:20]), "learned")
    assert loss(Design(240, (1,) * 15)) == np.inf


# ---------------------------------------------------------------- Langevin's method

SMALL = Objective([Field(COVARIANCE, (MASKS["half"].ravel(),)), Field(2 * COVARIANCE, (MASKS["nn2"].ravel(),))], LEVELS)


def test_the_distance_of_a_langevin_design_is_that_of_its_exact_law() -> None:
    """A pass beyond the first is an inner step of its level."""
    design = Design(150, (4, 1, 3, 2, 1), langevin=LangevinDesign(step_size=80, strength=150))
    timesteps = space_timesteps(1000, "power5:1.5")
    method = LangevinLaw(lambda t: (3, 0, 2, 1, 0)[t], 1.5, 0.8)
    logs = []
    for field in SMALL.fields:
        known = field.masks[0]
        law = method_law(field.covariance, known, [4, 3, 2, 1, 0, -1], LEVELS[timesteps], method, StepLaw("large"))
        truth = conditional_law(field.covariance, known)
        of_known = field.covariance[np.ix_(known, known)]
        logs.append(math.log(relative_distance(law.marginal(~known), truth, of_known)))
    assert make_loss(SMALL, "large")(design) == pytest.approx(math.exp(np.mean(logs)), rel=1e-9)


def test_search_of_langevin_designs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_search, "MOVES", 5)
    limits = Limits(30, 6, langevin=LangevinDesign(400, 100))
    loss, tried = make_loss(SMALL, "small"), []

    def noted(design: Design) -> float:
        tried.append(design)
        return loss(design)

    best = search(noted, limits, trials=12, rounds=1)
    assert loss(best) < 0.9 * loss(even_design(limits))
    assert all(design.calls == 30 for design in tried)
    own = [design.langevin for design in tried if design.langevin is not None]
    assert len(own) == len(tried)
    assert all(STEP_SIZES[0] <= each.step_size <= STEP_SIZES[1] for each in own)
    assert all(STRENGTHS[0] <= each.strength <= STRENGTHS[1] for each in own)
    assert len({each.step_size for each in own}) > 5
    assert len({each.strength for each in own}) > 5
