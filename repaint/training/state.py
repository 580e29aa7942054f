"""Resume state of a training run with its identity check, and the exported model file."""

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.config.network import NetworkConfig
from repaint.config.process import ProcessConfig, describe_betas
from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.data import storage
from repaint.errors import CheckpointError, ConfigError
from repaint.training.optimisation import all_finite

STATE_FILE = "state.pt"
MODEL_FILE = "model.safetensors"
LOG_FILE = "log.jsonl"
SAMPLES_FOLDER = "samples"

_LATER_KEYS = {"correct_mean": False}  # of the identity, which states of earlier versions do not have


@dataclass(frozen=True)
class TrainingState:
    """State for an exact resume.

    Attributes:
        step: number of finished steps.
        network: weights.
        ema: moving average of the weights.
        optimiser: state of the optimiser.
    """

    step: int
    network: Mapping[str, Tensor]
    ema: dict[str, Tensor]
    optimiser: dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a training depends on beside its configuration.

    Attributes:
        pictures: number of training images.
        processes: number of processes.
        teacher: digest of the teacher's weights file, or None.
    """

    pictures: int
    processes: int
    teacher: str | None


def save_state(config: TrainConfig, state: TrainingState, surroundings: Surroundings) -> None:
    """Write the resume state to `state.pt` in the output folder.

    Args:
        config: of the training run.
        state: what to save.
        surroundings: of the training run.
    """
    content = vars(state) | {"identity": _identity(config, surroundings)}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    storage.write_bytes(storage.join(config.out, STATE_FILE), buffer.getvalue())


def is_finite(state: TrainingState) -> bool:
    """Whether a state has no infinity and no NaN, so that a training can go on from it."""
    moments = (value for entry in state.optimiser["state"].values() for value in entry.values())
    return all_finite([*state.network.values(), *state.ema.values(), *moments])


def load_state(config: TrainConfig, surroundings: Surroundings, device: torch.device) -> TrainingState | None:
    """Load the resume state from the output folder; None if there is none.

    Args:
        config: of the training run.
        surroundings: of the training run.
        device: where to load the tensors.

    Raises:
        CheckpointError: the file is damaged.
        ConfigError: it belongs to a training run of another identity.
    """
    path = storage.join(config.out, STATE_FILE)
    if not storage.exists(path):
        return None
    try:
        content = torch.load(io.BytesIO(storage.read_bytes(path)), device, weights_only=True)
        identity = _LATER_KEYS | content.pop("identity")
        state = TrainingState(**content)
    except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
        raise CheckpointError(f"{path}: damaged ({error}); remove it to start anew") from None
    expected = _identity(config, surroundings)
    changed = [
        f"{key} {_summary(identity.get(key))} (now {_summary(expected.get(key))})"
        for key in expected | identity
        if identity.get(key) != expected.get(key)
    ]
    if changed:
        raise ConfigError(f"{path}: started with {', '.join(changed)}; give another 'out' or restore the old values")
    return state


def export_model(config: TrainConfig, ema: Mapping[str, Tensor], step: int, pictures: int) -> None:
    """Export the averaged weights with their metadata to `model.safetensors` in the output folder.

    Args:
        config: of the training run.
        ema: moving average of the weights.
        step: number of finished steps.
        pictures: number of training images.

    Raises:
        ConfigError: a weight is too large for `export_precision`.
    """
    dtype = torch.float16 if config.export_precision == "fp16" else torch.float32
    metadata = checkpoint_metadata(config) | {"training": {"step": step, "pictures": pictures}}
    weights = {key: value.to(dtype) for key, value in ema.items()}
    if not all_finite(weights.values()):
        raise ConfigError(
            f"export_precision: {config.export_precision} cannot hold the weights of step {step}, which are saved; "
            f"go on with export_precision: fp32"
        )
    content = encode_checkpoint(weights, metadata)
    storage.write_bytes(storage.join(config.out, MODEL_FILE), content)


def truncate_log(config: TrainConfig, step: int) -> None:
    """Drop the log lines after step `step`, and a partial line left by an interruption."""
    path = storage.join(config.out, LOG_FILE)
    if not storage.exists(path):
        return
    kept = []
    for line in storage.read_bytes(path).decode(errors="replace").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            if json.loads(line)["step"] <= step:
                kept.append(f"{line}\n")
    storage.write_bytes(path, "".join(kept).encode())


def checkpoint_metadata(config: TrainConfig | SamplingConfig) -> dict[str, dict[str, object]]:
    """Metadata of an exported model: its architecture and process, so that `model: auto` needs no flags."""
    values = config.model_dump(exclude={"betas"} if config.betas is None else {"noise_schedule"})
    parts: dict[str, type[BaseModel]] = {"network": NetworkConfig, "process": ProcessConfig}
    return {part: {key: values[key] for key in kind.model_fields if key in values} for part, kind in parts.items()}


def _summary(value: object) -> object:
    """A value short enough for an error message."""
    return describe_betas(value) if isinstance(value, list) else value


def _identity(config: TrainConfig, surroundings: Surroundings) -> dict[str, object]:
    """What must not change on resume. Length, learning rate and logging may."""
    values = vars(surroundings) | {key: getattr(config, key) for key in ("seed", "batch_size", "random_flip")}
    for part in checkpoint_metadata(config).values():
        values |= part
    return values
