"""Checkpoint format of guided-diffusion: one weights file, `.pt` or `.safetensors`, local or remote."""

import hashlib
from pathlib import Path

from repaint.checkpoints.hub import is_hub_id
from repaint.checkpoints.safe_files import read_checkpoint
from repaint.checkpoints.weights import Weights
from repaint.data import storage
from repaint.errors import CheckpointError

HAS_OWN_NETWORK = False


def matches(path: str) -> bool:
    """Whether a path may be that of a weights file: anything but a local folder."""
    return storage.is_remote(path) or not Path(path).is_dir()


def is_available(path: str) -> bool:
    """Whether the file exists."""
    return storage.exists(path)


def read(path: str) -> Weights:
    """Read a weights file, see `read_checkpoint`.

    Args:
        path: local, or anything that blobfile reads.

    Raises:
        CheckpointError, DataError: the file is missing, damaged, or holds more than weights.
    """
    if storage.is_remote(path):
        content = storage.read_bytes(path)
        state, metadata = read_checkpoint(path, content)
        return Weights(path, state, metadata, hashlib.sha256(content).hexdigest())
    _check_file(path)
    state, metadata = read_checkpoint(path)
    with Path(path).open("rb") as file:
        return Weights(path, state, metadata, hashlib.file_digest(file, "sha256").hexdigest())


def _check_file(path: str) -> None:
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: a folder, but weights of guided-diffusion are a file (see model_format)")
    if is_hub_id(path) and not storage.exists(path):
        raise CheckpointError(
            f"{path}: no such weights file; download.sh fetches the published ones, and model_format: diffusers a "
            f"model of this name on the Hugging Face hub"
        )
