from collections import Counter
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.schedule import (
    NEVER_LIMITED,
    check_times,
    count_network_calls,
    get_schedule_jump,
    get_schedule_passes,
    most_calls,
    restrict_times,
    share_of_calls,
)

limits = st.just(NEVER_LIMITED) | st.integers(0, 40)
all_parameters = st.fixed_dictionaries(
    {
        "t_T": st.integers(1, 40),
        "n_sample": st.integers(1, 3),
        "jump_length": st.integers(1, 12),
        "jump_n_sample": st.integers(1, 3),
        "jump2_length": st.integers(1, 6),
        "jump2_n_sample": st.integers(1, 2),
        "jump3_length": st.integers(1, 3),
        "jump3_n_sample": st.integers(1, 2),
        "start_resampling": limits,
    }
)
one_level = st.fixed_dictionaries(
    {
        "t_T": st.integers(1, 60),
        "jump_length": st.integers(1, 15),
        "jump_n_sample": st.integers(1, 5),
        "start_resampling": limits,
    }
)


def jump_starts(parameters: dict[str, Any]) -> list[int]:
    """From where a single level of jumps leaves: multiples of its length that leave room below T and the limit."""
    t_T, length, limit = (parameters[key] for key in ("t_T", "jump_length", "start_resampling"))
    return [t for t in range(0, t_T, length) if t + length < t_T and t + length <= limit]


def denoised_times(times: list[int]) -> Counter[int]:
    return Counter(before for before, after in pairwise(times) if after < before)


@given(all_parameters)
def test_goes_from_the_last_time_to_the_clean_picture_in_single_steps(parameters: dict[str, Any]) -> None:
    times = get_schedule_jump(**parameters)
    assert times[0] == parameters["t_T"] - 1
    assert times.index(-1) == len(times) - 1
    assert max(times) == times[0]
    assert all(abs(after - before) == 1 for before, after in pairwise(times))


@given(all_parameters)
def test_network_calls_are_the_steps_down(parameters: dict[str, Any]) -> None:
    times = get_schedule_jump(**parameters)
    calls, transitions = count_network_calls(times), len(times) - 1
    assert calls == denoised_times(times).total()
    assert 2 * calls - transitions == parameters["t_T"]  # steps down - steps up


@given(all_parameters)
def test_no_step_up_above_start_resampling(parameters: dict[str, Any]) -> None:
    times = get_schedule_jump(**parameters)
    highest = max((after for before, after in pairwise(times) if after > before), default=0)
    # Jumps end at the limit; the one-step passes of n_sample only start below it, as in the published code.
    assert highest <= parameters["start_resampling"] + (parameters["n_sample"] > 1)


@given(st.integers(1, 100), st.integers(1, 20), limits)
def test_one_pass_is_plain_sampling(t_T: int, length: int, limit: int) -> None:
    times = get_schedule_jump(t_T, jump_length=length, jump_n_sample=1, start_resampling=limit)
    assert times == list(range(t_T - 1, -2, -1))


@given(one_level)
def test_each_stretch_is_denoised_as_often_as_asked(parameters: dict[str, Any]) -> None:
    times = get_schedule_jump(**parameters)
    starts, length, passes = jump_starts(parameters), parameters["jump_length"], parameters["jump_n_sample"]
    repeated = {t for start in starts for t in range(start + 1, start + length + 1)}
    assert denoised_times(times) == {t: passes if t in repeated else 1 for t in range(parameters["t_T"])}
    assert count_network_calls(times) == parameters["t_T"] + (passes - 1) * length * len(starts)


@given(one_level)
def test_jumps_have_their_length_and_start_at_multiples_of_it(parameters: dict[str, Any]) -> None:
    steps = list(pairwise(get_schedule_jump(**parameters)))
    for rises, run in groupby(steps, key=lambda step: step[1] > step[0]):
        if rises:
            jump = list(run)
            assert len(jump) == parameters["jump_length"]
            assert jump[0][0] in jump_starts(parameters)


@given(st.integers(3, 60), st.integers(1, 4), limits)
def test_n_sample_repeats_single_steps(t_T: int, n_sample: int, limit: int) -> None:
    times = get_schedule_jump(t_T, n_sample=n_sample, start_resampling=limit)
    repeated = [t for t in range(t_T - 2) if t <= limit]
    assert count_network_calls(times) == t_T + (n_sample - 1) * len(repeated)


def test_inner_jumps_are_done_again_in_each_outer_pass() -> None:
    inner = {"jump2_length": 2, "jump2_n_sample": 2}
    alone = denoised_times(get_schedule_jump(9, **inner))
    nested = denoised_times(get_schedule_jump(9, jump_length=4, jump_n_sample=2, **inner))
    assert alone == {0: 1} | dict.fromkeys(range(1, 9), 2)
    assert nested == {0: 1} | dict.fromkeys(range(1, 9), 2 * 2)


@pytest.mark.parametrize(
    ("t_T", "length", "passes", "calls", "transitions"),
    [
        (250, 10, 10, 2410, 4570),
        (250, 10, 15, 3610, 6970),
        (250, 10, 5, 1210, 2170),
        (250, 10, 1, 250, 250),
        (100, 10, 10, 910, 1720),
        (50, 10, 10, 410, 770),
        (50, 5, 5, 230, 410),
    ],
)
def test_cost_of_schedules_in_use(t_T: int, length: int, passes: int, calls: int, transitions: int) -> None:
    times = get_schedule_jump(t_T, jump_length=length, jump_n_sample=passes)
    assert count_network_calls(times) == calls
    assert len(times) - 1 == transitions


