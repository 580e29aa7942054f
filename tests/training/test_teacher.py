from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.config.loading import load_config
from repaint.config.training import TrainConfig
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.errors import ConfigError
from repaint.training import teacher
from repaint.training.teacher import (
    TRUTH_WEIGHT,
    WINDOWS,
    Guide,
    Teacher,
    cut_windows,
    draw_corners,
    mean_of_others,
    region_size,
)
from repaint.training.trainer import Trainer
from repaint.workers.worker import single_worker
from tests.helpers.tiny import SIZE, tiny_unet, write_pictures
from tests.helpers.training import log, train, weights, write_training

SIDE = region_size(SIZE)
REGION = (SIDE, SIDE)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def process(correct_mean: bool = False) -> GaussianDiffusion:
    betas = get_named_beta_schedule("linear", 100)
    return GaussianDiffusion(betas, mean_type="v", variance_type="fixed_small", correct_mean=correct_mean)


def code_of_places() -> Tensor:
    """A speck near the middle of the upper edge: what a network adds wherever a window lies."""
    code = torch.zeros(1, 3, SIZE, SIZE)
    code[:, :, 2:4, 7:9] = 1.0
    return code


# Windows


def test_windows_reach_every_side_of_a_region() -> None:
    corners = draw_corners(500, SIDE - SIZE, generator())
    assert corners.shape == (500, WINDOWS, 2)
    assert corners.amin() == 0
    assert corners.amax() == SIDE - SIZE


def test_what_windows_agree_on_is_their_mean() -> None:
    regions = torch.randn(5, 3, *REGION, generator=generator())
    corners = draw_corners(5, SIDE - SIZE, generator())
    windows = cut_windows(regions, corners, SIZE)
    means, shared = mean_of_others(windows, corners, SIDE)
    assert shared.mean() > 0.5
    torch.testing.assert_close(means, windows * shared)


def test_the_mean_is_that_of_the_other_windows() -> None:
    predictions = torch.randn(2 * WINDOWS, 2, SIZE, SIZE, generator=generator())
    corners = draw_corners(2, SIDE - SIZE, generator())
    means, shared = mean_of_others(predictions, corners, SIDE)
    for window in range(len(predictions)):
        region, own = divmod(window, WINDOWS)
        for row, column in ((0, 0), (3, 12), (SIZE - 1, SIZE - 1), (8, 8)):
            place = corners[region, own] + torch.tensor([row, column])
            found = []
            for other in set(range(WINDOWS)) - {own}:
                y, x = (place - corners[region, other]).tolist()
                if 0 <= y < SIZE and 0 <= x < SIZE:
                    found.append(predictions[region * WINDOWS + other, :, y, x])
            assert shared[window, 0, row, column] == bool(found)
            expected = torch.stack(found).mean(0) if found else torch.zeros(2)
            torch.testing.assert_close(means[window, :, row, column], expected)


# Objective


def test_a_student_that_agrees_with_a_teacher_without_places_has_the_usual_loss_alone() -> None:
    def model(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
        return 0.5 * x

    regions = torch.rand(3, 3, *REGION, generator=generator()) * 2 - 1
    noise = torch.randn(regions.shape, generator=generator())
    loss = Teacher(model, "", SIZE).losses(process(), model, regions, torch.tensor([3, 50, 99]), noise, generator())
    assert loss.total.shape == (3 * WINDOWS,)
    torch.testing.assert_close(loss.total, TRUTH_WEIGHT * loss.mse)


def test_the_mean_colour_of_a_teacher_is_corrected_like_the_students(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "TRUTH_WEIGHT", 0.0)
    regions = torch.rand(2, 3, *REGION, generator=generator()) * 2 - 1
    noise = torch.randn(regions.shape, generator=generator())
    student, pale = (lambda x, timesteps, y: 0.5 * x, lambda x, timesteps, y: 0.5 * x + 0.3)
    t = torch.tensor([1, 5])
    distances = [
        Teacher(pale, "", SIZE).losses(process(each), student, regions, t, noise, generator()).total.mean()
        for each in (False, True)
    ]
    assert distances[0] == pytest.approx(0.09, rel=1e-4)
    assert distances[1] < 0.01


def test_a_guided_teacher_leaves_the_weaker_model_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "TRUTH_WEIGHT", 0.0)
    regions = torch.rand(2, 3, *REGION, generator=generator()) * 2 - 1
    noise = torch.randn(regions.shape, generator=generator())
    strong, weak, expected = (lambda x, timesteps, y, factor=factor: factor * x for factor in (0.5, 0.3, 0.6))
    guided = Teacher(strong, "", SIZE, guide=Guide(weak, 0.5, below=0.7))
    t = torch.tensor([69, 70])  # of 100 steps: the second lies above
    for student, distances in ((expected, [0.0, 0.01]), (strong, [0.01, 0.0])):
        loss = guided.losses(process(), student, regions, t, noise, generator())
        assert loss.total.reshape(2, -1).mean(1).tolist() == pytest.approx(distances, rel=0.2, abs=1e-9)


