"""Registry of checkpoint formats: add a module with the members of `Format`, and an entry in `FORMATS`."""

from typing import Protocol

from repaint.checkpoints import diffusers, guided_diffusion
from repaint.checkpoints.weights import Weights
from repaint.config.sampling import ModelFormat, SamplingConfig
from repaint.errors import ConfigError


class Format(Protocol):
    """A checkpoint format: a module with these members.

    Attributes:
        HAS_OWN_NETWORK: whether its checkpoints bring networks of their own (`Weights.network`); False if they hold
            weights of guided-diffusion's UNet.
    """

    HAS_OWN_NETWORK: bool

    def matches(self, path: str) -> bool:
        """Whether a path looks like a checkpoint of this format, by itself."""

    def is_available(self, path: str) -> bool:
        """Whether a checkpoint exists, or can be downloaded."""

    def read(self, path: str, entry: str | None = None) -> Weights:
        """Read a checkpoint, or an entry of one that holds several states, without running code from it.

        Raises:
            CheckpointError, DataError, ConfigError: see `read_weights`.
        """


# By the values of the key `model_format`. The first that matches a path reads it.
FORMATS: dict[str, Format] = {"diffusers": diffusers, "guided_diffusion": guided_diffusion}


def pick_format(path: str, model_format: ModelFormat = "auto") -> str:
    """Name of the format to read a checkpoint in: `model_format`, or with "auto" the first that matches the path."""
    if model_format != "auto":
        return model_format
    return next(name for name, module in FORMATS.items() if module.matches(path))


def read_weights(path: str, model_format: ModelFormat = "auto", entry: str | None = None) -> Weights:
    """Read a checkpoint.

    Args:
        path: of a file, local or of blobfile; or of a local folder of diffusers, or with `model_format: diffusers`
            the name of a model on the Hugging Face hub, which is downloaded if it is not in the hub's cache.
        model_format: see `pick_format`.
        entry: which of several states in it to take; None takes the moving average, if there is one.

    Raises:
        CheckpointError, DataError: it is missing, damaged, unsafe, or of a kind that cannot be run.
        ConfigError: it needs a library that is not installed.
    """
    return FORMATS[pick_format(path, model_format)].read(path, entry)


def read_model(config: SamplingConfig) -> Weights:
    """Read the checkpoint of a configuration, see `read_weights`."""
    return read_weights(config.model_path, config.model_format, config.model_entry)


def is_available(path: str, model_format: ModelFormat = "auto") -> bool:
    """Whether a checkpoint can be read: it exists, or it may be on the Hugging Face hub."""
    return FORMATS[pick_format(path, model_format)].is_available(path)


def has_own_network(config: SamplingConfig) -> bool:
    """Whether the checkpoint brings its own network, so that architecture keys of the configuration do not count."""
    return FORMATS[pick_format(config.model_path, config.model_format)].HAS_OWN_NETWORK


def holds_architecture(config: SamplingConfig) -> bool:
    """Whether the architecture comes from the checkpoint, so that it can be checked only after reading it."""
    return config.model == "auto" or has_own_network(config)


def read_weights_to_train(path: str, key: str) -> Weights:
    """Read the weights that `key` of a training names; ConfigError if they belong to another library's network."""
    name = pick_format(path)
    if FORMATS[name].HAS_OWN_NETWORK:
        raise ConfigError(f"{key} {path}: a model of {name}; it can be run, but nothing is trained with it")
    return read_weights(path)


def read_classifier_weights(config: SamplingConfig) -> Weights | None:
    """Read the classifier's weights file; None if the configuration has no guidance."""
    if not config.guided or config.classifier_path is None:
        return None
    return read_weights(config.classifier_path, "guided_diffusion")
