"""Checkpoint format of the diffusers library: folders of `save_pretrained`, or models of the Hugging Face hub.

A folder holds a network (`UNet2DModel`), its scheduler, or a pipeline of both. Anything else is refused with a reason.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from repaint.checkpoints.diffusers_scheduler import in_short, read_process
from repaint.checkpoints.file_kinds import find_kind
from repaint.checkpoints.hub import download, is_hub_id
from repaint.checkpoints.weights import Flags, OwnNetwork, State, Weights
from repaint.data import storage
from repaint.errors import CheckpointError, ConfigError
from repaint.models.diffusers_unet import DiffusersUNet, library

HAS_OWN_NETWORK = True

_PREFIX = "unet."  # of the weights' names inside `DiffusersUNet`
_INDEX, _MODEL, _SCHEDULER = "model_index.json", "config.json", "scheduler_config.json"
_TEXTS = (_INDEX, _MODEL, _SCHEDULER, f"unet/{_MODEL}", f"scheduler/{_SCHEDULER}")
_WEIGHTS = re.compile(r"diffusion_pytorch_model(-\d+-of-\d+)?\.(safetensors|bin)")


@dataclass(frozen=True)
class _Parts:
    """Where the parts of a model are; a model without a scheduler is a bare network.

    `entry` is the name of the network's folder if there are several: `unet`, and `unet_ema` with its moving average.
    """

    unet: Path
    scheduler: Path | None
    entry: str | None = None


def matches(path: str) -> bool:
    """Whether a path is a local folder. A model of the hub is read only if `model_format` asks for it."""
    return not storage.is_remote(path) and Path(path).is_dir()


def is_available(path: str) -> bool:
    """Whether the folder exists, or the path is the name of a model of the hub."""
    # A remote path is never asked for: reading refuses it with the reason.
    return storage.is_remote(path) or storage.exists(path) or is_hub_id(path)


def read(path: str, entry: str | None = None) -> Weights:
    """Read a model of diffusers, without ever running code from it.

    Args:
        path: of a folder that `save_pretrained` wrote for a `UNet2DModel` or a pipeline of one; or, if there is
            nothing of this name, a model of the Hugging Face hub.
        entry: `unet` or `unet_ema`, as the library's trainers write both; None takes the latter if there is one.

    Returns:
        Weights of a `DiffusersUNet`, with the metadata of network and scheduler.

    Raises:
        ConfigError: a library is not installed, or the path is remote.
        CheckpointError: the model is missing, damaged, or of a kind that cannot be run.
    """
    if storage.is_remote(path):
        raise ConfigError(f"{path}: a model of diffusers must be a local folder, or owner/name on the hub")
    library()  # before anything is downloaded
    folder = _find(path)
    parts = _find_parts(path, folder, entry)
    flags = _read_flags(path, parts.unet)
    metadata = _read_metadata(path, flags, parts.scheduler)
    if not Path(path).exists():
        _download_weights(path, folder, parts.unet)
    files = _weight_files(path, parts.unet)
    network = OwnNetwork("diffusers", partial(DiffusersUNet, flags), 2 ** (len(flags["block_out_channels"]) - 1))
    state, digest = _load(path, parts.unet, files), _digest(parts.unet / _MODEL, *files)
    note = None
    if parts.entry is not None and entry is None:
        note = f"{path}: its moving average (EMA) {parts.entry} is taken; model_entry: unet takes the other"
    return Weights(path, state, metadata, digest, network, parts.entry, note)


def _find(path: str) -> Path:
    """The folder; for a model of the hub only its small files are downloaded, so that a wrong one costs nothing."""
    if Path(path).is_dir():
        return Path(path)
    if Path(path).exists():
        raise CheckpointError(f"{path}: a file, but a model of diffusers is a folder (see model_format)")
    if not is_hub_id(path):
        raise CheckpointError(f"{path}: no such folder, nor a name owner/model of the Hugging Face hub")
    return download(path, _TEXTS)


def _find_parts(path: str, folder: Path, entry: str | None) -> _Parts:
    scheduler = next((each for each in (folder / "scheduler", folder) if (each / _SCHEDULER).is_file()), None)
    networks = [name for name in ("unet_ema", "unet") if (folder / name).is_dir()]
    if entry is not None and entry not in networks:
        raise CheckpointError(f"{path}: has no folder {entry} of a network (model_entry)")
    chosen = entry or (networks[0] if networks else None)
    parts = _Parts(folder / (chosen or ""), scheduler and scheduler / _SCHEDULER, chosen if len(networks) > 1 else None)
    if (folder / _INDEX).is_file():
        _check_pipeline(path, _read_json(path, folder / _INDEX))
        if scheduler is None:
            raise CheckpointError(f"{path}: incomplete: {_INDEX} names a scheduler, but there is no {_SCHEDULER}")
    if not (parts.unet / _MODEL).is_file():
        raise CheckpointError(f"{path}: no model of diffusers: it has neither {_INDEX} nor {_MODEL}")
    return parts


def _check_pipeline(path: str, index: Flags) -> None:
    """Refuse what is more than a network for pictures and its process."""
    classes = {
        key: value[1] for key, value in index.items() if isinstance(value, list) and len(value) == 2 and value[1]
    }
    name = index.get("_class_name", "a pipeline")
    if classes.get("unet") != "UNet2DModel":
        network = classes.get("unet") or ", ".join(map(str, classes.values())) or "nothing"
        raise CheckpointError(f"{path}: {name} of {network} cannot be run, only pipelines of a UNet2DModel")
    others = sorted(classes.keys() - {"unet", "scheduler"})
    if others:
        found = ", ".join(f"{key} ({classes[key]})" for key in others)
        raise CheckpointError(
            f"{path}: {name} has {found} beside its network; only networks that work on the pictures themselves, "
            f"without a latent space, can be run"
        )


def _read_json(path: str, file: Path) -> Flags:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: {file.name} is damaged ({error}); fetch it again") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: {file.name} is damaged (no dictionary); fetch it again")
    return content


def _read_flags(path: str, unet: Path) -> Flags:
    """The network's architecture, as the arguments of a `UNet2DModel`."""
    flags = _read_json(path, unet / _MODEL)
    kind = flags.get("_class_name")
    if kind != "UNet2DModel":
        raise CheckpointError(f"{path}: its network is a {kind}; only UNet2DModel can be run")
    flags = _complete(path, flags)
    _check_network(path, flags)
    return flags


