"""Resolve a configuration against a checkpoint: what metadata and shapes specify, what is assumed, what contradicts."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from repaint.checkpoints import published
from repaint.checkpoints.architecture import channel_mult, sizes
from repaint.checkpoints.contradictions import (
    SCHEDULE,
    check_process,
    read_network_metadata,
    read_process_metadata,
    refuse_contradictions,
)
from repaint.checkpoints.detect import read_unet_flags
from repaint.checkpoints.weights import Flags, OwnNetwork, Weights
from repaint.config.network import FLAGS_OF_DIFFUSERS, NetworkConfig
from repaint.config.process import ProcessConfig
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig
from repaint.errors import CheckpointError, ConfigError

SamplingKind = TypeVar("SamplingKind", bound=SamplingConfig)

_SHAPELESS_FLAGS = {"num_heads", "num_head_channels", "num_heads_upsample", "use_new_attention_order"}
# Flags that may have to be assumed, in the order of the message.
_ASSUMABLE = (
    "image_size", "num_heads", "num_head_channels", "use_new_attention_order", "noise_schedule", "diffusion_steps",
    "rescale_timesteps",
)  # fmt: skip


class Resolved(NamedTuple, Generic[SamplingKind]):
    """A configuration completed from a checkpoint.

    Attributes:
        config: with the flags of the checkpoint filled in.
        note: message listing the assumed values, and which keys override them; None if nothing is assumed.
    """

    config: SamplingKind
    note: str | None


@dataclass(frozen=True)
class _Facts:
    """Flags of a checkpoint beside those of the configuration.

    Attributes:
        specified: by the checkpoint itself; a key of the configuration with another value contradicts it.
        assumed: from the published checkpoint that it resembles, or from the defaults; a key of the configuration wins.
        name: of the published checkpoint that it resembles.
    """

    specified: Flags
    assumed: Flags
    name: str | None = None


def resolve(config: SamplingKind, weights: Weights) -> Resolved[SamplingKind]:
    """Complete a configuration from a checkpoint, or check it against the checkpoint.

    With `model: auto` the architecture comes from the checkpoint: from its metadata, or else from its keys and shapes.
    What these do not specify is assumed and listed in the note. Checkpoints with a network of their own specify all of
    the architecture. Else the configuration must be complete, and only contradictions are reported.

    Args:
        config: as loaded.
        weights: as read; their state must still be there.

    Raises:
        ConfigError: a key contradicts the checkpoint, or must be set because nothing else specifies it.
        CheckpointError: `model: auto`, but the file is not a UNet's; metadata of another program.
    """
    changes: Flags = {} if weights.entry is None else {"model_entry": weights.entry}
    if weights.network is not None:
        _refuse_idle_keys(config, weights.network, weights.path)
        changes |= {"model_format": weights.network.format}
    elif config.model != "auto":
        check_process(config, weights)
        refuse_contradictions(config, read_network_metadata(weights), _SHAPELESS_FLAGS, weights.path)
        return Resolved(config.model_copy(update=changes), None)
    facts = _find_facts(config, weights)
    completed = config.model_copy(update=facts.assumed)
    refuse_contradictions(completed, facts.specified, config.model_fields_set, weights.path)
    return Resolved(completed.model_copy(update=facts.specified | changes), _describe_assumed(facts, weights.path))


def _refuse_idle_keys(config: SamplingConfig, network: OwnNetwork, path: str) -> None:
    """Refuse flags of guided-diffusion's networks, which nothing would read."""
    idle = sorted(config.model_fields_set & NetworkConfig.model_fields.keys() - FLAGS_OF_DIFFUSERS)
    if idle:
        raise ConfigError(f"{path}: a model of {network.format} has its own architecture; leave out {', '.join(idle)}")


def _describe_assumed(facts: _Facts, path: str) -> str | None:
    assumed = {key: facts.assumed[key] for key in _ASSUMABLE if key in facts.assumed}
    if assumed.get("num_head_channels", -1) != -1:
        assumed.pop("num_heads", None)  # without effect
    if not assumed:
        return None
    reason = f"has the shapes of {facts.name}" if facts.name else "does not specify all flags"
    values = ", ".join(f"{key} {value}" for key, value in assumed.items())
    return f"{path} {reason}; assumed: {values}; set these keys if it was trained otherwise"


