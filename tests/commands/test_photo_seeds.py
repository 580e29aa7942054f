"""Seeds of pictures named on the command line."""

from pathlib import Path

import numpy as np
import pytest

from tests.commands.test_photo import Photos
from tests.helpers.tiny import read_pixels

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    photos = Photos(tmp_path)
    for name in ("a.png", "b.png", "c.png"):
        photos.picture(f"photos/{name}")
    return photos


def test_the_largest_seed_fills_several_pictures(photos: Photos) -> None:
    seed = ["--seed", str(2**62)]
    assert photos.fill("photos", "--mask", "mask.png", "--out", "filled", "--fills", "2", *seed) == 0
    assert len({path.read_bytes() for path in Path("filled").iterdir()}) == 6


def test_picture_number_i_has_the_noise_of_seed_plus_i(photos: Photos) -> None:
    assert photos.fill("photos", "--mask", "mask.png", "--out", "together", "--seed", "5") == 0
    for number, name in enumerate("abc"):
        seed = ["--seed", str(5 + number)]
        assert photos.fill(f"photos/{name}.png", "--mask", "mask.png", "--out", f"{name}.png", *seed) == 0
        np.testing.assert_array_equal(read_pixels(Path(f"together/{name}.png")), read_pixels(Path(f"{name}.png")))
