from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from repaint.errors import DataError
from repaint.evaluation.distances import (
    FEWEST_REAL,
    FeatureSpace,
    RealPictures,
    describe,
    estimate_kernel_distance,
    frechet_distance,
    kernel_distance,
)


def normals(seed: int, count: int = 4000, mean: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, (count, 3))


def pictures(seed: int, count: int, low: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(low, 256, (16, 16, 3), np.uint8) for _ in range(count)]


@settings(max_examples=20, deadline=None)
@given(mean=st.floats(-2, 2), spread=st.floats(0.3, 2))
def test_frechet_distance_of_normals_is_the_formula(mean: float, spread: float) -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2 for independent coordinates."""
    found = frechet_distance(normals(1), normals(2, mean=mean, spread=spread))
    assert found == pytest.approx(3 * (mean**2 + (spread - 1) ** 2), rel=0.1, abs=0.05)


def test_equal_sets_have_no_frechet_distance() -> None:
    assert frechet_distance(normals(1), normals(1)) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_is_unbiased_and_grows() -> None:
    small = [kernel_distance(normals(2 * i, 10), normals(2 * i + 1, 10)) for i in range(400)]
    assert abs(np.mean(small)) < 4 * np.std(small) / 20
    far = [kernel_distance(normals(1), normals(2, mean=mean)) for mean in (0, 0.5, 1)]
    assert far == sorted(far)
    assert far[0] < 0.02 < far[1]


def test_kernel_distance_by_hand() -> None:
    first, second = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # k(1, 2) = 27, k(0, 1) = 1; between: k(1,0) = 1, k(1,1) = 8, k(2,0) = 1, k(2,1) = 27
    assert kernel_distance(first, second) == pytest.approx(27 + 1 - 2 * (1 + 8 + 1 + 27) / 4)


def test_features_are_whitened_and_tell_sets_apart() -> None:
    space = FeatureSpace(pictures(1, 60), dimensions=8)
    features = space(pictures(1, 60))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-9)
    fresh, same, other = space(pictures(2, 60)), space(pictures(3, 60)), space(pictures(4, 60, low=128))
    assert kernel_distance(fresh, other) > 5 * abs(kernel_distance(fresh, same))


def test_a_description_sees_edges_and_colours() -> None:
    flat = np.full((16, 16, 3), 100, np.uint8)
    stripes = flat.copy()
    stripes[::4] = 140
    red = flat.copy()
    red[..., 0] += 50
    kinds = [describe(pixels) for pixels in (flat, stripes, red)]
    gradients = [kind[: -8 * 8 * 3] for kind in kinds]
    assert not gradients[0].any()
    assert gradients[1].any()
    assert not gradients[2].any()
    assert (kinds[2][-8 * 8 * 3 :].reshape(8, 8, 3)[..., 0] > kinds[0][-1]).all()


def test_frechet_distance_is_the_textbook_formula() -> None:
    """Both for more pictures than features, and for fewer, where covariances are singular."""
    for count in (50, 8):
        first, second = (np.random.default_rng(seed).normal(seed, 1 + seed, (count, 20)) for seed in (0, 1))
        cov1, cov2 = (np.cov(features, rowvar=False) for features in (first, second))
        values, vectors = np.linalg.eigh(cov1)
        root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
        shared = np.sqrt(np.linalg.eigvalsh(root @ cov2 @ root).clip(min=0)).sum()
        means = first.mean(axis=0) - second.mean(axis=0)
        wanted = means @ means + np.trace(cov1) + np.trace(cov2) - 2 * shared
        assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_distances_agree_with_torchmetrics() -> None:
    fid = pytest.importorskip("torchmetrics.image.fid")
    kid = pytest.importorskip("torchmetrics.image.kid")

    class Colours(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.double().mean(dim=2).flatten(1)[:, :12] / 64

    frechet = fid.FrechetInceptionDistance(Colours(), input_img_size=(3, 16, 16), antialias=False)
    frechet.set_dtype(torch.float64)
    kernel = kid.KernelInceptionDistance(Colours(), subsets=1, subset_size=40)
    sets = []
    for real, low in ((True, 0), (False, 90)):
        batch = torch.tensor(np.stack(pictures(low, 40, low))).permute(0, 3, 1, 2)
        frechet.update(batch, real=real)
        kernel.update(batch, real=real)
        sets.append(Colours()(batch).numpy())
    assert frechet_distance(*sets) == pytest.approx(frechet.compute().item(), rel=1e-4)
    assert kernel_distance(*sets) == pytest.approx(kernel.compute()[0].item(), rel=1e-4)


def test_the_estimated_kernel_distance_is_the_kernel_distance() -> None:
    fills, reference = normals(1, 40, mean=0.5), normals(2, 300)
    found = estimate_kernel_distance([fill[None] for fill in fills], reference)
    assert found.mean == pytest.approx(kernel_distance(fills, reference))
    assert found.low < found.mean < found.high  # type: ignore[operator]
    assert found.low > 0  # type: ignore[operator]


def test_few_pictures_have_no_interval() -> None:
    found = estimate_kernel_distance([fill[None] for fill in normals(1, 9)], normals(2, 300))
    assert (found.low, found.high) == (None, None)


def test_the_interval_of_the_kernel_distance_holds_the_truth() -> None:
    """For two sets of one kind, nearly always: the distance of the kinds is 0."""
    reference = normals(99, 1000)
    held = 0
    for seed in range(40):
        found = estimate_kernel_distance([fill[None] for fill in normals(seed, 40)], reference)
        held += found.low <= 0 <= found.high  # type: ignore[operator]
    assert held >= 34  # 95 % of 40 is 38; a bootstrap of 40 skewed values is a little too narrow


def test_fills_of_one_picture_are_no_pairs() -> None:
    """The same fill twice says no more than once."""
    fills, reference = normals(1, 20), normals(2, 100)
    once = estimate_kernel_distance([fill[None] for fill in fills], reference)
    times = [1, 2, 3, 2] * 5
    twice = estimate_kernel_distance([np.stack([fill] * n) for fill, n in zip(fills, times, strict=True)], reference)
    assert twice.mean == pytest.approx(once.mean)
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def write(folder: Path, images: list[np.ndarray]) -> str:
    folder.mkdir()
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return str(folder)


def test_real_pictures_from_a_folder(tmp_path: Path) -> None:
    real = RealPictures(write(tmp_path / "real", pictures(1, FEWEST_REAL)))
    assert len(real.features) == FEWEST_REAL // 2
    near, far = (real.describe(pictures(2, 60, low), "set") for low in (0, 128))
    assert kernel_distance(far, real.features) > 5 * abs(kernel_distance(near, real.features))
    with pytest.raises(DataError, match=r"x.png: has another size than the pictures in .*real"):
        real.describe([np.zeros((24, 16, 3), np.uint8)], "x.png")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pictures(1, 5), "5 pictures of 16x16; it takes at least 256 pictures with sides divisible by 8"),
        ([np.zeros((20, 20, 3), np.uint8)] * FEWEST_REAL, "256 pictures of 20x20; it takes"),
        (pictures(1, 10) * (FEWEST_REAL // 10 + 1), "too few or too much alike to tell 64 features"),
        ([*pictures(1, 1), np.zeros((24, 16, 3), np.uint8)], "001.png has another size than 000.png"),
    ],
)
def test_pictures_that_cannot_be_a_reference(tmp_path: Path, images: list[np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        RealPictures(write(tmp_path / "real", images))