@given(all_parameters, st.integers(1, 12))
def test_shares_are_the_distribution_of_calls(parameters: dict[str, Any], bins: int) -> None:
    times = get_schedule_jump(**parameters)
    shares = share_of_calls(times, bins)
    assert len(shares) == bins
    assert sum(shares) == pytest.approx(1)
    in_last_bin = sum(n for t, n in denoised_times(times).items() if t >= parameters["t_T"] * (bins - 1) / bins)
    assert shares[-1] == pytest.approx(in_last_bin / count_network_calls(times))


def test_plain_sampling_spreads_its_calls_evenly() -> None:
    assert share_of_calls(get_schedule_jump(50)) == [0.1] * 10


@pytest.mark.parametrize("name", ["t_T", "jump_length", "jump2_length", "jump3_length"])
def test_parameters_below_one_are_errors(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        get_schedule_jump(**({"t_T": 10} | {name: 0}))


@pytest.mark.parametrize("name", ["n_sample", "jump_n_sample", "jump2_n_sample", "jump3_n_sample"])
@given(all_parameters, st.integers(-5, 0))
def test_passes_of_zero_or_less_are_one_as_published(name: str, parameters: dict[str, Any], passes: int) -> None:
    assert get_schedule_jump(**parameters | {name: passes}) == get_schedule_jump(**parameters | {name: 1})
    assert most_calls(parameters["t_T"], parameters | {name: passes}) <= most_calls(parameters["t_T"], parameters)


@given(all_parameters, st.integers(-9, -1))
def test_a_negative_start_allows_no_resampling_as_published(parameters: dict[str, Any], start: int) -> None:
    t_T = parameters["t_T"]
    assert get_schedule_jump(**parameters | {"start_resampling": start}) == list(range(t_T - 1, -2, -1))


@given(one_level)
def test_most_calls_is_a_bound_for_one_level(parameters: dict[str, Any]) -> None:
    assert count_network_calls(get_schedule_jump(**parameters)) <= most_calls(parameters["t_T"], parameters)


@given(st.integers(1, 40), st.integers(1, 6))
def test_equal_passes_are_the_published_jumps_of_one_step(t_T: int, samples: int) -> None:
    passes = [samples] * (t_T - 1) + [1]
    assert get_schedule_passes(passes) == get_schedule_jump(t_T, jump_length=1, jump_n_sample=samples)


@given(st.lists(st.integers(1, 9), max_size=20))
def test_each_level_gets_its_passes(lower: list[int]) -> None:
    passes = [*lower, 1]
    times = get_schedule_passes(passes)
    check_times(times, len(passes))
    landings = Counter(after for before, after in pairwise(times) if 0 <= after < before)
    assert [landings[t] for t in range(len(lower))] == lower
    assert count_network_calls(times) == len(passes) + sum(number - 1 for number in passes)


@pytest.mark.parametrize(
    ("passes", "message"), [([], "from 1 on"), ([0, 1], "from 1 on"), ([1, 2], "only 1 pass at t = 1")]
)
def test_passes_that_cannot_be(passes: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_schedule_passes(passes)


@given(all_parameters)
def test_published_schedules_can_be_followed(parameters: dict[str, Any]) -> None:
    times = get_schedule_jump(**parameters)
    check_times(times, parameters["t_T"])


def test_steps_up_may_be_longer_than_one() -> None:
    check_times([3, 2, 1, 3, 2, 1, 0, 3, 2, 1, 0, -1], 4)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([], "must begin with 3"),
        ([2, 1, 0, -1], "must begin with 3"),
        ([3, 2, 1, 0], "end with -1"),
        ([3, 1, 0, -1], "from 3 to 1 at place 0; steps down are by one"),
        ([3, 2, 2, 1, 0, -1], "from 2 to 2 at place 1"),
        ([3, 2, 4, 3, 2, 1, 0, -1], r"from 2 to 4 at place 1; they stay in 0\.\.3 until -1"),
        ([3, 2, 1, 0, -1, 0, -1], "from -1 to 0 at place 4"),
    ],
)
def test_times_that_cannot_be_followed(times: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_times(times, 4)


@given(all_parameters, st.integers(0, 40))
def test_a_restricted_schedule_can_be_followed_and_keeps_what_lies_below(parameters: dict[str, Any], top: int) -> None:
    times = get_schedule_jump(**parameters)
    top = min(top, max(times))
    restricted = restrict_times(times, top)
    check_times(restricted, top + 1)
    below = [time for time in times if time < top]
    assert [time for time in restricted if time < top] == below
    assert restrict_times(times, max(times)) == times


def test_a_jump_beyond_the_restriction_leads_to_its_top() -> None:
    assert restrict_times([5, 4, 3, 2, 3, 4, 5, 4, 3, 2, 1, 0, -1], 3) == [3, 2, 3, 2, 1, 0, -1]
    assert restrict_times([5, 4, 3, 2, 5, 4, 3, 2, 1, 0, -1], 3) == [3, 2, 3, 2, 1, 0, -1]
    assert restrict_times([3, 2, 1, 0, -1], 0) == [0, -1]
