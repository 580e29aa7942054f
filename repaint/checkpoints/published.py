"""Published checkpoints of guided-diffusion and improved-diffusion, recognised by their shapes.

The flags that leave no trace in the shapes (heads, attention order, noise schedule) are those of the repositories'
READMEs.
"""

from dataclasses import dataclass

from repaint.checkpoints.weights import Flags
from repaint.models.unet import DEFAULT_CHANNEL_MULT

_SIZES = {multipliers: size for size, multipliers in DEFAULT_CHANNEL_MULT.items()}
_SIZES[1, 2, 2, 2] = 32  # improved-diffusion's, for CIFAR-10


@dataclass(frozen=True)
class Published:
    """A published checkpoint.

    Attributes:
        name: of the file.
        shapes: the flags that identify it, by the keys of `read_unet_flags`.
        facts: the flags that leave no trace in the shapes.
    """

    name: str
    shapes: Flags
    facts: Flags


def size_of(channel_mult: str) -> int | None:
    """Size of the pictures for which `channel_mult` ('1,2,3,4') is the published table; None if for none."""
    return _SIZES.get(tuple(float(part) for part in channel_mult.split(",")))


def recognise(flags: Flags) -> Published | None:
    """The published checkpoint that has these shapes.

    Args:
        flags: what `read_unet_flags` returns, and `image_size`.
    """
    if size_of(flags["channel_mult"]) != flags["image_size"]:
        return None
    matching = (each for each in _CHECKPOINTS if all(flags.get(key) == value for key, value in each.shapes.items()))
    return next(matching, None)


def _guided(size: int, classes: bool, **changes: object) -> Flags:
    """Shapes of guided-diffusion's networks."""
    shapes: Flags = {
        "image_size": size,
        "num_channels": 256,
        "num_res_blocks": 2,
        "attention_resolutions": "32,16,8",
        "use_scale_shift_norm": True,
        "resblock_updown": True,
        "learn_sigma": True,
        "class_cond": classes,
    }
    return shapes | changes


def _improved(size: int, classes: bool, **changes: object) -> Flags:
    """Shapes of improved-diffusion's networks."""
    usual = {"num_channels": 128, "num_res_blocks": 3, "attention_resolutions": "16,8", "resblock_updown": False}
    return _guided(size, classes) | usual | changes


def _facts(**changes: object) -> Flags:
    usual: Flags = {
        "num_heads": 4,
        "num_head_channels": -1,
        "use_new_attention_order": False,
        "diffusion_steps": 1000,
        "noise_schedule": "linear",
        "rescale_timesteps": False,
    }
    return usual | changes


_WIDE_HEADS = _facts(num_head_channels=64)
_COSINE_4000 = _facts(diffusion_steps=4000, noise_schedule="cosine", rescale_timesteps=True)

_CHECKPOINTS = (
    Published(
        "64x64_diffusion.pt",
        _guided(64, True, num_channels=192, num_res_blocks=3),
        _facts(num_head_channels=64, use_new_attention_order=True, noise_schedule="cosine"),
    ),
    Published("128x128_diffusion.pt", _guided(128, True), _facts()),
    Published("256x256_diffusion.pt", _guided(256, True), _WIDE_HEADS),
    # LSUN's three, and RePaint's faces and places, have the same shapes and the same facts.
    Published("256x256_diffusion_uncond.pt", _guided(256, False), _WIDE_HEADS),
    Published("512x512_diffusion.pt", _guided(512, True), _WIDE_HEADS),
    Published("cifar10_uncond_50M_500K.pt", _improved(32, False), _COSINE_4000),
    Published("imagenet64_uncond_100M_1500K.pt", _improved(64, False), _COSINE_4000),
    Published(
        "imagenet64_cond_270M_250K.pt",
        _improved(64, True, num_channels=192),
        _COSINE_4000 | {"rescale_timesteps": False},
    ),
    Published(
        "lsun_uncond_100M_1200K_bs128.pt",
        _improved(256, False, num_res_blocks=2, attention_resolutions="16", use_scale_shift_norm=False),
        _facts(num_heads=1),
    ),
)
