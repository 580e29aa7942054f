"""Checkpoint format of guided-diffusion: one weights file, `.pt` or `.safetensors`, local or remote."""

import hashlib
from pathlib import Path

from repaint.checkpoints.entries import pick_state
from repaint.checkpoints.hub import is_hub_id
from repaint.checkpoints.safe_files import read_file
from repaint.checkpoints.weights import State, Weights
from repaint.data import storage
from repaint.errors import CheckpointError

HAS_OWN_NETWORK = False


def matches(path: str) -> bool:
    """Whether a path may be that of a weights file: anything but a local folder."""
    return storage.is_remote(path) or not Path(path).is_dir()


def is_available(path: str) -> bool:
    """Whether the file exists."""
    return storage.exists(path)


def read(path: str, entry: str | None = None) -> Weights:
    """Read a weights file, see `repaint.checkpoints.safe_files.read_file`.

    Args:
        path: local, or anything that blobfile reads.
        entry: which of several states in the file to take, see `repaint.checkpoints.entries.pick_state`.

    Raises:
        CheckpointError, DataError: the file is missing, damaged, holds more than weights, or is not of an RGB network.
    """
    if storage.is_remote(path):
        content = storage.read_bytes(path)
        loaded, metadata = read_file(path, content)
        digest = hashlib.sha256(content).hexdigest()
    else:
        _check_file(path)
        loaded, metadata = read_file(path)
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    picked = pick_state(path, loaded, entry)
    _check_channels(path, picked.state)
    return Weights(path, picked.state, metadata, digest, entry=picked.entry, note=picked.note)


def _check_channels(path: str, state: State) -> None:
    """Refuse networks for other pictures than RGB: no key of the configuration could make them fit."""
    for key, allowed, role in (("input_blocks.0.0.weight", (3,), "takes"), ("out.2.weight", (3, 6), "gives")):
        if key not in state or state[key].ndim != 4:
            continue
        channels = state[key].shape[1 if role == "takes" else 0]
        if channels not in allowed:
            raise CheckpointError(
                f"{path}: its network {role} {channels} channel{'s' if channels > 1 else ''}; only networks for RGB "
                f"pictures (3 channels, and 3 or 6 out) can be run, not those for grey, RGBA, latents or upsampling"
            )


def _check_file(path: str) -> None:
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: a folder, but weights of guided-diffusion are a file (see model_format)")
    if is_hub_id(path) and not storage.exists(path):
        raise CheckpointError(
            f"{path}: no such weights file; download.sh fetches the published ones, and model_format: diffusers a "
            f"model of this name on the Hugging Face hub"
        )
