from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep
from repaint.noise import PictureNoise
from repaint.sampler import Step, p_sample_loop
from repaint.schedule import count_network_calls, get_schedule_jump
from tests.helpers.golden_inputs import golden_unet

SHAPE = (3, 16, 16)
STEPS = 6
TIMES = get_schedule_jump(STEPS, jump_length=2, jump_n_sample=2)


class Recorder:
    """In place of a process: notes which operation is asked for, its time and the number of its noise draw.

    Its states are constants: the number of the draw they were made from.
    """

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def q_sample(self, x0: Tensor, t: int, noise: Tensor) -> Tensor:
        return self._note("q_sample", t, noise)

    def q_forward(self, x: Tensor, t: int, s: int, noise: Tensor) -> Tensor:
        return self._note(f"q_forward from {t}", s, noise)

    def reverse_step(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        self.seen = x
        return self._note("reverse step", t, noise), -noise

    def _note(self, name: str, t: int, noise: Tensor) -> Tensor:
        self.events.append((name, t, int(noise.mean())))
        return noise


def record(times: list[int], mask: float = 0.5, **options: Any) -> list[tuple[Any, ...]]:
    recorder, draws = Recorder(), count()
    shape = (1, *SHAPE)
    noise: Callable[[], Tensor] = lambda: torch.full(shape, float(next(draws)))  # noqa: E731
    p_sample_loop(recorder.reverse_step, recorder, torch.zeros(shape), torch.full(shape, mask), times, noise, **options)
    recorder.events.append(("draws", next(draws)))
    return recorder.events


def diffusion() -> GaussianDiffusion:
    return GaussianDiffusion(get_named_beta_schedule("linear", 1000), space_timesteps(1000, str(STEPS)))


def pictures(count: int = 1, seed: int = 0) -> Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def left_half() -> Tensor:
    mask = torch.zeros(1, 1, *SHAPE[1:])
    mask[..., : SHAPE[2] // 2] = 1
    return mask


@pytest.fixture(scope="module")
def network() -> Any:
    return golden_unet("updown_scaleshift")


@pytest.fixture
def sample(network: Any) -> Callable[..., Tensor]:
    """Run the loop on one picture with its left half known, unless told otherwise."""

    def run(
        x0: Tensor | None = None, mask: Tensor | None = None, seeds: tuple[int, ...] = (5,), **options: Any
    ) -> Tensor:
        x0 = pictures(len(seeds)) if x0 is None else x0
        mask = left_half() if mask is None else mask
        noise = options.pop("noise", None) or PictureNoise(seeds, SHAPE)
        process = diffusion()
        eta = options.pop("eta", None)
        step = DDPMStep(process, network) if eta is None else DDIMStep(process, network, eta=eta)
        return p_sample_loop(step, process, x0, mask, options.pop("times", TIMES), noise, **options)

    return run


# Order of operations and of noise draws


def test_operations_their_times_and_their_noise() -> None:
    assert record([2, 1, 2, 1, 0, -1]) == [
        # Draw 0 is the start. The very first step does not merge and does not draw for the known part.
        ("reverse step", 2, 1),
        ("q_forward from 1", 2, 2),
        ("q_sample", 2, 4),  # drawn after the reverse step's noise, used before it; at the level of x_t
        ("reverse step", 2, 3),
        ("q_sample", 1, 6),
        ("reverse step", 1, 5),
        ("q_sample", 0, 8),
        ("reverse step", 0, 7),
        ("draws", 9),
    ]


def test_without_injection_nothing_is_merged_or_drawn_for_it() -> None:
    assert record([2, 1, 2, 1, 0, -1], inject=False) == [
        ("reverse step", 2, 1),
        ("q_forward from 1", 2, 2),
        ("reverse step", 2, 3),
        ("reverse step", 1, 4),
        ("reverse step", 0, 5),
        ("draws", 6),
    ]


def test_merge_takes_the_known_part_where_the_mask_is_one() -> None:
    recorder, draws = Recorder(), count()
    mask = left_half().expand(1, *SHAPE)  # a mask may have three channels
    noise: Callable[[], Tensor] = lambda: torch.full((1, *SHAPE), float(next(draws)))  # noqa: E731
    p_sample_loop(recorder.reverse_step, recorder, pictures(), mask, [1, 0, -1], noise)
    known, unknown = 3.0, 1.0  # the known part's second draw, the state made from the first reverse step's
    assert torch.equal(recorder.seen, mask * known + (1 - mask) * unknown)


# Real runs


def test_known_pixels_are_pasted_unless_told_otherwise(sample: Callable[..., Tensor]) -> None:
    x0, mask = pictures(), left_half()
    pasted, raw = sample(x0), sample(x0, paste_known=False)
    assert torch.equal(pasted, mask * x0 + (1 - mask) * raw)
    known = mask.expand_as(x0) == 1
    assert torch.equal(pasted[known], x0[known])
    assert not torch.equal(raw[known], x0[known])


def test_callback_sees_every_transition(sample: Callable[..., Tensor]) -> None:
    steps: list[Step] = []
    result = sample(callback=steps.append, paste_known=False)
    assert [(step.t, step.s) for step in steps] == list(pairwise(TIMES))
    assert [step.nfe for step in steps] == [count_network_calls(TIMES[: i + 2]) for i in range(len(steps))]
    assert torch.equal(steps[-1].x, result)
    assert torch.equal(steps[-1].x, steps[-1].pred_xstart)  # no noise in the last step
    for before, after in pairwise(steps):
        assert not torch.equal(before.x, after.x)
        assert torch.equal(before.pred_xstart, after.pred_xstart) == (after.s > after.t)  # a step up estimates nothing
    assert all(step.pred_xstart.abs().max() <= 1 for step in steps)


def test_calls_of_a_step_are_counted(sample: Callable[..., Tensor]) -> None:
    steps: list[Step] = []
    sample(callback=steps.append, calls=lambda t: t + 2, times=[5, 4, 5, 4, 3, 2, 1, 0, -1])
    assert [step.calls for step in steps] == [7, 0, 7, 6, 5, 4, 3, 2]
    assert [step.nfe for step in steps] == [7, 7, 14, 20, 25, 29, 32, 34]


def test_a_step_that_knows_the_known_part_ends_with_it_too(sample: Callable[..., Tensor]) -> None:
    x0, mask = pictures(), left_half()
    raw, pasted = sample(x0, inject=False), sample(x0, inject=False, paste_known=True)
    assert torch.equal(pasted, torch.where(mask > 0, x0, raw))


def test_a_picture_does_not_depend_on_its_batch(sample: Callable[..., Tensor]) -> None:
    x0 = pictures(3)
    together = sample(x0, seeds=(4, 5, 6))
    for i in range(3):
        torch.testing.assert_close(sample(x0[i : i + 1], seeds=(4 + i,)), together[i : i + 1], rtol=0, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=0.1)


def test_what_lies_in_the_hole_does_not_matter(sample: Callable[..., Tensor]) -> None:
    x0, mask = pictures(), left_half()
    other_hole = mask * x0 + (1 - mask) * pictures(seed=1)
    assert torch.equal(sample(x0), sample(other_hole))
    other_known = (1 - mask) * x0 + mask * pictures(seed=1)
    hole = (mask == 0).expand_as(x0)
    assert not torch.allclose(sample(x0)[hole], sample(other_known)[hole], atol=1e-2)


def test_nothing_known_is_plain_sampling(sample: Callable[..., Tensor]) -> None:
    nothing, noise = torch.zeros(1, 1, *SHAPE[1:]), PictureNoise([5], SHAPE)()
    merged = sample(
        mask=nothing, noise=lambda: noise
    )  # one draw for all, as the two runs draw different numbers of times
    assert torch.equal(merged, sample(inject=False, noise=lambda: noise))
    assert torch.equal(sample(pictures(seed=1), nothing), sample(pictures(seed=2), nothing))


def test_everything_known_gives_the_picture(sample: Callable[..., Tensor]) -> None:
    x0 = pictures()
    assert torch.equal(sample(x0, torch.ones(1, 1, *SHAPE[1:])), x0)


def test_deterministic_ddim_uses_no_noise_but_the_start(sample: Callable[..., Tensor]) -> None:
    plain = list(range(STEPS - 1, -2, -1))
    start = PictureNoise([5], SHAPE)()

    def run(seed: int, eta: float) -> Tensor:
        later = PictureNoise([seed], SHAPE)
        draws = count()
        noise: Callable[[], Tensor] = lambda: start if next(draws) == 0 else later()  # noqa: E731
        return sample(times=plain, noise=noise, eta=eta, inject=False)

    assert torch.equal(run(1, eta=0.0), run(2, eta=0.0))
    assert not torch.allclose(run(1, eta=1.0), run(2, eta=1.0), atol=1e-2)


def test_result_needs_no_gradient(sample: Callable[..., Tensor]) -> None:
    assert not sample().requires_grad


def test_a_given_state_is_where_it_begins_and_no_noise_is_drawn_for_it() -> None:
    recorder, draws = Recorder(), count()
    shape = (1, *SHAPE)
    noise: Callable[[], Tensor] = lambda: torch.full(shape, float(next(draws)))  # noqa: E731
    state = torch.full(shape, 77.0)
    p_sample_loop(recorder.reverse_step, recorder, torch.zeros(shape), left_half(), [0, -1], noise, x_t=state)
    assert recorder.events == [("reverse step", 0, 0)]
    assert recorder.seen is state
