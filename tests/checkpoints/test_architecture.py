from pathlib import Path

import pytest

from repaint.checkpoints.architecture import build_unet_config
from repaint.config.loading import load_config
from repaint.config.run import Config
from tests.helpers.tiny import write_config


@pytest.mark.parametrize(
    ("size", "multipliers"),
    [(64, (1, 2, 3, 4)), (128, (1, 1, 2, 3, 4)), (256, (1, 1, 2, 2, 4, 4)), (512, (0.5, 1, 1, 2, 2, 4, 4))],
)
def test_published_multipliers_by_size(tmp_path: Path, size: int, multipliers: tuple[float, ...]) -> None:
    changes = {"image_size": size, "channel_mult": "", "num_channels": 64, "attention_resolutions": "16"}
    unet_config = build_unet_config(load_config(Config, write_config(tmp_path, **changes)))
    assert unet_config.channel_mult == multipliers
    assert unet_config.attention_depths == {size // 16}
