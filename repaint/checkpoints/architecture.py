"""Architecture flags of a configuration to untrained networks (UNet, classifier)."""

from repaint.config.network import NetworkConfig
from repaint.config.sampling import SamplingConfig
from repaint.errors import ConfigError
from repaint.models.classifier import Classifier
from repaint.models.unet import DEFAULT_CHANNEL_MULT, UNet, UNetConfig

CLASSIFIER_CLASSES = 1000  # the published classifier's ImageNet classes
CLASSIFIER_HEAD_CHANNELS = 64  # fixed in guided-diffusion, no flag
WIDEST = 65_536  # far beyond any network; so that a typing error cannot exhaust the memory


def sizes(text: str) -> tuple[int, ...]:
    """Feature-map sizes of a text such as '32,16,8'."""
    return tuple(int(part) for part in text.split(",") if part)


def channel_mult(text: str, image_size: int) -> tuple[float, ...]:
    """Multipliers per resolution; an empty text stands for the published ones of that picture size."""
    multipliers = tuple(float(part) for part in text.split(",") if part) or DEFAULT_CHANNEL_MULT.get(image_size)
    if multipliers is None:
        table = ", ".join(map(str, sorted(DEFAULT_CHANNEL_MULT)))
        raise ConfigError(f"image_size {image_size} has no default channel_mult (only {table} have); set the key")
    return multipliers


def build_unet_config(config: NetworkConfig) -> UNetConfig:
    """Architecture of the network.

    Raises:
        ConfigError: the size has no default `channel_mult`, or the flags contradict each other.
    """
    unet_config = UNetConfig(
        image_size=config.image_size,
        num_channels=config.num_channels,
        num_res_blocks=config.num_res_blocks,
        channel_mult=channel_mult(config.channel_mult, config.image_size),
        attention_resolutions=sizes(config.attention_resolutions),
        num_heads=config.num_heads,
        num_head_channels=config.num_head_channels,
        num_heads_upsample=config.num_heads_upsample,
        use_scale_shift_norm=config.use_scale_shift_norm,
        resblock_updown=config.resblock_updown,
        use_new_attention_order=config.use_new_attention_order,
        num_classes=config.num_classes if config.class_cond else None,
        out_channels=6 if config.learn_sigma else 3,
        dropout=config.dropout,
        use_checkpoint=config.use_checkpoint,
    )
    _check_architecture(unet_config)
    return unet_config


def build_classifier_config(config: SamplingConfig) -> UNetConfig:
    """Architecture of the noised classifier; raises ConfigError like `build_unet_config`."""
    classifier_config = UNetConfig(
        image_size=config.image_size,
        num_channels=config.classifier_width,
        num_res_blocks=config.classifier_depth,
        channel_mult=_classifier_channel_mult(config.image_size),
        attention_resolutions=sizes(config.classifier_attention_resolutions),
        num_head_channels=CLASSIFIER_HEAD_CHANNELS,
        use_scale_shift_norm=config.classifier_use_scale_shift_norm,
        resblock_updown=config.classifier_resblock_updown,
        out_channels=CLASSIFIER_CLASSES,
    )
    _check_architecture(classifier_config)
    return classifier_config


def _classifier_channel_mult(image_size: int) -> tuple[float, ...]:
    if image_size not in DEFAULT_CHANNEL_MULT:
        table = ", ".join(map(str, sorted(DEFAULT_CHANNEL_MULT)))
        raise ConfigError(f"image_size {image_size}: a classifier exists for pictures of {table} only")
    return DEFAULT_CHANNEL_MULT[image_size]


def _check_architecture(config: UNetConfig) -> None:
    if config.image_size % config.down_sampling:
        raise ConfigError(
            f"image_size {config.image_size} is not divisible by {config.down_sampling}, "
            f"the down-sampling of channel_mult with {len(config.channel_mult)} levels"
        )
    for level in range(len(config.channel_mult)):
        if config.width(level) not in range(32, WIDEST + 1, 32):
            raise ConfigError(
                f"num_channels {config.num_channels} x channel_mult {config.channel_mult[level]:g} is "
                f"{config.width(level)} channels; group normalisation needs a multiple of 32 up to {WIDEST}"
            )


def attention_note(key: str, config: UNetConfig) -> str | None:
    """A message about attention sizes that no feature map has; None if there are none.

    They are accepted because the published code runs them: it divides `image_size` by them and rounds down.

    Args:
        key: of the configuration.
        config: what it specifies.
    """
    maps = config.map_sizes
    odd = [
        f"{size} counts as {maps[depth]}" if (depth := config.image_size // size) in maps else f"{size} has no effect"
        for size in config.attention_resolutions
        if size not in maps.values()
    ]
    if not odd:
        return None
    return f"{key}: {', '.join(odd)}; the maps of this network have sizes {', '.join(map(str, maps.values()))}"


def build_unet(config: UNetConfig) -> UNet:
    """An untrained network; ConfigError if attention cannot be split into heads."""
    try:
        return UNet(config)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def build_classifier(config: UNetConfig) -> Classifier:
    """An untrained classifier; ConfigError if attention cannot be split into heads."""
    try:
        return Classifier(config)
    except ValueError as error:
        raise ConfigError(f"classifier: {error}") from None
