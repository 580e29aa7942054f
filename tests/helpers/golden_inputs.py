"""The rules of `golden/README.md`: weights, pictures and masks rebuilt from formulas, and the measured numbers."""

import functools
import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repaint.models.classifier import Classifier
from repaint.models.unet import DEFAULT_CHANNEL_MULT, UNet, UNetConfig

GOLDEN = Path(__file__).parents[1] / "golden"
SIZE = 64
CLASSES = 1000

Network = TypeVar("Network", bound=nn.Module)


@functools.cache
def manifest() -> dict[str, Any]:
    """`manifest.json`: schedules, respacings, networks (flags, keys, seeds), sampler runs, diffusion tables."""
    content: dict[str, Any] = json.loads((GOLDEN / "manifest.json").read_text())
    return content


def golden_arrays(name: str) -> dict[str, NDArray[Any]]:
    """All arrays of `name`.npz."""
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return dict(arrays)


@torch.no_grad()
def fill_by_rule(network: Network) -> Network:
    """Give every weight the value that its name and shape imply; returns the network, in eval mode."""
    for key, value in network.state_dict().items():
        r = torch.randn(value.shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
        if value.ndim > 1:
            value.copy_(r / math.sqrt(math.prod(value.shape[1:])))
        else:
            value.copy_(0.05 * r + key.endswith("weight"))
    return network.eval()


def golden_unet_config(flags: Mapping[str, Any]) -> UNetConfig:
    """Architecture of a `config` entry below `unet` in the manifest."""
    return UNetConfig(
        image_size=flags["image_size"],
        num_channels=flags["num_channels"],
        num_res_blocks=flags["num_res_blocks"],
        channel_mult=_numbers(flags["channel_mult"]),
        attention_resolutions=_numbers(flags["attention_resolutions"]),
        num_heads=flags.get("num_heads", 4),
        num_head_channels=flags["num_head_channels"],
        use_scale_shift_norm=flags["use_scale_shift_norm"],
        resblock_updown=flags["resblock_updown"],
        use_new_attention_order=flags.get("use_new_attention_order", False),
        num_classes=CLASSES if flags.get("class_cond") else None,
        out_channels=6 if flags["learn_sigma"] else 3,
    )


def golden_unet(name: str) -> UNet:
    """A UNet of the manifest with its weights; a fresh object at every call."""
    return fill_by_rule(UNet(golden_unet_config(manifest()["unet"][name]["config"])))


def golden_classifier() -> Classifier:
    """The manifest's classifier with its weights."""
    flags = manifest()["classifier"]["config"]
    config = UNetConfig(
        image_size=flags["image_size"],
        num_channels=flags["classifier_width"],
        num_res_blocks=flags["classifier_depth"],
        channel_mult=DEFAULT_CHANNEL_MULT[flags["image_size"]],
        attention_resolutions=_numbers(flags["classifier_attention_resolutions"]),
        num_head_channels=64,
        use_scale_shift_norm=flags["classifier_use_scale_shift_norm"],
        resblock_updown=flags["classifier_resblock_updown"],
        out_channels=CLASSES,
    )
    return fill_by_rule(Classifier(config))


def golden_network_input(seed: int) -> Tensor:
    """Two noisy pictures [2, 3, 64, 64]."""
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def golden_picture(seed: int) -> Tensor:
    """Picture of waves, float32 [1, 3, 64, 64] in [-1, 1]."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    waves = [np.sin(2 * np.pi * ((c + 1 + seed % 3) * x + (c + 2) * y) + c + seed) for c in range(3)]
    return torch.tensor(np.stack(waves)[None], dtype=torch.float32)


def golden_mask(kind: str) -> Tensor:
    """Mask float32 [1, 1, 64, 64], 1 = known."""
    mask = torch.zeros(1, 1, SIZE, SIZE)
    known = {
        "half": (slice(None), slice(0, SIZE // 2)),
        "ev2li": (slice(0, None, 2), slice(None)),
        "nn2": (slice(0, None, 2), slice(0, None, 2)),
        "expand": (slice(16, 48), slice(16, 48)),
    }
    mask[0, 0][known[kind]] = 1
    return mask


def relative_error(found: Tensor | NDArray[Any], wanted: Tensor | NDArray[Any]) -> float:
    """Relative L2 distance."""
    found, wanted = torch.as_tensor(found).double(), torch.as_tensor(wanted).double()
    assert found.shape == wanted.shape
    return float((found - wanted).norm() / wanted.norm())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
