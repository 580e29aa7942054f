"""Weights of both formats, read into memory: files of guided-diffusion, folders of diffusers."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repaint.checkpoints.diffusers import read_folder
from repaint.checkpoints.guided_diffusion import Flags, State, read_checkpoint
from repaint.checkpoints.hub import is_hub_id
from repaint.config.sampling import ModelFormat, SamplingConfig
from repaint.data import storage
from repaint.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class Weights:
    """A model in memory: its tensors, what it tells of itself, and a SHA-256 of its files.

    Attributes:
        metadata: "network" and "process", as far as the files name them, by the keys of `NetworkConfig` and
            `ProcessConfig`.
        unet: the architecture of a model of diffusers, in that library's words; None for other models.
    """

    path: str
    state: State
    metadata: Flags
    digest: str
    unet: Flags | None = None


def pick_format(path: str, model_format: ModelFormat = "auto") -> Literal["guided_diffusion", "diffusers"]:
    """The format to read a model in; by itself a local folder is one of diffusers, and all else is a file."""
    if model_format != "auto":
        return model_format
    return "diffusers" if not storage.is_remote(path) and Path(path).is_dir() else "guided_diffusion"


def tells_architecture(config: SamplingConfig) -> bool:
    """Whether the architecture comes from the model itself, so that nothing can be said of it before it is read."""
    return config.model == "auto" or pick_format(config.model_path, config.model_format) == "diffusers"


def is_at_hand(path: str, model_format: ModelFormat = "auto") -> bool:
    """Whether a model can be read: it is there, or it may be fetched from the Hugging Face hub."""
    return storage.exists(path) or (model_format == "diffusers" and is_hub_id(path))


def read_weights(path: str, model_format: ModelFormat = "auto") -> Weights:
    """Read a model.

    Args:
        path: of a file, local or of blobfile; or of a local folder of diffusers, or with `model_format: diffusers`
            the name of a model on the Hugging Face hub, which is fetched if it is not in the hub's cache.
        model_format: see `pick_format`.

    Raises:
        CheckpointError, DataError: it is missing, damaged, unsafe, or not of a kind that can be run.
        ConfigError: it takes a library that is not installed.
    """
    if pick_format(path, model_format) == "diffusers":
        if storage.is_remote(path):
            raise ConfigError(f"{path}: a model of diffusers must be a local folder, or owner/name on the hub")
        state, metadata, digest = read_folder(path)
        unet = metadata.pop("unet")
        return Weights(path, state, metadata, digest, unet)
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


def read_weights_to_train(path: str) -> Weights:
    """Read the weights that a training starts from; ConfigError if they are those of another library's network."""
    if pick_format(path) == "diffusers":
        raise ConfigError(f"init_path {path}: a folder; models of diffusers can be run, but not trained further")
    return read_weights(path)


def read_classifier_weights(config: SamplingConfig) -> Weights | None:
    """The classifier's weights file, if the configuration uses one."""
    if not config.guided or config.classifier_path is None:
        return None
    return read_weights(config.classifier_path, "guided_diffusion")
