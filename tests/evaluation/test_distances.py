import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.evaluation.distances import FeatureSpace, describe, frechet_distance, kernel_distance


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
