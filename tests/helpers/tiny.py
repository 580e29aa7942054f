"""A model of a few thousand weights, small pictures and their configuration: a whole run in well under a second."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.models.unet import UNet, UNetConfig

SIZE = 16

FLAGS: dict[str, Any] = {
    "image_size": SIZE,
    "num_channels": 32,
    "num_res_blocks": 1,
    "channel_mult": "1,1",
    "attention_resolutions": "8",
    "num_head_channels": 16,
}


def tiny_unet(**changes: Any) -> UNet:
    """An untrained network of FLAGS whose output is not zero."""
    torch.manual_seed(0)
    config = UNetConfig(SIZE, 32, 1, (1, 1), (8,), num_head_channels=16, resblock_updown=True)
    network = UNet(UNetConfig(**(vars(config) | changes)))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


@functools.cache
def _encoded_tiny_unet() -> bytes:
    return encode_checkpoint(tiny_unet().state_dict(), {})


def write_pictures(folder: Path, count: int = 3, size: tuple[int, int] = (SIZE, SIZE), suffix: str = ".png") -> None:
    """Pictures 00.png, 01.png, ... of noise, (width, height)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}{suffix}")


def write_masks(folder: Path, count: int = 3, size: tuple[int, int] = (SIZE, SIZE)) -> None:
    """Masks 00.png, ... whose left half is known."""
    folder.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:, : size[0] // 2] = 255
    for i in range(count):
        Image.fromarray(mask).save(folder / f"{i:02d}.png")


def touch(folder: Path, *names: str) -> str:
    """Empty files below a folder, whose path is returned."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def make_run(folder: Path, count: int = 3, **changes: Any) -> Path:
    """Everything for a run below `folder`; returns the configuration file. `changes` are top-level keys."""
    write_pictures(folder / "gt", count)
    write_masks(folder / "masks", count)
    (folder / "model.safetensors").write_bytes(_encoded_tiny_unet())
    return write_config(folder, **changes)


def write_config(folder: Path, **changes: Any) -> Path:
    """The configuration file of `make_run` alone."""
    tree: dict[str, Any] = FLAGS | {
        "name": "tiny",
        "model_path": str(folder / "model.safetensors"),
        "timestep_respacing": "4",
        "schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2},
        "show_progress": False,
        "data": {
            "eval": {
                "tiny": {
                    "gt_path": str(folder / "gt"),
                    "mask_path": str(folder / "masks"),
                    "batch_size": 2,
                    "paths": {
                        "srs": str(folder / "out/inpainted"),
                        "lrs": str(folder / "out/gt_masked"),
                        "gts": str(folder / "out/gt"),
                        "gt_keep_masks": str(folder / "out/gt_keep_mask"),
                    },
                }
            }
        },
    }
    path = folder / "conf.yml"
    path.write_text(yaml.safe_dump(tree | changes))
    return path


def read_pixels(path: Path) -> np.ndarray:
    """Decoded picture file."""
    return np.asarray(Image.open(path))
