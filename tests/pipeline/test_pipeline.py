from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.checkpoints.formats import read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.noise import PictureNoise
from repaint.pipeline import pipeline as pipelines
from repaint.pipeline.pipeline import Crop, Pipeline, build_pipeline
from tests.helpers.tiny import SIZE, make_run

PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
KNOWN = np.arange(SIZE)[None] < np.full((SIZE, 1), SIZE // 2)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    config = load_config(Config, make_run(tmp_path))
    return build_pipeline(config, read_weights(config.model_path), None, torch.device("cpu"))


def fill(pipeline: Pipeline, seeds: Sequence[int], batch_size: int) -> Tensor:
    return torch.stack(pipeline.fill([Crop(PIXELS, KNOWN, seed) for seed in seeds], batch_size))


def test_padding_does_not_change_the_fills(pipeline: Pipeline) -> None:
    full, padded = fill(pipeline, [1, 2, 3], 3), fill(pipeline, [1, 2], 3)
    assert padded.shape == (2, 3, SIZE, SIZE)
    torch.testing.assert_close(padded, full[:2], rtol=0, atol=0)
    assert not torch.equal(full[0], full[1])


def test_known_pixels_are_kept(pipeline: Pipeline) -> None:
    (filled,) = fill(pipeline, [1], 1)
    expected = torch.tensor(PIXELS).permute(2, 0, 1) / 127.5 - 1
    known = torch.tensor(KNOWN)
    torch.testing.assert_close(filled[:, known], expected[:, known], rtol=0, atol=1e-6)
    assert not torch.allclose(filled[:, ~known], expected[:, ~known])


def test_a_picture_without_a_hole_is_not_sampled(pipeline: Pipeline) -> None:
    assert pipeline.has_to_fill(KNOWN)
    assert not pipeline.has_to_fill(np.ones_like(KNOWN))


def test_an_area_begins_with_its_own_pixels_noised(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, seen = pipelines.p_sample_loop, []

    def recorded(*arguments: Any, x_t: Tensor | None, **options: Any) -> Tensor:
        seen.append((arguments[4], x_t))
        return loop(*arguments, x_t=x_t, **options)

    monkeypatch.setattr(pipelines, "p_sample_loop", recorded)
    pipeline.fill([Crop(PIXELS, KNOWN, 5, tiles=((0, 0),))], 1)
    fill(pipeline, [5], 1)
    (times, state), (all_times, nothing) = seen
    assert (times, all_times, nothing) == (pipeline.refined.times, pipeline.times, None)
    x0 = torch.tensor(PIXELS).permute(2, 0, 1)[None] / 127.5 - 1
    noise = PictureNoise([5], x0.shape[1:])()
    torch.testing.assert_close(state, pipeline.refined.diffusion.q_sample(x0, times[0], noise), rtol=0, atol=1e-6)
