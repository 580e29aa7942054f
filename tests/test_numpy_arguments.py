"""Numbers and arrays of NumPy wherever the library takes Python's."""

from pathlib import Path

import numpy as np
import pytest
import torch

import repaint
from repaint.checkpoints.safe_files import encode_checkpoint
from tests.helpers.tiny import SIZE, tiny_unet

pytestmark = pytest.mark.filterwarnings("ignore:.*does not specify all flags:UserWarning")
PICTURE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
KNOWN = np.arange(SIZE) < np.full((SIZE, 1), SIZE // 2)


def test_numbers_of_numpy_do_what_those_of_python_do(tmp_path: Path) -> None:
    path = tmp_path / "classes.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet(num_classes=5).state_dict(), {}))
    plain = {"image_size": SIZE, "num_head_channels": 16, "timestep_respacing": 4, "resample": [2, 2], "use_ddim": True}
    numpy = plain | {"image_size": np.int64(SIZE), "num_head_channels": np.int32(16), "timestep_respacing": np.int64(4)}
    numpy |= {"resample": np.array([2, 2]), "ddim_eta": np.float32(0.5), "use_ddim": np.bool_(True)}
    fills = []
    for settings, number in ((plain | {"ddim_eta": 0.5}, int), (numpy, np.int64)):
        painter = repaint.Inpainter(path, schedule=None, device="cpu", **settings)
        fills.append(painter(PICTURE, KNOWN, seed=number(3), num_samples=number(2), y=number(1)))
    for one, other in zip(*fills, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    with pytest.raises(repaint.ConfigError, match="seed"):
        painter(PICTURE, KNOWN, seed=np.int64(-1))
    with pytest.raises(repaint.ConfigError, match="seed"):
        painter(PICTURE, KNOWN, seed=np.float64(1))


def test_noise_takes_seeds_of_numpy() -> None:
    draws = [repaint.PictureNoise(seeds, (3, 4, 4))() for seeds in ([3, 4], np.array([3, 4]))]
    assert torch.equal(*draws)