def _read_metadata(path: str, flags: Flags, scheduler: Path | None) -> Flags:
    """The metadata of a model, see `Weights.metadata`."""
    learned = flags["out_channels"] == 6
    network = _read_size(path, flags["sample_size"]) | {"learn_sigma": learned, "class_cond": False}
    if flags["num_class_embeds"] is not None:
        network |= {"class_cond": True, "num_classes": flags["num_class_embeds"]}
    process = {} if scheduler is None else read_process(path, _read_json(path, scheduler), learned)
    return {"network": network, "process": process}


def _complete(path: str, flags: Flags) -> Flags:
    """The architecture with the library's defaults filled in; CheckpointError if it makes no network."""
    try:
        with torch.device("meta"):
            network = DiffusersUNet(flags)
            _call(network)
    except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
        raise CheckpointError(
            f"{path}: {_MODEL} makes no network of the installed diffusers ({in_short(error)})"
        ) from None
    outside = dict(network.named_buffers()).keys() - network.state_dict().keys()
    if outside:
        raise CheckpointError(
            f"{path}: its blocks keep constants outside the weights ({min(outside)}), which is not supported"
        )
    return {key: value for key, value in network.unet.config.items() if not key.startswith("_")}


def _call(network: DiffusersUNet) -> None:
    """Call the network on the meta device: some wrong flags fail only then."""
    side = 2 ** len(network.unet.down_blocks)
    y = None if network.unet.class_embedding is None else torch.zeros(1, dtype=torch.int64)
    network(torch.empty(1, network.unet.config.in_channels, side, side), torch.zeros(1, dtype=torch.int64), y)


def _check_network(path: str, flags: Flags) -> None:
    colours = flags["in_channels"], flags["out_channels"]
    if colours not in ((3, 3), (3, 6)):
        raise CheckpointError(
            f"{path}: in_channels {colours[0]} and out_channels {colours[1]}; only networks for RGB pictures, 3 to 3 "
            f"or 6, can be run"
        )
    if flags["class_embed_type"] is not None:
        raise CheckpointError(f"{path}: class_embed_type {flags['class_embed_type']} is not supported, only classes")
    if flags["time_embedding_type"] == "fourier":
        raise CheckpointError(
            f"{path}: time_embedding_type fourier: a network of a variance-exploding process, which has no betas"
        )


def _read_size(path: str, size: object) -> Flags:
    """`image_size`, if the model specifies it."""
    if size is None:
        return {}
    lengths = list(size) if isinstance(size, list | tuple) else [size]
    if len(set(lengths)) != 1:
        raise CheckpointError(f"{path}: sample_size {lengths} is not square; only square networks can be run")
    return {"image_size": lengths[0]}


def _download_weights(name: str, folder: Path, unet: Path) -> None:
    """Download a network's weights from the hub, pickled ones only if there are no others."""
    inside = "" if unet == folder else f"{unet.name}/"
    for suffix in ("safetensors", "bin"):
        stem = f"{inside}diffusion_pytorch_model"
        download(name, [f"{stem}.{suffix}", f"{stem}-*-of-*.{suffix}", f"{stem}.{suffix}.index.json"], folder.name)
        if any(_WEIGHTS.fullmatch(each.name) for each in unet.iterdir()):
            return


def _weight_files(path: str, unet: Path) -> list[Path]:
    found = sorted(each for each in unet.iterdir() if _WEIGHTS.fullmatch(each.name))
    files = [each for each in found if each.suffix == ".safetensors"] or found
    if not files:
        raise CheckpointError(f"{path}: no weights: there is no diffusion_pytorch_model.safetensors or .bin")
    for file in files:
        find_kind(str(file))  # refuses pointer files of Git LFS and the like
    return files


def _load(path: str, unet: Path, files: list[Path]) -> State:
    try:
        # The library reads pickled files with weights_only. By default it would try the other kind of file and warn.
        network, report = library().UNet2DModel.from_pretrained(
            str(unet),
            use_safetensors=files[0].suffix == ".safetensors",
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
        raise CheckpointError(
            f"{path}: diffusers cannot load its weights ({in_short(error)}); fetch it again"
        ) from None
    _check_report(path, report)
    return {f"{_PREFIX}{key}": value for key, value in network.state_dict().items()}


def _check_report(path: str, report: dict[str, Any]) -> None:
    """Refuse missing or unexpected keys: the library would leave missing weights at random values."""
    wrong = {kind.removesuffix("_keys"): keys for kind, keys in report.items() if kind.endswith("_keys") and keys}
    if wrong:
        parts = "; ".join(f"{kind}: {len(keys)}, such as {min(map(str, keys))}" for kind, keys in wrong.items())
        raise CheckpointError(f"{path}: its weights do not fit its {_MODEL}. Keys {parts}")


def _digest(*files: Path) -> str:
    """SHA-256 over the names and contents of files."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
