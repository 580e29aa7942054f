"""Pictures and masks of any size, and runs of the tiny model on them through the command."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from tests.helpers.command import run
from tests.helpers.tiny import make_run

TOP_LEVEL = {
    "num_samples_per_image", "seed", "paste_known", "inpa_inj_sched_prev", "animation", "animation_frames",
    "snapshot_interval", "refine", "refine_from", "refine_spacing", "refine_step_size", "refine_references",
    "refine_candidates", "refine_patch_size",
}  # fmt: skip

FAST: dict[str, Any] = {"timestep_respacing": "2", "schedule_jump_params": {"jump_n_sample": 1}}  # two network calls


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that survives JPEG files well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + 150 * x / width, 60 + 120 * y / height, 128 + 60 * np.sin(x / 9)], axis=-1).astype(np.uint8)


def two_holes(height: int, width: int) -> np.ndarray:
    """A mask with a hole near the top left corner and one near the bottom right."""
    known = np.ones((height, width), bool)
    known[5:12, 6:15] = False
    known[height - 20 : height - 8, width - 25 : width - 9] = False
    return known


def prepare_run(folder: Path, known: np.ndarray | None = None, **changes: Any) -> None:
    """A run without pictures; `known` becomes the one mask, `changes` are top-level keys of the configuration."""
    make_run(folder, 0, **changes)
    if known is not None:
        Image.fromarray(np.where(known, 255, 0).astype(np.uint8)).save(folder / "mask.png")


def fill(folder: Path, code: int = 0, **data: Any) -> Path:
    """Fill `folder`/gt with changed keys, of TOP_LEVEL or of the data (None removes one); the folder of results."""
    conf = folder / "conf.yml"
    tree = yaml.safe_load(conf.read_text())
    top = {key: data.pop(key) for key in list(data) if key in TOP_LEVEL}
    settings = tree["data"]["eval"]["tiny"] | data
    tree["data"]["eval"]["tiny"] = {key: value for key, value in settings.items() if value is not None}
    conf.write_text(yaml.safe_dump(tree | top))
    assert run(conf) == code
    return folder / "out/inpainted"