def _find_facts(config: SamplingConfig, weights: Weights) -> _Facts:
    process, network = read_process_metadata(weights), read_network_metadata(weights)
    if weights.network is not None:
        network = {"image_size": _size_of_own_network(config, network, weights.network, weights.path)} | network
    if network:
        return _Facts(process | network, _unspecified(config, process, _defaults(ProcessConfig)))
    return _find_facts_in_shapes(config, process, weights)


def _size_of_own_network(config: SamplingConfig, flags: Flags, network: OwnNetwork, path: str) -> int:
    """The size that the checkpoint specifies, or else the configuration."""
    size: int | None = flags.get("image_size", _configured_size(config))
    if size is None:
        raise ConfigError(f"{path}: it does not specify the size of its pictures; set image_size")
    if size % network.down_sampling:
        raise ConfigError(f"{path}: image_size {size} is not divisible by its down-sampling, {network.down_sampling}")
    return size


def _configured_size(config: SamplingConfig) -> int | None:
    """`image_size` where the configuration sets it, be it for its data set."""
    if "image_size" in config.model_fields_set:
        return config.image_size
    return config.eval_data.image_size if isinstance(config, Config) else None


def _find_facts_in_shapes(config: SamplingConfig, process: Flags, weights: Weights) -> _Facts:
    size = _configured_size(config)
    flags = _read_shapes(weights, size)
    checkpoint = published.recognise(flags)
    facts = _default_facts(flags) if checkpoint is None else checkpoint.facts
    assumed = _unspecified(config, process, facts)
    if "num_heads" in config.model_fields_set and "num_head_channels" in assumed:
        assumed["num_head_channels"] = -1  # two ways to specify one thing, of which the width would win
    if size is None:
        assumed["image_size"] = flags.pop("image_size")
    return _Facts(process | flags, assumed, None if checkpoint is None else checkpoint.name)


def _read_shapes(weights: Weights, size: int | None) -> Flags:
    """The flags that the shapes determine, and `image_size`: as configured, or else that of the published table."""
    flags = read_unet_flags(weights.state, size or 1)
    if not flags:
        raise CheckpointError(f"{weights.path}: model: auto finds no guided-diffusion UNet in this file")
    if size is None:
        size = published.size_of(flags["channel_mult"])
        if size is None:
            raise ConfigError(
                f"{weights.path}: its channel_mult {flags['channel_mult']} is that of no published size, so the size "
                f"of its pictures must be specified; set image_size"
            )
        flags = read_unet_flags(weights.state, size)
    return flags | {"image_size": size}


def _default_facts(flags: Flags) -> Flags:
    """What is assumed of a network that is none of the published: the defaults, where its widths allow them."""
    facts = _defaults(NetworkConfig) | _defaults(ProcessConfig)
    depths = [flags["image_size"] // size for size in sizes(flags["attention_resolutions"])]
    multipliers = channel_mult(flags["channel_mult"], flags["image_size"])
    widths = [flags["num_channels"] * multipliers[depth.bit_length() - 1] for depth in depths]
    if any(width % facts["num_head_channels"] for width in [*widths, flags["num_channels"] * multipliers[-1]]):
        facts["num_head_channels"] = -1  # guided-diffusion's own default, with which num_heads counts
    return facts


def _defaults(kind: type[NetworkConfig] | type[ProcessConfig]) -> Flags:
    return {key: field.default for key, field in kind.model_fields.items() if key in _ASSUMABLE and key != "image_size"}


def _unspecified(config: SamplingConfig, process: Flags, facts: Flags) -> Flags:
    """Those of some facts that neither the configuration nor the checkpoint's process specifies."""
    specified = config.model_fields_set | process.keys()
    if specified & SCHEDULE:
        specified |= SCHEDULE
    return {key: value for key, value in facts.items() if key not in specified}
