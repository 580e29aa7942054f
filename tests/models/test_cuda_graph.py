"""The bookkeeping around CUDA graphs, with a recorder that keeps inputs and output as a graph does."""

import pytest
import torch
from torch import Tensor

from repaint.models.cuda_graph import Replay
from repaint.models.shared_attention import SharedAttention
from tests.helpers.networks import pictures, unet


@pytest.mark.parametrize("classes", [None, 5])
@torch.no_grad()
def test_replays_answer_what_the_network_would(recordings: list[tuple[Tensor, ...]], classes: int | None) -> None:
    network = unet(num_classes=classes)
    replay = Replay(network)
    answers, expected = [], []
    for call in range(4):
        x = pictures() + call
        t = torch.tensor(100 * call).expand(len(x))
        y = None if classes is None else (torch.arange(len(x)) + call) % classes
        answers.append(replay(x, t, y))
        expected.append(network(x, t, y))
        x.zero_()  # the caller's memory is no part of the recording
    for answer, wanted in zip(answers, expected, strict=True):  # later replays have not written over earlier answers
        torch.testing.assert_close(answer, wanted)
    assert len(recordings) == 1


@torch.no_grad()
def test_a_timestep_for_each_picture(recordings: list[tuple[Tensor, ...]]) -> None:
    network = unet()
    replay = Replay(network)
    x = pictures()
    for start in (0, 100, 200):
        t = torch.arange(len(x)) + start
        torch.testing.assert_close(replay(x, t), network(x, t))
    assert len(recordings) == 1


@torch.no_grad()
def test_another_shape_is_recorded_anew_once_it_comes_twice(recordings: list[tuple[Tensor, ...]]) -> None:
    network = unet()
    replay = Replay(network)
    x = pictures()
    for batch in (2, 1, 2, 2, 2, 1, 1):
        t = torch.full((batch,), 7)
        torch.testing.assert_close(replay(x[:batch], t), network(x[:batch], t))
    assert [len(inputs[0]) for inputs in recordings] == [2, 1]


def test_gradients_do_not_come_from_a_recording(recordings: list[tuple[Tensor, ...]]) -> None:
    """An `Inpainter` may switch to a method that needs them after it has recorded a call."""
    replay, x, t = Replay(unet()), pictures(), torch.full((1,), 3).expand(len(pictures()))
    with torch.no_grad():
        for _ in range(2):
            replay(x, t)
    replay._recorded = lambda *_tensors: pytest.fail("a recording has no gradients")
    x.requires_grad_()
    assert torch.autograd.grad(replay(x, t).sum(), x)[0].abs().sum() > 0
    assert len(recordings) == 1


@torch.no_grad()
def test_shared_attention_is_not_recorded(recordings: list[tuple[Tensor, ...]]) -> None:
    network = unet()
    replay, x, t = Replay(network), pictures(), torch.full((1,), 3).expand(len(pictures()))
    for _ in range(3):
        answers = []
        for call in (replay, network):
            shared = SharedAttention(1)
            call(x.flip(0), t, attend=shared.keep(len(x)))
            answers.append(call(x, t, attend=shared.attend_to(torch.zeros(len(x), dtype=torch.int64))))
        torch.testing.assert_close(*answers)
    assert not recordings
