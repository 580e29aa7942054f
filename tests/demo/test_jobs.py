"""Background jobs: progress, stopping, errors."""

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
def inpainter(tmp_path: Path) -> Inpainter:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    settings: dict[str, Any] = {"schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2}, "num_head_channels": 16}
    return Inpainter(path, schedule=None, timestep_respacing="6", image_size=SIZE, device="cpu", **settings)


@pytest.fixture
def calls(inpainter: Inpainter, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for each network call of the inpainter."""
    seen: list[int] = []
    model = inpainter.pipeline.model

    def counted(x: torch.Tensor, timesteps: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        seen.append(len(x))
        return model(x, timesteps, y)

    object.__setattr__(inpainter.pipeline, "model", counted)
    monkeypatch.setattr(jobs, "REPORT_SECONDS", 0)
    yield seen
    assert not [thread for thread in threading.enumerate() if thread.name == "fill"]


def make_job(inpainter: Inpainter, mask: np.ndarray = KNOWN, seed: int = 0, num_samples: int = 1) -> Job:
    return Job(inpainter, PICTURE, mask, seed, num_samples, threading.Event())


def test_a_job_gives_what_the_library_gives(inpainter: Inpainter, calls: list[int]) -> None:
    job = make_job(inpainter, seed=3, num_samples=3)
    updates = list(job.updates())
    expected = inpainter(PICTURE, KNOWN, seed=3, num_samples=3)
    assert [fill.tobytes() for fill in job.fills] == [fill.tobytes() for fill in expected]
    assert updates[-1].done == updates[-1].total == job.calls == len(calls) // 2
    assert [update.done for update in updates] == sorted(update.done for update in updates)
    assert {update.unit for update in updates} == {"network call"}
    first, last = updates[0].preview, updates[-1].preview
    assert first is not None
    assert first.dtype == np.uint8
    assert first.shape == (256 + 4, 3 * 256 + 8, 3)
    assert (first != last).any()
    assert (job.example.pixels == PICTURE).all()


def test_adapting_is_reported_and_done_once(inpainter: Inpainter, calls: list[int]) -> None:
    adapting = inpainter.with_settings(adapt={"steps": 3, "batch_size": 1, "lr": 0.1})
    job = make_job(adapting)
    updates = list(job.updates())
    assert [(update.unit, update.done, update.total) for update in updates[:4]] == [
        *(("training step", step, 3) for step in (1, 2, 3)),
        ("network call", 1, adapting.pipeline.nfe),
    ]
    assert updates[0].preview is None
    (plain,) = inpainter(PICTURE, KNOWN)
    assert job.fills[0].tobytes() != plain.tobytes()
    again = list(make_job(adapting, seed=1).updates())
    assert {update.unit for update in again} == {"network call"}


def test_adapting_can_be_stopped(inpainter: Inpainter, calls: list[int]) -> None:
    job = make_job(inpainter.with_settings(adapt={"steps": 10**6, "batch_size": 1}))
    for update in job.updates():
        assert update.unit == "training step"
        job.stop_requested.set()
    assert job.fills == []
    assert calls == []


def test_stopping_costs_at_most_one_more_network_call(inpainter: Inpainter, calls: list[int]) -> None:
    job = make_job(inpainter)
    at_stop = None
    for update in job.updates():
        if at_stop is None and update.done >= 3:
            job.stop_requested.set()
            at_stop = len(calls)
    assert at_stop is not None
    assert len(calls) <= at_stop + 1 < inpainter.pipeline.nfe
    assert job.fills == []


def test_a_job_that_is_stopped_before_it_begins_does_nothing(inpainter: Inpainter, calls: list[int]) -> None:
    job = make_job(inpainter)
    job.stop_requested.set()
    assert list(job.updates()) == []
    assert calls == []


def test_leaving_the_loop_stops_the_job(inpainter: Inpainter, calls: list[int]) -> None:
    updates = make_job(inpainter).updates()
    next(updates)
    updates.close()  # type: ignore[attr-defined]
    assert len(calls) < inpainter.pipeline.nfe


def test_errors_reach_the_caller(inpainter: Inpainter, calls: list[int]) -> None:
    with pytest.raises(DataError, match="aspect ratio"):
        list(make_job(inpainter, mask=KNOWN[:, :8]).updates())
    object.__setattr__(inpainter.pipeline, "model", lambda x, _t, _y: torch.full_like(x, torch.nan).repeat(1, 2, 1, 1))
    with pytest.raises(DataError, match="not finite"):
        list(make_job(inpainter).updates())
