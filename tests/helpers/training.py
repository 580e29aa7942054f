"""A training of a tiny network: its configuration, the command, and what it left behind."""

import json
from pathlib import Path

import torch
import yaml

from repaint.checkpoints.safe_files import read_checkpoint
from repaint.commands.train import main as train_command
from tests.helpers.tiny import FLAGS, write_pictures


def write_training(folder: Path, **changes: object) -> Path:
    """Ten pictures and the configuration file of a training of six steps into `folder`/run."""
    write_pictures(folder / "data", 10)
    tree = FLAGS | {
        "data_path": str(folder / "data"),
        "out": str(folder / "run"),
        "steps": 6,
        "batch_size": 4,
        "lr": 1e-3,
        "lr_decay": "cosine",
        "warmup_steps": 2,
        "log_interval": 1,
        "save_interval": 2,
        "sample_interval": 6,
        "sample_count": 2,
        "sample_steps": 3,
    }
    path = folder / "train.yml"
    path.write_text(yaml.safe_dump(tree | changes))
    return path


def train(conf: Path, *arguments: str) -> int:
    """Exit code of the command on the CPU."""
    return train_command(["--conf_path", str(conf), "--device", "cpu", *arguments])


def log(folder: Path) -> list[dict]:
    """Log lines of the training in a folder."""
    return [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Exported weights of the training in a folder."""
    return read_checkpoint(str(folder / "run/model.safetensors"))[0]
