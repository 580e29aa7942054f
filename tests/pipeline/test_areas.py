"""Areas of several sizes in one batch: none depends on what it is stacked with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repaint.checkpoints.formats import read_weights
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.noise import PictureNoise
from repaint.pipeline.areas import area_noise, stack_areas
from repaint.pipeline.pipeline import Crop, Pipeline, build_pipeline
from tests.helpers.tiny import SIZE, make_run

CPU = torch.device("cpu")


def build(folder: Path, method: str) -> Pipeline:
    keys = {"method": method, "timestep_respacing": "4", "schedule_jump_params": {}, "refine_from": 1.0}
    config = load_config(Config, make_run(folder, 0, refine="auto", **keys))
    return build_pipeline(config, read_weights(config.model_path), None, CPU)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return build(tmp_path, "langevin")


def area(seed: int, height: int, width: int, *tiles: tuple[int, int]) -> Crop:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    known = np.ones((height, width), bool)
    for top, left in tiles:
        known[top + 4 : top + 12, left + 4 : left + 12] = False
    return Crop(pixels, known, seed, tiles=tiles)


def test_areas_are_padded_to_the_largest() -> None:
    parts = [torch.ones(3, 20, 33), 2 * torch.ones(3, 25, 17)]
    stacked = stack_areas(parts)
    assert stacked.shape == (2, 3, 25, 33)
    for part, whole in zip(parts, stacked, strict=True):
        height, width = part.shape[1:]
        assert torch.equal(whole[:, :height, :width], part)
        assert (whole[:, height:] == 0).all()
        assert (whole[:, :, width:] == 0).all()


def test_an_areas_noise_is_its_own() -> None:
    noise = area_noise([5, 6], [(20, 33), (25, 17)], CPU, None)
    (first, second), (later, _) = noise(), noise()
    alone = PictureNoise([6], (3, 25, 17))
    assert torch.equal(second[:, :, :17], alone()[0])
    assert (second[:, :, 17:] == 0).all()
    assert not torch.equal(first, later)


@pytest.mark.parametrize(("method", "batch_size"), [("langevin", 1), ("langevin", 3), ("repaint", 3), ("dps", 2)])
def test_an_area_does_not_depend_on_what_it_is_stacked_with(tmp_path: Path, method: str, batch_size: int) -> None:
    pipeline = build(tmp_path, method)
    areas = [
        area(1, SIZE + 5, SIZE + 9, (0, 0), (5, 0), (5, 9)),
        area(2, 3 * SIZE, SIZE, (0, 0), (SIZE, 0), (2 * SIZE, 0)),
        area(3, SIZE, SIZE, (0, 0)),
    ]
    together = pipeline.fill(areas, batch_size)
    for number, (crop, filled) in enumerate(zip(areas, together, strict=True)):
        assert filled.shape == (3, *crop.shape)
        (alone,) = pipeline.fill([crop], batch_size)
        assert torch.equal(alone, filled)
        hole = ~torch.from_numpy(crop.known)
        assert filled.isfinite().all()
        assert filled[:, hole].std() > 0.1, number


def test_what_no_tile_sees_does_not_matter(tmp_path: Path) -> None:
    """Not even to a method that compares all known pixels with the estimate."""
    pipeline, crop = build(tmp_path, "dps"), area(1, SIZE, 3 * SIZE, (0, 0))
    changed = crop.pixels.copy()
    changed[:, SIZE:] = 255 - changed[:, SIZE:]
    one, other = (
        pipeline.fill([Crop(pixels, crop.known, 1, tiles=crop.tiles)], 1)[0] for pixels in (crop.pixels, changed)
    )
    assert torch.equal(one[:, :, :SIZE], other[:, :, :SIZE])
    for filled, pixels in ((one, crop.pixels), (other, changed)):
        given = torch.from_numpy(pixels[:, SIZE:]).permute(2, 0, 1) / 127.5 - 1
        torch.testing.assert_close(filled[:, :, SIZE:], given)


def test_there_is_no_seam_between_tiles(pipeline: Pipeline) -> None:
    """A network whose estimates differ by a constant from tile to tile: the fill goes from one to the other."""
    crop = area(1, SIZE, SIZE + 8, (0, 0), (0, 8))
    crop.known[:] = False
    crop.pixels[:] = 128

    def model(tiles: torch.Tensor, _timesteps: torch.Tensor, _y: torch.Tensor | None) -> torch.Tensor:
        tint = torch.arange(len(tiles))[:, None, None, None].expand(-1, 3, SIZE, SIZE) - 0.5  # left -0.5, right 0.5
        state = tiles.clone()
        return torch.cat([state - tint, torch.full_like(state, -1.0)], dim=1)

    (filled,) = replace(pipeline, model=model).fill([crop], 2)
    columns = filled.mean((0, 1))
    rise = (columns[-4:].mean() - columns[:4].mean()).abs()
    assert rise > 3 * columns.diff().abs().max()


def test_network_calls_count_every_batch_of_tiles(pipeline: Pipeline) -> None:
    crop, calls = area(1, SIZE, 2 * SIZE, (0, 0), (0, 8), (0, SIZE)), []
    for batch_size in (1, 2, 3, 4):
        steps: list[int] = []
        pipeline.fill([crop], batch_size, lambda step, steps=steps: steps.append(step.calls))
        calls.append(sum(steps) // pipeline.count_calls(refined=True))
    assert calls == [3, 2, 1, 1]


def test_network_calls_count_references(pipeline: Pipeline) -> None:
    calls, seen, network = [], [], pipeline.model

    def model(x: torch.Tensor, *arguments: object, **attend: object) -> torch.Tensor:
        seen.append(bool(attend))
        return network(x, *arguments, **attend)

    crop = replace(area(1, SIZE, 2 * SIZE, (0, 0), (0, 8), (0, SIZE)), references=2)
    for batch_size in (1, 2, 4):
        steps: list[int] = []
        seen.clear()
        replace(pipeline, model=model).fill([crop], batch_size, lambda step, steps=steps: steps.append(step.calls))
        calls.append(sum(steps) // pipeline.count_calls(refined=True))
        assert seen == [True] * sum(steps)
    assert calls == [3 + 2, 2 + 1, 1 + 1]
