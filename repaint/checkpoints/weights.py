"""A checkpoint in memory: what every format is read into."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from repaint.models.optimize import Network

State = dict[str, Tensor]
Flags = dict[str, Any]


@dataclass(frozen=True)
class OwnNetwork:
    """The network of a checkpoint that is not guided-diffusion's UNet and brings its own architecture.

    Attributes:
        format: name of the checkpoint's format, a key of `repaint.checkpoints.formats.FORMATS`.
        build: makes the untrained network on PyTorch's current device.
        down_sampling: factor between the picture and the smallest feature map; the picture's size must divide by it.
    """

    format: str
    build: Callable[[], Network]
    down_sampling: int


@dataclass(frozen=True)
class Weights:
    """A checkpoint in memory: weights, metadata and digest.

    Attributes:
        path: file, folder or name on a hub, for messages.
        state: weights by name.
        metadata: "network" and "process", as far as the checkpoint specifies them, by the keys of `NetworkConfig` and
            `ProcessConfig` in `repaint.config`.
        digest: SHA-256 of the checkpoint's files.
        network: None for guided-diffusion's UNets, whose architecture follows from the configuration.
        entry: which of the states in the file it is, see `repaint.checkpoints.entries`; None if there is only one.
        note: message about a choice that was made among them; None if there was none.
    """

    path: str
    state: State
    metadata: Flags
    digest: str
    network: OwnNetwork | None = None
    entry: str | None = None
    note: str | None = None
