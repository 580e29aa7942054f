"""Weights files (.pt, .safetensors): safe reading without running code from them, and writing."""

import io
import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from repaint.checkpoints.entries import pick_state
from repaint.checkpoints.file_kinds import find_kind
from repaint.checkpoints.weights import Flags, State
from repaint.errors import CheckpointError

_METADATA_KEY = "repaint"
_MAPPED_BYTES = 2**24  # of tensors read through one mapping


def read_checkpoint(path: str, content: bytes | None = None) -> tuple[State, Flags]:
    """Read the weights of a file without ever running code from it, see `read_file`.

    Returns:
        (weights by name, metadata that `encode_checkpoint` stored; empty for other files).

    Raises:
        CheckpointError: see `read_file`, or the file holds no weights or several.
    """
    loaded, metadata = read_file(path, content)
    return pick_state(path, loaded).state, metadata


def read_file(path: str, content: bytes | None = None) -> tuple[object, Flags]:
    """Read all that a weights file holds, without ever running code from it.

    Args:
        path: safetensors, or anything `torch.save` wrote, read with `weights_only=True`. The content tells which it is.
        content: the file's bytes, if it is not on a local disk.

    Returns:
        (weights by name, or whatever else `torch.save` stored; metadata that `encode_checkpoint` stored).

    Raises:
        CheckpointError: the file is missing, not a checkpoint, damaged, or holds more than weights.
    """
    if find_kind(path, content) == "safetensors":
        return _read_safetensors(path, content)
    return _read_torch(path, content), {}


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
    """Some tensors through each mapping of the file: one for all would stay in memory beside its copies."""
    state: State = {}
    with safetensors.safe_open(path, framework="pt") as file:
        names, texts = list(file.keys()), file.metadata() or {}
    while len(state) < len(names):
        with safetensors.safe_open(path, framework="pt") as file:
            size = 0
            for name in names[len(state) :]:
                state[name] = file.get_tensor(name).clone()
                size += state[name].nbytes
                if size > _MAPPED_BYTES:
                    break
    return state, texts


def _read_torch(path: str, content: bytes | None) -> object:
    if content is None and path.endswith(".safetensors"):  # PyTorch would go by the name
        content = Path(path).read_bytes()
    source = path if content is None else io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the pickle protocol of a file that is refused anyway
            loaded: object = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: {_explain_refusal(str(error))}") from None
    except EOFError:
        raise CheckpointError(f"{path}: damaged or incomplete (its end is missing); fetch it again") from None
    except Exception as error:  # noqa: BLE001 - a damaged zip or pickle can fail in any way
        reason = str(error).split("\n")[0][:120]
        raise CheckpointError(f"{path}: damaged or incomplete ({reason}); fetch it again") from None
    return loaded


def _explain_refusal(reason: str) -> str:
    """Why PyTorch's reader has stopped: at something that could be code, or at something that is no pickle at all."""
    code = re.search(r"(?:GLOBAL|[Uu]nsupported class) ([\w.]{1,80})|to (?:call|execute)|[Cc]an only build", reason)
    if code is None:
        return "not a weights file of PyTorch, or damaged; fetch it again"
    what = f" ({code[1]})" if code[1] else ""
    return (
        f"refused, because it holds more than plain weights{what} and loading it could run code; convert it to "
        f".safetensors where you trust it"
    )


def encode_checkpoint(state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Content of a `.safetensors` file with the weights and JSON metadata."""
    plain = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    return safetensors.torch.save(plain, {_METADATA_KEY: json.dumps(metadata)})
