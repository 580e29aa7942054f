import torch
from hypothesis import given
from hypothesis import strategies as st

from repaint.noise import SAMPLE_STRIDE, PictureNoise, draw_class, picture_seed

SHAPE = (3, 4, 5)


def draws(noise: PictureNoise, count: int = 3) -> list[torch.Tensor]:
    return [noise() for _ in range(count)]


def test_a_picture_s_draws_are_those_of_the_seeded_global_generator() -> None:
    noise = PictureNoise([7], SHAPE)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        assert all(torch.equal(draw, torch.randn(1, *SHAPE)) for draw in draws(noise))


def test_a_picture_s_draws_do_not_depend_on_its_batch() -> None:
    alone = draws(PictureNoise([7], SHAPE))
    together = draws(PictureNoise([3, 7, 11], SHAPE))
    assert all(torch.equal(a[0], b[1]) for a, b in zip(alone, together, strict=True))
    assert not torch.equal(together[0][0], together[0][1])


def test_draws_are_float32_standard_normal() -> None:
    draw = PictureNoise(range(4), (3, 64, 64))()
    assert draw.shape == (4, 3, 64, 64)
    assert draw.dtype == torch.float32
    assert abs(draw.mean()) < 0.02
    assert abs(draw.std() - 1) < 0.02


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    PictureNoise([1], SHAPE)()
    draw_class(1, 10)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_noise_device_is_where_numbers_are_drawn() -> None:
    noise = PictureNoise([7], SHAPE, device="meta", noise_device="cpu")
    assert noise.generators[0].device.type == "cpu"
    assert noise().device.type == "meta"
    assert PictureNoise([7], SHAPE, device="cpu").noise_device.type == "cpu"


@given(st.integers(0, 2**31), st.integers(0, SAMPLE_STRIDE - 1), st.integers(0, 50))
def test_picture_seeds(seed: int, index: int, sample: int) -> None:
    number = picture_seed(seed, index, sample)
    assert number == seed + index + sample * 1_000_003
    assert divmod(number - seed, SAMPLE_STRIDE) == (sample, index)  # so no two samples share a seed


@given(st.integers(0, 2**40), st.integers(1, 1000))
def test_draw_class_is_a_valid_label_that_the_seed_decides(seed: int, classes: int) -> None:
    label = draw_class(seed, classes)
    assert 0 <= label < classes
    assert label == draw_class(seed, classes)


def test_draw_class_covers_all_classes_and_leaves_the_noise_alone() -> None:
    noise = PictureNoise([7], SHAPE)
    assert {draw_class(seed, 5) for seed in range(100)} == set(range(5))
    assert torch.equal(noise(), PictureNoise([7], SHAPE)())
