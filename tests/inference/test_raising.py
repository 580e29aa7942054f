"""Fills of one picture for a caller in the same process: too little memory makes the batches smaller."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.pipeline.pipeline import Pipeline
from tests.commands.test_photo import Photos
from tests.helpers.tiny import read_pixels

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    """A picture and a mask of eight small holes, far from each other."""
    monkeypatch.chdir(tmp_path)
    photos = Photos(tmp_path)
    known = np.full((200, 300), 255, np.uint8)
    for number in range(8):
        top, left = 50 + 100 * (number // 4), 30 + 70 * (number % 4)
        known[top : top + 4, left : left + 4] = 0
    Image.fromarray(known).save("holes.png")
    photos.picture("large.png", (300, 200))
    return photos


def limit(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let batches of more windows run out of memory; returns the sizes that were tried, as they are."""
    fill, sizes = Pipeline.fill, []

    def limited(pipeline: Pipeline, crops: Sequence[Any], batch_size: int, *rest: Any) -> torch.Tensor:
        sizes.append(batch_size)
        if batch_size > most:
            raise torch.OutOfMemoryError("CUDA out of memory.\nMore details")
        return fill(pipeline, crops, batch_size, *rest)

    monkeypatch.setattr(Pipeline, "fill", limited)
    return sizes


def test_the_batch_is_halved_and_nothing_is_lost(
    photos: Photos, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert photos.fill("large.png", "--mask", "holes.png", "--out", "whole.png") == 0
    assert "(3 network calls)" in capsys.readouterr().out
    sizes = limit(monkeypatch, 1)
    assert photos.fill("large.png", "--mask", "holes.png") == 0
    assert sizes == [8, 4, 2, *[1] * 8]
    printed = capsys.readouterr()
    assert "(24 network calls)" in printed.out
    halved = [line for line in printed.err.splitlines() if "out of memory" in line]
    assert len(halved) == 3
    assert "out of memory with batches of 8: going on with 4 (" in halved[0]
    assert "batch_size:" not in printed.err  # there is no such key
    before, after = read_pixels(Path("whole.png")).astype(int), read_pixels(Path("large_filled.png"))
    assert abs(before - after).max() <= 1


def test_later_pictures_start_with_what_fits(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    photos.picture("other.png", (300, 200))
    sizes = limit(monkeypatch, 4)
    assert photos.fill("large.png", "other.png", "--mask", "holes.png") == 0
    assert sizes == [8, 4, 4, 4, 4]


def test_one_window_that_does_not_fit_is_an_error(
    photos: Photos, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limit(monkeypatch, 0)
    assert photos.fill("large.png", "--mask", "holes.png") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: out of memory with one picture at a time (CUDA out of memory.); it takes a smaller")
