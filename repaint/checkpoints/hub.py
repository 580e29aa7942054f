"""Download of models from the Hugging Face hub into the hub's own cache. The only import of its client."""

import re
from collections.abc import Sequence
from pathlib import Path

from repaint.errors import CheckpointError, missing_extra


def is_hub_id(path: str) -> bool:
    """Whether a path looks like the name of a model on the hub: `owner/name`, and no ending of a weights file."""
    return re.fullmatch(r"\w[\w-]*/\w[\w.-]*", path) is not None and not path.endswith((".pt", ".safetensors"))


def download(name: str, patterns: Sequence[str], revision: str | None = None) -> Path:
    """Download files of a model, unless the cache has them.

    Args:
        name: `owner/name`.
        patterns: of the wanted files' names.
        revision: commit (default: the newest).

    Returns:
        A folder, named like the commit, with those of the files that exist.

    Raises:
        ConfigError: the hub's client is not installed.
        CheckpointError: the model or the hub cannot be reached.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise missing_extra(f"{name} on the Hugging Face hub", "huggingface_hub", "diffusers") from None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # noqa: BLE001 - network, proxy, hub and disk fail in many ways
        reason = str(error).strip().partition("\n")[0][:160] or type(error).__name__
        raise CheckpointError(
            f"{name}: cannot be fetched from the Hugging Face hub ({reason}); check the name and the network, or give "
            f"the folder of a copy"
        ) from None
