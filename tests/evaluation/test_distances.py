import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.distances import (
    estimate_kernel_distance,
    estimate_matched_kernel_distance,
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
    far = [kernel_distance(normals(1, 1500), normals(2, 1500, mean=mean)) for mean in (0, 0.5, 1)]
    assert far == sorted(far)
    assert far[0] < 0.02 < far[1]


def test_kernel_distance_by_hand() -> None:
    first, second = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # k(1, 2) = 27, k(0, 1) = 1; between: k(1,0) = 1, k(1,1) = 8, k(2,0) = 1, k(2,1) = 27
    assert kernel_distance(first, second) == pytest.approx(27 + 1 - 2 * (1 + 8 + 1 + 27) / 4)


def test_matched_kernel_distance_by_hand() -> None:
    """Two pictures of one feature; only kernels between different pictures count."""
    truths, fills = [np.array([[1.0]]), np.array([[2.0]])], [np.array([[1.0], [0.0]]), np.array([[3.0]])]
    # true 1, 2: 27; fills {1, 0}, 3: (64 + 1) / 2; across: 1 with 3: 64, 2 with {1, 0}: (27 + 1) / 2
    found = estimate_matched_kernel_distance(truths, fills)
    assert found == Estimate(pytest.approx(27 + (64 + 1) / 2 - (64 + (27 + 1) / 2)))
    assert estimate_matched_kernel_distance(truths, truths).mean == 0


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
