"""What a model tells of itself, against what the configuration says."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from repaint.checkpoints import published
from repaint.checkpoints.architecture import channel_mult, sizes
from repaint.checkpoints.formats import Weights
from repaint.checkpoints.guided_diffusion import Flags, read_unet_flags
from repaint.config.network import FLAGS_OF_DIFFUSERS, NetworkConfig
from repaint.config.process import ProcessConfig, describe_betas
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig
from repaint.config.training import TrainConfig
from repaint.errors import CheckpointError, ConfigError

SamplingKind = TypeVar("SamplingKind", bound=SamplingConfig)

_SHAPELESS_FLAGS = {"num_heads", "num_head_channels", "num_heads_upsample", "use_new_attention_order"}
_TRAINING_FLAGS = {"dropout", "use_checkpoint"}  # no matter to a finished model
_SCHEDULE = {"noise_schedule", "betas"}  # two ways to say one thing
# In the order in which they are told to the user.
_UNSAID = (
    "image_size", "num_heads", "num_head_channels", "use_new_attention_order", "noise_schedule", "diffusion_steps",
    "rescale_timesteps",
)  # fmt: skip


@dataclass(frozen=True)
class _Told:
    """What is known of a model beside the configuration.

    Attributes:
        facts: what the model itself tells; a key that says otherwise contradicts it.
        assumed: what only the name of the checkpoint or custom tells; a key that says otherwise wins.
        name: the published checkpoint that it is taken for.
    """

    facts: Flags
    assumed: Flags
    name: str | None = None


def apply_weights_to_config(config: SamplingKind, weights: Weights) -> SamplingKind:
    """Fill in, or check, what the weights tell about the model.

    With `model: auto` the architecture comes from the file: from its metadata, or else from its keys and shapes. What
    these do not tell is assumed, see `note_assumptions`. Models of diffusers tell all of it.

    Raises:
        ConfigError: a key that was given contradicts the model, or a missing one is told by nothing.
        CheckpointError: `model: auto`, but the file is not a UNet's; metadata of another program.
    """
    if weights.unet is not None:
        _check_for_diffusers(config, weights.path)
    elif config.model != "auto":
        check_process(config, weights)
        _refuse_contradiction(config, _metadata(weights, "network", NetworkConfig), _SHAPELESS_FLAGS, weights.path)
        return config
    told = _listen(config, weights)
    completed = config.model_copy(update=told.assumed)
    _refuse_contradiction(completed, told.facts, config.model_fields_set, weights.path)
    known_format = {} if weights.unet is None else {"model_format": "diffusers"}
    return completed.model_copy(update=told.facts | known_format)


def note_assumptions(config: SamplingConfig, weights: Weights) -> str | None:
    """A line about what `apply_weights_to_config` assumes, and which keys say otherwise; None if there is nothing."""
    if config.model != "auto" and weights.unet is None:
        return None
    told = _listen(config, weights)
    unsaid = [key for key in _UNSAID if key in told.assumed]
    if told.assumed.get("num_head_channels", -1) != -1 and "num_heads" in unsaid:
        unsaid.remove("num_heads")  # without effect
    if not unsaid:
        return None
    list_of_them = ", ".join(f"{key} {told.assumed[key]}" for key in unsaid)
    source = f"has the shapes of {told.name}, so with its" if told.name else "does not tell all, so with the usual"
    return f"{weights.path} {source} {list_of_them}; set these keys if it was trained otherwise"


def _listen(config: SamplingConfig, weights: Weights) -> _Told:
    process = _metadata(weights, "process", ProcessConfig)
    network = _metadata(weights, "network", NetworkConfig)
    if weights.unet is not None:
        network = {"image_size": _size_for_diffusers(config, network, weights.unet, weights.path)} | network
    if network:
        return _Told(process | network, _unsaid_by(config, process, _defaults(ProcessConfig)))
    size = _said_size(config)
    flags = _read_shapes(weights, size)
    checkpoint = published.recognise(flags)
    facts = _usual(flags) if checkpoint is None else checkpoint.facts
    assumed = _unsaid_by(config, process, facts)
    if "num_heads" in config.model_fields_set and "num_head_channels" in assumed:
        assumed["num_head_channels"] = -1  # two ways to say one thing, of which the width would win
    if size is None:
        assumed["image_size"] = flags.pop("image_size")
    return _Told(process | flags, assumed, None if checkpoint is None else checkpoint.name)


def _said_size(config: SamplingConfig) -> int | None:
    """`image_size` where the configuration says it, be it for its data set."""
    if "image_size" in config.model_fields_set:
        return config.image_size
    return config.eval_data.image_size if isinstance(config, Config) else None


def _size_for_diffusers(config: SamplingConfig, network: Flags, unet: Flags, path: str) -> int:
    """The size that the model tells, or else the configuration."""
    size: int | None = network.get("image_size", _said_size(config))
    if size is None:
        raise ConfigError(f"{path}: it does not tell the size of its pictures; set image_size")
    down_sampling = 2 ** (len(unet["block_out_channels"]) - 1)
    if size % down_sampling:
        raise ConfigError(f"{path}: image_size {size} is not divisible by its down-sampling, {down_sampling}")
    return size


def _read_shapes(weights: Weights, size: int | None) -> Flags:
    """The flags that the shapes tell, and `image_size`: as said, or else as of the published models."""
    flags = read_unet_flags(weights.state, size or 1)
    if not flags:
        raise CheckpointError(f"{weights.path}: model: auto finds no guided-diffusion UNet in this file")
    if size is None:
        size = published.size_of(flags["channel_mult"])
        if size is None:
            raise ConfigError(
                f"{weights.path}: its channel_mult {flags['channel_mult']} is that of no published size, so the size "
                f"of its pictures must be told; set image_size"
            )
        flags = read_unet_flags(weights.state, size)
    return flags | {"image_size": size}


def _defaults(kind: type[NetworkConfig] | type[ProcessConfig]) -> Flags:
    return {key: field.default for key, field in kind.model_fields.items() if key in _UNSAID and key != "image_size"}


def _usual(flags: Flags) -> Flags:
    """What is assumed of a network that is none of the published: the defaults, where its widths allow them."""
    facts = _defaults(NetworkConfig) | _defaults(ProcessConfig)
    depths = [flags["image_size"] // size for size in sizes(flags["attention_resolutions"])]
    multipliers = channel_mult(flags["channel_mult"], flags["image_size"])
    widths = [flags["num_channels"] * multipliers[depth.bit_length() - 1] for depth in depths]
    if any(width % facts["num_head_channels"] for width in [*widths, flags["num_channels"] * multipliers[-1]]):
        facts["num_head_channels"] = -1  # guided-diffusion's own default, with which num_heads counts
    return facts


def _unsaid_by(config: SamplingConfig, process: Flags, facts: Flags) -> Flags:
    """Of some facts those that neither the configuration nor the file's process says."""
    said = config.model_fields_set | process.keys()
    if said & _SCHEDULE:
        said |= _SCHEDULE
    return {key: value for key, value in facts.items() if key not in said}


