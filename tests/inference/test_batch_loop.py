"""A run that is short of memory goes on with smaller batches."""

from pathlib import Path
from typing import Any

import pytest
import torch

from repaint.pipeline import pipeline
from tests.helpers.command import manifest, run
from tests.helpers.tiny import make_run


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nMore details"), "CUDA out of memory."),
        (MemoryError(), "MemoryError"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), "[enforce fail"),
    ],
)
def test_out_of_memory_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception, detail: str
) -> None:
    def full(*_arguments: object, **_options: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(pipeline, "p_sample_loop", full)
    assert run(make_run(tmp_path)) == 2
    halved, error_line = capsys.readouterr().err.splitlines()
    assert "out of memory with batches of 2: going on with 1" in halved
    assert error_line.startswith("error: out of memory with one picture at a time")
    assert detail in error_line


def test_out_of_memory_halves_the_batch_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, sizes = pipeline.p_sample_loop, []

    def small(reverse_step: Any, diffusion: Any, x0: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        sizes.append(len(x0))
        if len(x0) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return loop(reverse_step, diffusion, x0, *arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", small)
    conf = make_run(tmp_path, 6)
    assert run(conf, "--set", "data.eval.tiny.batch_size=6") == 0
    assert sizes == [6, 3, 2, 2, 2]
    assert "batches of 3: going on with 2" in capsys.readouterr().err
    assert [line["name"] for line in manifest(tmp_path)] == [f"{i:02d}.png" for i in range(6)]
