from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.errors import DataError
from repaint.evaluation.distances import kernel_distance
from repaint.evaluation.feature_space import FEWEST_REAL, FeatureSpace, ReferencePictures, describe


def pictures(seed: int, count: int, low: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(low, 256, (16, 16, 3), np.uint8) for _ in range(count)]


def test_features_are_whitened_and_differ_between_sets() -> None:
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


def write(folder: Path, images: list[np.ndarray]) -> str:
    folder.mkdir()
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return str(folder)


def test_reference_pictures_from_a_folder(tmp_path: Path) -> None:
    real = ReferencePictures(write(tmp_path / "real", pictures(1, FEWEST_REAL)))
    assert len(real.features) == FEWEST_REAL // 2
    near, far = (real.describe(pictures(2, 60, low), "set") for low in (0, 128))
    assert kernel_distance(far, real.features) > 5 * abs(kernel_distance(near, real.features))
    with pytest.raises(DataError, match=r"x.png: has another size than the pictures in .*real"):
        real.describe([np.zeros((24, 16, 3), np.uint8)], "x.png")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pictures(1, 5), "5 pictures of 16x16; a reference needs at least 256 pictures with sides divisible by 8"),
        ([np.zeros((20, 20, 3), np.uint8)] * FEWEST_REAL, "256 pictures of 20x20; a reference needs"),
        (pictures(1, 10) * (FEWEST_REAL // 10 + 1), "too few or too similar for 64 features"),
        ([*pictures(1, 1), np.zeros((24, 16, 3), np.uint8)], "001.png has another size than 000.png"),
    ],
)
def test_pictures_that_cannot_be_a_reference(tmp_path: Path, images: list[np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ReferencePictures(write(tmp_path / "real", images))
