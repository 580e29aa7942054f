import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.respacing import dense_timesteps, respace_betas, space_timesteps

counts_of_steps = st.integers(1, 1000).flatmap(lambda steps: st.tuples(st.integers(1, steps), st.just(steps)))


@given(st.integers(1, 1000))
def test_no_respacing_keeps_every_step(steps: int) -> None:
    assert space_timesteps(steps, "") == space_timesteps(steps, str(steps)) == list(range(steps))


@given(counts_of_steps)
def test_one_count_spreads_evenly_from_end_to_end(count_and_steps: tuple[int, int]) -> None:
    count, steps = count_and_steps
    kept = space_timesteps(steps, str(count))
    assert len(kept) == count
    assert kept[0] == 0
    if count > 1:
        assert kept[-1] == steps - 1
        strides = np.diff(kept)
        assert strides.min() >= 1
        assert strides.max() - strides.min() <= 2  # both ends of a stride are rounded


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(180, 400))
def test_sections_are_respaced_on_their_own(counts: list[int], steps: int) -> None:
    kept = np.array(space_timesteps(steps, ",".join(map(str, counts))))
    sections = np.array_split(np.arange(steps), len(counts))  # the first ones take the remainder, as published
    assert [np.isin(section, kept).sum() for section in sections] == counts
    for section, count in zip(sections, counts, strict=True):
        assert list(kept[np.isin(kept, section)]) == [section[0] + t for t in space_timesteps(len(section), str(count))]


@pytest.mark.parametrize(("respacing", "stride"), [("ddim50", 20), ("ddim250", 4), ("ddim1000", 1), ("ddim1", 1000)])
def test_ddim_has_one_stride(respacing: str, stride: int) -> None:
    assert space_timesteps(1000, respacing) == list(range(0, 1000, stride))


@pytest.mark.parametrize(
    ("respacing", "expected"),
    [
        ("2,0,3", [0, 333, 667, 833, 999]),  # sections of 334, 333 and 333 steps
        ("0,-1,1", [667]),
        ("power5:1", [0, 250, 500, 749, 999]),
        ("power5:2", [0, 62, 250, 562, 999]),
        ("power2:0.5", [0, 999]),
        ("power1000:1", list(range(1000))),
        ("at:0,7,40,999", [0, 7, 40, 999]),
        ("at:3", [3]),
        ("at: 1, 2", [1, 2]),
    ],
)
def test_uneven_steps(respacing: str, expected: list[int]) -> None:
    assert space_timesteps(1000, respacing) == expected


@given(st.integers(2, 60), st.floats(0.3, 1.6))
def test_powers_go_from_end_to_end_and_grow_denser_at_low_noise(count: int, exponent: float) -> None:
    kept = np.array(space_timesteps(100_000, f"power{count}:{exponent:.3f}"))
    assert (kept[0], kept[-1], len(kept)) == (0, 99_999, count)
    strides = np.diff(kept)
    assert strides.min() >= 1
    bends = np.diff(strides) * np.sign(exponent - 1)
    assert bends.min(initial=0) >= -2  # rounding


@pytest.mark.parametrize(
    ("respacing", "message"),
    [
        ("many", "neither '250'"),
        ("10,", "neither '250'"),
        ("2.5", "neither '250'"),
        ("0", "must keep at least one step"),
        ("-3", "must keep at least one step"),
        ("0,0", "must keep at least one step"),
        ("1001", "cannot take 1001 of the 1000 steps"),
        ("10,501", "cannot take 501 of the 500 steps in section 2 of 2"),
        ("ddim", "must be followed by a number"),
        ("ddim50x", "must be followed by a number"),
        ("ddim999", "no integer stride gives 999 of 1000 steps"),
        ("ddim0", "no integer stride gives 0"),
        ("power", "write it as 'power30:1.25'"),
        ("power30", "write it as 'power30:1.25'"),
        ("power1:1", "write it as 'power30:1.25'"),
        ("power30:0", "write it as 'power30:1.25'"),
        ("power30:-1", "write it as 'power30:1.25'"),
        ("power30:nan", "write it as 'power30:1.25'"),
        ("power1001:1", "cannot take 1001 of the 1000 steps"),
        ("power100:3", "fall on the same of the 1000 timesteps; take fewer steps or a smaller exponent"),
        ("at:", "write it as 'at:0,7,40,999'"),
        ("at:1,x", "write it as 'at:0,7,40,999'"),
        ("at:5,5", "the timesteps must rise, and lie in 0..999"),
        ("at:7,3", "the timesteps must rise"),
        ("at:0,1000", "the timesteps must rise, and lie in 0..999"),
    ],
)
def test_errors(respacing: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        space_timesteps(1000, respacing)


@given(st.sampled_from(["linear", "cosine"]), st.sets(st.integers(0, 299), min_size=1))
def test_kept_steps_keep_their_alphas_cumprod(name: str, subset: set[int]) -> None:
    betas = get_named_beta_schedule(name, 300)
    timesteps = sorted(subset)
    respaced = respace_betas(betas, timesteps)
    assert np.cumprod(1 - respaced) == pytest.approx(np.cumprod(1 - betas)[timesteps], rel=1e-9)


def test_all_steps_keep_their_betas() -> None:
    betas = get_named_beta_schedule("linear", 300)
    assert respace_betas(betas, list(range(300))) == pytest.approx(betas, rel=1e-9)


def test_a_kept_step_stands_for_all_it_skips() -> None:
    betas = np.array([0.1, 0.2, 0.3, 0.4])
    assert respace_betas(betas, [0, 3]) == pytest.approx([0.1, 1 - 0.8 * 0.7 * 0.6])


@given(st.integers(1, 1000), st.floats(1, 10), st.data())
def test_dense_timesteps_rise_from_end_to_end(total: int, exponent: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, total))
    steps = dense_timesteps(total, count, exponent)
    assert steps == sorted(set(steps))
    assert len(steps) == count
    assert steps[0] == 0
    assert steps[-1] == (total - 1 if count > 1 else 0)
    even = dense_timesteps(total, count, 1)
    assert all(dense <= step for dense, step in zip(steps, even, strict=True))


def test_dense_timesteps_by_hand() -> None:
    assert dense_timesteps(1000, 15, 2) == [0, 5, 20, 46, 82, 127, 183, 250, 326, 413, 510, 617, 734, 861, 999]
    assert dense_timesteps(100, 5, 1) == [0, 25, 50, 74, 99]
    assert dense_timesteps(10, 8, 3) == [0, 1, 2, 3, 4, 5, 6, 9]
