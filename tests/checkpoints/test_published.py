import pytest
import torch

from repaint.checkpoints.detect import read_unet_flags
from repaint.checkpoints.published import recognise, size_of
from repaint.models.unet import UNet, UNetConfig

BLOCKS = {"use_scale_shift_norm": True, "resblock_updown": True}
IMPROVED = {"resblock_updown": False, "num_heads": 4}
# name, size, width, blocks, multipliers, attention, further flags, and the facts by the repositories' READMEs
CHECKPOINTS = [
    ("64x64_diffusion.pt", 64, 192, 3, (1, 2, 3, 4), (32, 16, 8), {"num_classes": 1000}, (64, True, "cosine", 1000)),
    ("128x128_diffusion.pt", 128, 256, 2, (1, 1, 2, 3, 4), (32, 16, 8), {"num_classes": 1000},
     (-1, False, "linear", 1000)),
    ("256x256_diffusion.pt", 256, 256, 2, (1, 1, 2, 2, 4, 4), (32, 16, 8), {"num_classes": 1000},
     (64, False, "linear", 1000)),
    ("256x256_diffusion_uncond.pt", 256, 256, 2, (1, 1, 2, 2, 4, 4), (32, 16, 8), {}, (64, False, "linear", 1000)),
    ("512x512_diffusion.pt", 512, 256, 2, (0.5, 1, 1, 2, 2, 4, 4), (32, 16, 8), {"num_classes": 1000},
     (64, False, "linear", 1000)),
    ("cifar10_uncond_50M_500K.pt", 32, 128, 3, (1, 2, 2, 2), (16, 8), IMPROVED, (-1, False, "cosine", 4000)),
    ("imagenet64_uncond_100M_1500K.pt", 64, 128, 3, (1, 2, 3, 4), (16, 8), IMPROVED, (-1, False, "cosine", 4000)),
    ("imagenet64_cond_270M_250K.pt", 64, 192, 3, (1, 2, 3, 4), (16, 8), IMPROVED | {"num_classes": 1000},
     (-1, False, "cosine", 4000)),
    ("lsun_uncond_100M_1200K_bs128.pt", 256, 128, 2, (1, 1, 2, 2, 4, 4), (16,),
     IMPROVED | {"use_scale_shift_norm": False}, (-1, False, "linear", 1000)),
]  # fmt: skip
RESCALED = {"cifar10_uncond_50M_500K.pt", "imagenet64_uncond_100M_1500K.pt"}


@pytest.mark.parametrize("entry", CHECKPOINTS, ids=lambda entry: entry[0])
def test_published_checkpoints_are_known_by_their_shapes(entry: tuple) -> None:
    name, size, width, blocks, multipliers, attention, more, facts = entry
    with torch.device("meta"):
        state = UNet(UNetConfig(size, width, blocks, multipliers, attention, **(BLOCKS | more))).state_dict()
    flags = read_unet_flags(state, size)
    assert size_of(flags["channel_mult"]) == size
    found = recognise(flags | {"image_size": size})
    assert found is not None
    assert found.name == name
    keys = ("num_head_channels", "use_new_attention_order", "noise_schedule", "diffusion_steps")
    assert tuple(found.facts[key] for key in keys) == facts
    assert found.facts["rescale_timesteps"] == (name in RESCALED)
    assert found.facts["num_heads"] == (1 if name.startswith("lsun") else 4)
    assert recognise(flags | {"image_size": 2 * size}) is None
    assert recognise(flags | {"image_size": size, "num_channels": 96}) is None


def test_multipliers_of_no_published_size() -> None:
    assert size_of("1,2,4") is None
    assert [size_of(text) for text in ("1,2,3,4", "0.5,1,1,2,2,4,4")] == [64, 512]
