"""Weights files: safe reading, writing, and the architecture that can be read off the shapes in them."""

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
from torch import Tensor, nn

from repaint.errors import CheckpointError

State = dict[str, Tensor]
Flags = dict[str, Any]

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
            state, metadata = _read_safetensors_file(path)
        else:
            state = safetensors.torch.load(content)
            header_length = int.from_bytes(content[:8], "little")
            metadata = json.loads(content[8 : 8 + header_length]).get("__metadata__", {})
        told = json.loads(metadata.get(_METADATA_KEY, "{}"))
        return state, told if isinstance(told, dict) else {}
    except (safetensors.SafetensorError, ValueError, AttributeError, OSError) as error:
        raise CheckpointError(f"{path}: damaged or incomplete ({error}); fetch it again") from None


def _read_safetensors_file(path: str) -> tuple[State, Mapping[str, str]]:
    """Tensor by tensor, each through a mapping of its own: one for all would stay in memory beside its copies."""
    with safetensors.safe_open(path, framework="pt") as file:
        names, metadata = list(file.keys()), file.metadata() or {}
    state = {}
    for name in names:
        with safetensors.safe_open(path, framework="pt") as file:
            state[name] = file.get_tensor(name).clone()
    return state, metadata


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
    return _plain_state(path, loaded)


def _plain_state(path: str, loaded: object) -> State:
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


def load_weights(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Put weights into a network of exactly the same keys and shapes; types are converted. Else see `check_fit`."""
    check_fit(network, state, path, wrong_flags)
    network.load_state_dict(state)


def move_weights(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Make weights the float32 parameters of a network on the meta device, without a second copy of them.

    Keys and shapes must be the same, else see `check_fit`. `state` is empty afterwards, so that whatever replaces
    a parameter (another device, layout or type) frees the one it came from.
    """
    check_fit(network, state, path, wrong_flags)
    for key in state:
        state[key] = state[key].float()
    network.load_state_dict(state, assign=True)
    state.clear()


def check_fit(network: nn.Module, state: State, path: str, wrong_flags: str = "") -> None:
    """Compare the keys and shapes of weights with those of a network, which may be on the meta device.

    Args:
        network: where the weights shall go.
        state: what `read_checkpoint` gave.
        path: for the error message.
        wrong_flags: what the caller knows about the configuration that explains a mismatch.

    Raises:
        CheckpointError: naming the missing, unexpected and differently shaped keys.
    """
    wanted = {key: list(value.shape) for key, value in network.state_dict().items()}
    found = {key: list(value.shape) for key, value in state.items()}
    shapes = [
        f"{key} {found[key]} instead of {wanted[key]}" for key in wanted if found.get(key, wanted[key]) != wanted[key]
    ]
    parts = [
        _some("missing", [key for key in wanted if key not in found]),
        _some("unexpected", [key for key in found if key not in wanted]),
        _some("of another shape", shapes),
    ]
    if any(parts):
        problems = "; ".join(part for part in parts if part)
        raise CheckpointError(f"{path}: does not fit the configured network{wrong_flags}. Keys {problems}")


def _some(what: str, items: list[str], most: int = 3) -> str:
    if not items:
        return ""
    more = f", and {len(items) - most} more" if len(items) > most else ""
    return f"{what}: {', '.join(items[:most])}{more}"


def read_unet_flags(state: Mapping[str, Tensor], image_size: int) -> Flags:
    """guided-diffusion's flags of a UNet, as far as its keys and shapes tell.

    The number of attention heads and `use_new_attention_order` leave no trace in the shapes, and the size of the
    pictures only what `published.size_of` makes of `channel_mult`.

    Args:
        state: weights by name.
        image_size: size of the pictures, to express attention as feature-map sizes.

    Returns:
        Values for num_channels, num_res_blocks, channel_mult, attention_resolutions, use_scale_shift_norm,
        resblock_updown, learn_sigma, class_cond (and num_classes). Empty if the keys are not those of a UNet.
    """
    try:
        num_channels = state["time_embed.0.weight"].shape[1]
        blocks = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("output_blocks."))
        ups = {key.split(".")[1] for key in state if re.match(r"output_blocks\.\d+\.[12]\.(conv|in_layers)\.", key)}
        levels = len(ups) + 1
        per_level = blocks // levels
        first = [1 + level * per_level for level in range(levels)]  # first residual block of each level
        widths = [state[f"input_blocks.{i}.0.in_layers.2.weight"].shape[0] for i in first]
        depths = [2**level for level, i in enumerate(first) if f"input_blocks.{i}.1.qkv.weight" in state]
        flags: Flags = {
            "num_channels": num_channels,
            "num_res_blocks": per_level - 1,
            "channel_mult": ",".join(repr(width / num_channels).removesuffix(".0") for width in widths),
            "attention_resolutions": ",".join(str(image_size // depth) for depth in depths),
            "use_scale_shift_norm": state["input_blocks.1.0.emb_layers.1.weight"].shape[0] == 2 * widths[0],
            "resblock_updown": not any(key.endswith((".op.weight", ".0.op.bias")) for key in state),
            "learn_sigma": state["out.2.weight"].shape[0] == 6,
            "class_cond": "label_emb.weight" in state,
        }
    except (KeyError, ValueError, IndexError):
        return {}
    if flags["class_cond"]:
        flags["num_classes"] = state["label_emb.weight"].shape[0]
    return flags


def read_classifier_flags(state: Mapping[str, Tensor]) -> Flags:
    """guided-diffusion's flags of a classifier that its shapes tell; empty if the keys are not a classifier's."""
    try:
        width = state["input_blocks.1.0.in_layers.2.weight"].shape[0]
        return {
            "classifier_width": state["time_embed.0.weight"].shape[1],
            "classifier_use_scale_shift_norm": state["input_blocks.1.0.emb_layers.1.weight"].shape[0] == 2 * width,
            "classifier_resblock_updown": not any(key.endswith(".op.weight") for key in state),
        }
    except (KeyError, IndexError):
        return {}