def test_a_speck_that_depends_on_the_place_is_unlearned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "TRUTH_WEIGHT", 0.0)
    speck = code_of_places()
    learned = torch.nn.Parameter(speck.clone())
    objective = Teacher(lambda x, timesteps, y: speck.expand_as(x), "", SIZE)
    regions = torch.zeros(8, 3, *REGION)  # and no noise: the speck is all there is
    optimiser = torch.optim.SGD([learned], 20.0)
    draws = generator()
    for _ in range(150):
        t = torch.full((8,), 99)
        loss = objective.losses(
            process(), lambda x, timesteps, y: learned.expand_as(x), regions, t, torch.zeros_like(regions), draws
        )
        optimiser.zero_grad()
        loss.total.mean().backward()
        optimiser.step()
    spread = learned.detach().amax() - learned.detach().median()
    assert spread < 0.3


# Training


def write_teacher(folder: Path) -> Path:
    """Weights with the process that they were trained with."""
    path = folder / "teacher.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet().state_dict(), {"process": {"noise_schedule": "linear"}}))
    return path


def test_a_training_with_a_teacher_in_pieces_equals_one_at_once(tmp_path: Path) -> None:
    path = str(write_teacher(tmp_path))
    for name in ("once", "pieces"):
        write_pictures(tmp_path / name / "large", 10, REGION)
        conf = write_training(
            tmp_path / name,
            steps=3,
            teacher_path=path,
            init_path=path,
            data_path=str(tmp_path / name / "large"),
        )
        if name == "pieces":
            assert train(conf, "--stop", "2") == 0
        assert train(conf) == 0
    assert [line["loss"] for line in log(tmp_path / "pieces")] == [line["loss"] for line in log(tmp_path / "once")]
    expected, found = weights(tmp_path / "once"), weights(tmp_path / "pieces")
    assert [key for key in expected if not torch.equal(expected[key], found[key])] == []
    assert any(not torch.equal(value, found[key]) for key, value in tiny_unet().state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, f"has {SIZE}x{SIZE} pixels; with teacher_path pictures need {SIDE} on each side"),
        ({"batch_size": 6}, "batch_size 6 is not divisible by 4 windows of a picture x 1 processes"),
        ({"teacher_path": "nowhere.pt"}, "nowhere.pt: no such weights file"),
        ({"guide_path": "nowhere.pt"}, "nowhere.pt: no such weights file"),
        ({"guide_path": "."}, "guide_path .: a model of diffusers; it can be run, but nothing is trained with it"),
        ({"guide_path": "weak.pt", "teacher_path": None}, "guide_path has no meaning without teacher_path"),
        ({"guide_scale": 0.5}, "guide_scale has no meaning without guide_path"),
        ({"guide_below": 0.5}, "guide_below has no meaning without guide_path"),
        ({"teacher_path": "."}, "teacher_path .: a model of diffusers; it can be run, but nothing is trained with it"),
        ({"num_channels": 64}, "num_channels is 32, not 64"),
        ({"noise_schedule": "cosine"}, "noise_schedule cosine (the file: linear)"),
    ],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict, message: str) -> None:
    path = write_teacher(tmp_path)
    assert train(write_training(tmp_path, **({"teacher_path": str(path)} | changes))) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("error: ")
    assert message in err


def test_the_teacher_may_move_but_not_change_on_resuming(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(tmp_path / "large", 10, REGION)
    options = {"data_path": str(tmp_path / "large"), "steps": 3}
    path = write_teacher(tmp_path)
    assert train(write_training(tmp_path, teacher_path=str(path), **options), "--stop", "1") == 0
    moved = path.rename(tmp_path / "moved.safetensors")
    assert train(write_training(tmp_path, teacher_path=str(moved), **options), "--stop", "2") == 0
    changed = {key: value + 1 for key, value in tiny_unet().state_dict().items()}
    moved.write_bytes(encode_checkpoint(changed, {}))
    assert train(write_training(tmp_path, teacher_path=str(moved), **options)) == 2
    assert "started with teacher " in capsys.readouterr().err


def test_the_guide_and_its_scale_may_not_change_on_resuming(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(tmp_path / "large", 10, REGION)
    path, weak = write_teacher(tmp_path), tmp_path / "weak.safetensors"
    halves = {key: value / 2 for key, value in tiny_unet().state_dict().items()}
    weak.write_bytes(encode_checkpoint(halves, {}))
    options = {"data_path": str(tmp_path / "large"), "steps": 3, "teacher_path": str(path)}
    assert train(write_training(tmp_path, guide_path=str(weak), guide_scale=0.5, **options), "--stop", "1") == 0
    for changed in ({"guide_path": str(weak), "guide_scale": 1.0}, {"guide_path": str(path), "guide_scale": 0.5}, {}):
        assert train(write_training(tmp_path, **changed, **options)) == 2
        assert " guided by " in capsys.readouterr().err
    assert train(write_training(tmp_path, guide_path=str(weak), guide_scale=0.5, **options)) == 0


def test_processes_share_windows(tmp_path: Path) -> None:
    config = load_config(TrainConfig, write_training(tmp_path, teacher_path=str(write_teacher(tmp_path))))
    with pytest.raises(ConfigError, match="batch_size 4 is not divisible by 4 windows of a picture x 3 processes"):
        Trainer(config, replace(single_worker(torch.device("cpu")), world_size=3))
