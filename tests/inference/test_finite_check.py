import torch

from repaint.inference.finite_check import FiniteCheck
from repaint.sampler import Step


def step(x: torch.Tensor, t: int, nfe: int) -> Step:
    return Step(t, t - 1, nfe, x, x, 1)


def test_the_first_bad_transition_of_each_picture_is_reported() -> None:
    check = FiniteCheck()
    x = torch.ones(3, 3, 2, 2)
    x[1] = -7
    check(step(x, 9, 1))
    x[1, 0, 0, 0] = float("nan")
    check(step(x, 8, 2))
    x[1] = float("inf")
    x[2, :, 0] = -float("inf")
    check(step(x, 7, 3))
    assert check.report(0) is None
    assert check.report(1) == (
        "not finite from transition 2 on (network call 2, t=8): 8.3% of its values; the largest before was 7"
    )
    assert "transition 3 on (network call 3, t=7): 50.0% of its values; the largest before was 1" in str(
        check.report(2)
    )


def test_nothing_seen_nothing_reported() -> None:
    assert FiniteCheck().report(0) is None
