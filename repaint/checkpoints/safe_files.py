"""Weights files (.pt, .safetensors): safe reading without running code from them, and writing."""

import io
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from repaint.checkpoints.weights import Flags, State
from repaint.errors import CheckpointError

_METADATA_KEY = "repaint"
_WRAPPERS = ("state_dict", "model", "ema")  # keys under which other trainers nest the weights


def read_checkpoint(path: str, content: bytes | None = None) -> tuple[State, Flags]:
    """Read a weights file without ever running code from it.

    Args:
        path: `.safetensors`, or anything `torch.save` wrote (`.pt`), read with `weights_only=True`.
        content: the file's bytes, if it is not on a local disk.

    Returns:
        (weights by name, metadata that `encode_checkpoint` stored; empty for other files).

    Raises:
        CheckpointError: the file is missing, not a checkpoint, damaged, or holds more than weights.
    """
    head = content[:64] if content is not None else _read_head(path)
    if head.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path}: a web page (HTML), not weights; delete it and run download.sh again")
    if path.endswith(".safetensors"):
        return _read_safetensors(path, content)
    return _read_torch(path, content), {}


def _read_head(path: str) -> bytes:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise CheckpointError(f"{path}: not a regular file")
        with Path(path).open("rb") as file:
            return file.read(64)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such weights file; download.sh fetches the published ones") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def _read_safetensors(path: str, content: bytes | None) -> tuple[State, Flags]:
    try:
        if content is None:
            state, texts = _read_safetensors_file(path)
        else:
            state = safetensors.torch.load(content)
            header_length = int.from_bytes(content[:8], "little")
            texts = json.loads(content[8 : 8 + header_length]).get("__metadata__", {})
        metadata = json.loads(texts.get(_METADATA_KEY, "{}"))
        return state, metadata if isinstance(metadata, dict) else {}
    except (safetensors.SafetensorError, ValueError, AttributeError, OSError) as error:
        raise CheckpointError(f"{path}: damaged or incomplete ({error}); fetch it again") from None


def _read_safetensors_file(path: str) -> tuple[State, Mapping[str, str]]:
    """Tensor by tensor, each through a mapping of its own: one for all would stay in memory beside its copies."""
    with safetensors.safe_open(path, framework="pt") as file:
        names, texts = list(file.keys()), file.metadata() or {}
    state = {}
    for name in names:
        with safetensors.safe_open(path, framework="pt") as file:
            state[name] = file.get_tensor(name).clone()
    return state, texts


def _read_torch(path: str, content: bytes | None) -> State:
    source = path if content is None else io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the pickle protocol of a file that is refused anyway
            loaded = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" not in str(error):
            raise CheckpointError(f"{path}: not a weights file of PyTorch, or damaged; fetch it again") from None
        raise CheckpointError(
            f"{path}: refused, because it holds more than plain weights and loading it could run code; "
            f"convert it to .safetensors where you trust it"
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged zip or pickle can fail in any way
        reason = str(error).split("\n")[0][:120]
        raise CheckpointError(f"{path}: damaged or incomplete ({reason}); fetch it again") from None
    return _unwrap(path, loaded)


def _unwrap(path: str, loaded: object) -> State:
    """The state dict within what `torch.save` stored, without the prefix of DistributedDataParallel."""
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise CheckpointError(f"{path}: holds no dictionary of weights (a state_dict is expected)")
    return {str(key).removeprefix("module."): value for key, value in loaded.items()}


def encode_checkpoint(state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Content of a `.safetensors` file with the weights and JSON metadata."""
    plain = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    return safetensors.torch.save(plain, {_METADATA_KEY: json.dumps(metadata)})
