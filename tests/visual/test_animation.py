import io
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repaint.errors import ConfigError
from repaint.sampler import Step
from repaint.schedule import count_network_calls, get_schedule_jump
from repaint.visual.animation import FRAME_SECONDS, Frame, Recorder, draw_frames, encode_animation, require_codec

TIMES = get_schedule_jump(8, jump_length=2, jump_n_sample=3)


def ignore(_: Frame) -> None: ...


def record(frames: int, interval: int = 0, on_snapshot: Callable[[Frame], None] = ignore) -> Recorder:
    """A run whose state has the transition's number in all its pixels, as grey level."""
    recorder = Recorder(TIMES, frames, interval, on_snapshot)
    nfe = 0
    for i, (t, s) in enumerate(pairwise(TIMES), 1):
        nfe += s < t
        x = torch.full((2, 3, 16, 16), i / 127.5 - 1)
        recorder(Step(t, s, nfe, x, -x, int(s < t)))
    return recorder


@given(st.integers(1, len(TIMES) + 5))
def test_frames_are_thinned_evenly_and_end_with_the_last(count: int) -> None:
    frames = record(count).frames
    numbers = [frame.transition for frame in frames]
    assert len(numbers) == min(count, len(TIMES) - 1)
    assert numbers[-1] == len(TIMES) - 1
    steps = np.diff(numbers)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    assert [int(frame.state[0][0, 0, 0]) for frame in frames] == numbers


def test_areas_are_recorded_without_their_padding_and_not_too_large() -> None:
    """Pictures of the network's size are recorded as they are, whatever that is."""
    x = torch.zeros(2, 3, 300, 600)
    step = Step(TIMES[0], TIMES[1], 1, x, x, 1)
    for shapes, expected in ((None, [(300, 600)] * 2), ([(300, 512), (40, 30)], [(150, 256), (40, 30)])):
        recorder = Recorder(TIMES, 1000, 0, ignore, shapes)
        recorder(step)
        (frame,) = recorder.frames
        assert [state.shape[:2] for state in frame.state] == expected
        assert [picture.shape[:2] for picture in frame.pred_xstart] == expected
        shape = (300, 600) if shapes is None else shapes[0]
        pages = draw_frames(recorder.frames, 0, TIMES, np.zeros((*shape, 3), np.uint8))
        assert len({page.shape for page in pages}) == 1


def test_nothing_is_kept_when_off() -> None:
    snapshots: list[Frame] = []
    assert record(0, 0, snapshots.append).frames == snapshots == []


def test_snapshots_follow_network_calls() -> None:
    calls = count_network_calls(TIMES)
    snapshots: list[Frame] = []
    assert record(0, 4, snapshots.append).frames == []
    assert [frame.nfe for frame in snapshots] == list(range(4, calls + 1, 4))


def test_a_page_shows_state_prediction_and_where_in_the_schedule() -> None:
    frames = record(5).frames
    result = np.full((16, 16, 3), 200, np.uint8)
    pages = draw_frames(frames, 1, TIMES, result)
    assert len(pages) == 6
    assert len({page.shape for page in pages}) == 1
    assert all(side % 2 == 0 for side in pages[0].shape[:2])
    for page, frame in zip(pages, frames, strict=False):
        grey = frame.transition
        assert ((page == grey).all(axis=2).sum()) >= 128 * 128
        assert ((page == 255 - grey).all(axis=2).sum()) >= 128 * 128
    assert ((pages[-1] == 200).all(axis=2)).sum() >= 128 * 128
    blue = [(page == [0x1F, 0x5F, 0xA8]).all(axis=2).any(axis=0) for page in pages]
    reach = [int(np.flatnonzero(columns).max()) for columns in blue]
    assert reach == sorted(reach)
    assert reach[0] < reach[-1]


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_files_play(kind: str) -> None:
    pages = draw_frames(record(6).frames, 0, TIMES, np.full((16, 16, 3), 200, np.uint8))
    content = encode_animation(pages, kind)
    shape, count, last = play(content, kind)
    assert shape == pages[0].shape[:2]
    assert count == (7 if kind != "mp4" else 7 + round(2 / FRAME_SECONDS))
    assert np.abs(last.astype(int) - pages[-1]).mean() < 4


def play(content: bytes, kind: str) -> tuple[tuple[int, int], int, np.ndarray]:
    if kind == "mp4":
        av = pytest.importorskip("av")
        with av.open(io.BytesIO(content)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return frames[0].shape[:2], len(frames), frames[-1]
    with Image.open(io.BytesIO(content)) as film:
        assert film.info["loop"] == 0
        film.seek(film.n_frames - 1)
        return film.size[::-1], film.n_frames, np.asarray(film.convert("RGB"))


def test_missing_codec_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ConfigError, match=r"an mp4 animation needs PyAV: pip install '\.\[video\]'"):
        require_codec("mp4")
    require_codec("gif")