def _check_for_diffusers(config: SamplingConfig, path: str) -> None:
    """Refuse flags of guided-diffusion's networks, which nothing would read."""
    idle = sorted(config.model_fields_set & NetworkConfig.model_fields.keys() - FLAGS_OF_DIFFUSERS)
    if idle:
        raise ConfigError(f"{path}: a model of diffusers tells its own architecture; leave out {', '.join(idle)}")


def check_process(config: SamplingConfig | TrainConfig, weights: Weights) -> None:
    """Raise ConfigError if the file names a diffusion process that contradicts the configuration.

    Nothing else would notice: the shapes are the same, and the pictures merely bad.
    """
    told = _metadata(weights, "process", ProcessConfig)
    _refuse_contradiction(config, told, told.keys(), weights.path)


def _metadata(weights: Weights, part: str, kind: type[NetworkConfig] | type[ProcessConfig]) -> Flags:
    told = weights.metadata.get(part, {})
    try:
        checked = kind.model_validate(told)
    except ValidationError:
        raise CheckpointError(
            f"{weights.path}: its metadata is not understood; was it written by a newer version?"
        ) from None
    return checked.model_dump(include=told.keys() - _TRAINING_FLAGS)


def _refuse_contradiction(config: SamplingConfig | TrainConfig, told: Flags, keys: Set[str], path: str) -> None:
    keys = keys | _SCHEDULE if keys & _SCHEDULE else keys
    wrong = [
        f"{_say(key, vars(config))} (the file: {_say(key, told, short=True)})"
        for key in told
        if key in keys and _differ(config, told, key)
    ]
    if wrong:
        raise ConfigError(f"{path} was trained otherwise than configured: {', '.join(sorted(wrong))}")


def _say(key: str, values: Mapping[str, Any], short: bool = False) -> str:
    if key in _SCHEDULE and values.get("betas") is not None:
        return f"betas of its own, {describe_betas(values['betas'])}"
    if key == "betas":
        key = "noise_schedule"
    return str(values[key]) if short else f"{key} {values[key]}"


def _differ(config: SamplingConfig | TrainConfig, told: Flags, key: str) -> bool:
    ours, theirs = getattr(config, key), told[key]
    if key in _SCHEDULE:
        return bool((config.betas or config.noise_schedule) != (told.get("betas") or told.get("noise_schedule")))
    if key == "channel_mult":
        size = told.get("image_size", config.image_size)
        return channel_mult(ours, size) != channel_mult(theirs, size)
    if key.endswith("attention_resolutions"):
        return set(sizes(ours)) != set(sizes(theirs))
    return bool(ours != theirs)


def explain_misfit(config: SamplingConfig | TrainConfig, told: Flags) -> str:
    """The part of a message about weights that do not fit that names the flags which, by the shapes, are wrong."""
    wrong = [f"{key} is {told[key]}, not {getattr(config, key)}" for key in told if _differ(config, told, key)]
    if not wrong:
        return ""
    return f": judging by its shapes, {', '.join(wrong)} (set these keys, or model: auto)"
