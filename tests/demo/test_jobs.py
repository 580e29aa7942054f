"""Fills in the background: watched, stopped, and failing in the open."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from repaint import Inpainter
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.demo import jobs
from repaint.demo.jobs import Job
from repaint.errors import DataError
from tests.helpers.tiny import SIZE, tiny_unet

PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")
KNOWN = np.arange(SIZE)[None] < np.full((SIZE, 1), SIZE // 2)


@pytest.fixture
def painter(tmp_path: Path) -> Inpainter:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    settings: dict[str, Any] = {"schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2}, "num_head_channels": 16}
    return Inpainter(path, schedule=None, timestep_respacing="6", image_size=SIZE, device="cpu", **settings)


@pytest.fixture
def calls(painter: Inpainter, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for each network call of the painter."""
    seen: list[int] = []
    model = painter.pipeline.model

    def counted(x: torch.Tensor, timesteps: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        seen.append(len(x))
        return model(x, timesteps, y)

    object.__setattr__(painter.pipeline, "model", counted)
    monkeypatch.setattr(jobs, "PREVIEW_SECONDS", 0)
    yield seen
    assert not [thread for thread in threading.enumerate() if thread.name == "fill"]


def make_job(painter: Inpainter, mask: np.ndarray = KNOWN, seed: int = 0, num_samples: int = 1) -> Job:
    return Job(painter, PICTURE, mask, seed, num_samples, threading.Event())


def test_a_job_gives_what_the_library_gives(painter: Inpainter, calls: list[int]) -> None:
    job = make_job(painter, seed=3, num_samples=3)
    looks = list(job.looks())
    expected = painter(PICTURE, KNOWN, seed=3, num_samples=3)
    assert [fill.tobytes() for fill in job.fills] == [fill.tobytes() for fill in expected]
    assert looks[-1].calls == looks[-1].total == job.calls == len(calls) // 2
    assert [look.calls for look in looks] == sorted(look.calls for look in looks)
    assert looks[0].preview.dtype == np.uint8
    assert looks[0].preview.shape == (256 + 4, 3 * 256 + 8, 3)
    assert (looks[0].preview != looks[-1].preview).any()


def test_stopping_costs_at_most_one_more_network_call(painter: Inpainter, calls: list[int]) -> None:
    job = make_job(painter)
    at_stop = None
    for look in job.looks():
        if at_stop is None and look.calls >= 3:
            job.stopping.set()
            at_stop = len(calls)
    assert at_stop is not None
    assert len(calls) <= at_stop + 1 < painter.pipeline.nfe
    assert job.fills == []


def test_a_job_that_is_stopped_before_it_begins_does_nothing(painter: Inpainter, calls: list[int]) -> None:
    job = make_job(painter)
    job.stopping.set()
    assert list(job.looks()) == []
    assert calls == []


def test_who_looks_away_stops_the_job(painter: Inpainter, calls: list[int]) -> None:
    looks = make_job(painter).looks()
    next(looks)
    looks.close()  # type: ignore[attr-defined]
    assert len(calls) < painter.pipeline.nfe


def test_mistakes_reach_the_one_who_looks(painter: Inpainter, calls: list[int]) -> None:
    with pytest.raises(DataError, match="aspect ratio"):
        list(make_job(painter, mask=KNOWN[:, :8]).looks())
    object.__setattr__(painter.pipeline, "model", lambda x, _t, _y: torch.full_like(x, torch.nan).repeat(1, 2, 1, 1))
    with pytest.raises(DataError, match="not finite"):
        list(make_job(painter).looks())
