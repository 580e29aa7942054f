"""Tiny models of the diffusers library in folders, as `save_pretrained` writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from torch import Tensor

from tests.helpers.tiny import FLAGS, SIZE, read_pixels, write_config, write_masks, write_pictures

UNET: dict[str, Any] = {
    "sample_size": SIZE,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 16,
}


def make_unet(**changes: Any) -> UNet2DModel:
    """An untrained network whose output is not near zero."""
    torch.manual_seed(0)
    network = UNet2DModel(**(UNET | changes))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


def write_model(folder: Path, unet: dict[str, Any] | None = None, **scheduler: Any) -> Path:
    """A pipeline's folder; `scheduler` are arguments of its DDPMScheduler."""
    DDPMPipeline(make_unet(**(unet or {})), DDPMScheduler(**scheduler)).save_pretrained(folder)
    return folder


def edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a file of a folder."""
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


def write_plain_config(folder: Path, model_path: object, count: int = 2, **changes: Any) -> Path:
    """Pictures, masks, and a configuration with nothing about the model but its path and `changes`."""
    write_pictures(folder / "gt", count)
    write_masks(folder / "masks", count)
    tree = yaml.safe_load(write_config(folder).read_text())
    plain = {key: value for key, value in tree.items() if key not in FLAGS}
    path = folder / "conf.yml"
    path.write_text(yaml.safe_dump(plain | {"model_path": str(model_path)} | changes))
    return path


@torch.no_grad()
def answer(folder: Path, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
    """Output of the library's own network."""
    out: Tensor = UNet2DModel.from_pretrained(folder)(x, t, class_labels=y).sample
    return out


def check_filled(folder: Path, count: int = 2) -> None:
    """The right half of each picture was filled, the left half is unchanged."""
    for i in range(count):
        truth, filled = (read_pixels(folder / place / f"{i:02d}.png") for place in ("gt", "out/inpainted"))
        np.testing.assert_array_equal(filled[:, : SIZE // 2], truth[:, : SIZE // 2])
        assert (filled[:, SIZE // 2 :] != truth[:, SIZE // 2 :]).mean() > 0.5
