"""Adapting a model to a picture: crops of its known pixels, and weights that do not depend on the hole."""

import numpy as np
import pytest
import torch

from repaint.checkpoints.weights import Weights
from repaint.config.adapting import AdaptConfig
from repaint.config.loading import make_config
from repaint.config.sampling import SamplingConfig
from repaint.errors import ConfigError, DataError
from repaint.training import adaptation
from repaint.training.adaptation import adapt
from repaint.training.picture_crops import MOST_HOLE, PictureCrops
from tests.helpers.tiny import FLAGS, SIZE, tiny_unet

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


def striped(height: int = 40, width: int = 60) -> np.ndarray:
    """A picture of stripes, which is easy to learn."""
    rows = np.arange(height)[:, None, None] % 4 < 2
    return np.broadcast_to(np.where(rows, [200, 40, 90], [30, 180, 60]), (height, width, 3)).astype(np.uint8)


def with_hole(height: int = 40, width: int = 60) -> np.ndarray:
    known = np.ones((height, width), bool)
    known[10:22, 20:40] = False
    return known


def config() -> SamplingConfig:
    return make_config(SamplingConfig, FLAGS | {"model_path": "m.pt"}, "test")


def weights() -> Weights:
    return Weights("m.pt", dict(tiny_unet().state_dict()), {}, "digest")


def run(pixels: np.ndarray, **settings: float) -> dict[str, torch.Tensor]:
    chosen = AdaptConfig(steps=3, batch_size=2, lr=1e-3).model_copy(update=settings)
    return adapt(config(), chosen, weights(), pixels, with_hole(), CPU)


def test_the_holes_content_takes_no_part() -> None:
    other = striped()
    other[~with_hole()] = 255
    expected, found = run(striped()), run(other)
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert any(not torch.equal(expected[key], value) for key, value in weights().state.items())


def test_the_original_weights_stay_and_steps_are_reported() -> None:
    original, steps = weights(), []
    before = {key: value.clone() for key, value in original.state.items()}
    settings = AdaptConfig(steps=2, batch_size=1)
    adapt(config(), settings, original, striped(), with_hole(), CPU, lambda: steps.append(1))
    assert len(steps) == 2
    assert all(torch.equal(before[key], value) for key, value in original.state.items())


def test_the_random_state_of_the_process_stays() -> None:
    original = weights()
    before = torch.get_rng_state()
    adapt(config(), AdaptConfig(steps=1, batch_size=1), original, striped(), with_hole(), CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_that_is_not_finite_ends_it() -> None:
    with pytest.raises(DataError, match=r"adapt: the loss is nan at step \d; lower adapt\.lr"):
        run(striped(), lr=1e30, steps=5)


def test_weights_that_the_last_step_broke_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(average: dict[str, torch.Tensor], *_: object) -> None:
        average["time_embed.0.weight"][0, 0] = torch.inf

    monkeypatch.setattr(adaptation, "update_average", broken)
    with pytest.raises(DataError, match=r"adapt: the adapted weights are not finite; lower adapt\.lr"):
        run(striped(), steps=1)


def test_a_learning_rate_that_destroys_any_network_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lr"):
        make_config(AdaptConfig, {"lr": 2}, "test")


@pytest.mark.parametrize(("height", "width"), [(40, 60), (200, 70), (16, 16), (9, 30), (5, 5)])
def test_crops_show_the_picture_at_many_scales(height: int, width: int) -> None:
    pixels = np.broadcast_to(RNG.integers(0, 256, (height, 1, 3)), (height, width, 3)).astype(np.uint8)
    known = np.ones((height, width), bool)
    known[: height // 4, : width // 2] = False
    crops, masks = PictureCrops(pixels, known, SIZE).draw(12, np.random.default_rng(0))
    assert crops.shape == (12, SIZE, SIZE, 3)
    assert masks.shape == (12, SIZE, SIZE)
    assert masks.any(axis=(1, 2)).all()
    seen = crops[masks]
    assert seen.min() >= pixels.min()
    assert seen.max() <= pixels.max()


def test_crops_show_mostly_known_pixels() -> None:
    known = np.ones((80, 80), bool)
    known[:, 30:] = False
    known[:8, 60:] = True
    _, masks = PictureCrops(striped(80, 80), known, SIZE).draw(50, np.random.default_rng(0))
    assert (1 - masks.mean(axis=(1, 2)) <= MOST_HOLE + 1e-9).mean() > 0.9


def test_unknown_pixels_have_the_colour_of_the_nearest_known_one() -> None:
    pixels, known = np.full((SIZE, SIZE, 3), 70, np.uint8), np.ones((SIZE, SIZE), bool)
    pixels[:, 8:] = 200
    pixels[4:8, 2:6] = 0
    known[4:8, 2:6] = False
    (crop,), (mask,) = PictureCrops(pixels, known, SIZE).draw(1, np.random.default_rng(0))
    np.testing.assert_array_equal(mask, known)
    assert (crop[4:8, 2:6] == 70).all()
