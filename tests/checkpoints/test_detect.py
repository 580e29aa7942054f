import pytest
import torch

from repaint.checkpoints.detect import read_classifier_flags, read_unet_flags
from repaint.models.classifier import Classifier
from repaint.models.unet import UNet, UNetConfig


@pytest.mark.parametrize("resblock_updown", [True, False])
@pytest.mark.parametrize("channel_mult", [(1,), (1, 2), (0.5, 1, 2)])
@pytest.mark.parametrize("num_res_blocks", [1, 2])
@pytest.mark.parametrize("variant", [0, 1])
def test_flags_are_read_off_the_shapes(
    resblock_updown: bool, channel_mult: tuple[float, ...], num_res_blocks: int, variant: int
) -> None:
    config = UNetConfig(
        image_size=32,
        num_channels=64,
        num_res_blocks=num_res_blocks,
        channel_mult=channel_mult,
        attention_resolutions=(32, 16) if variant and len(channel_mult) > 1 else (),
        use_scale_shift_norm=bool(variant),
        resblock_updown=resblock_updown,
        num_classes=7 if variant else None,
        out_channels=6 if variant else 3,
        num_heads=1,
    )
    with torch.device("meta"):
        state = UNet(config).state_dict()
    flags = read_unet_flags(state, 32)
    assert flags["num_channels"] == 64
    assert flags["num_res_blocks"] == num_res_blocks
    assert flags["channel_mult"] == ",".join(f"{m:g}" for m in channel_mult)
    assert flags["attention_resolutions"] == ",".join(map(str, config.attention_resolutions))
    assert flags["use_scale_shift_norm"] == flags["learn_sigma"] == flags["class_cond"] == bool(variant)
    assert flags.get("num_classes") == config.num_classes
    if len(channel_mult) > 1:
        assert flags["resblock_updown"] == resblock_updown


def test_flags_of_other_files_are_empty() -> None:
    assert read_unet_flags({"w": torch.zeros(1)}, 32) == {}
    assert read_classifier_flags({"w": torch.zeros(1)}) == {}


def test_classifier_flags() -> None:
    config = UNetConfig(32, 64, 1, (1, 2), (16,), num_head_channels=64, resblock_updown=True, out_channels=10)
    flags = read_classifier_flags(Classifier(config).state_dict())
    assert flags == {
        "classifier_width": 64,
        "classifier_use_scale_shift_norm": True,
        "classifier_resblock_updown": True,
    }
