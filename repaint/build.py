"""Configuration to objects: the only module that knows both the key names and the classes behind them."""

from repaint.config import Config, NetworkConfig, TrainConfig
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion, VarianceType
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.models.unet import DEFAULT_CHANNEL_MULT, UNet, UNetConfig


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def build_unet_config(config: NetworkConfig) -> UNetConfig:
    """Architecture of the network.

    Raises:
        ConfigError: the size has no default `channel_mult`, or the flags contradict each other.
    """
    multipliers = _numbers(config.channel_mult) or DEFAULT_CHANNEL_MULT.get(config.image_size)
    if multipliers is None:
        known = ", ".join(map(str, sorted(DEFAULT_CHANNEL_MULT)))
        raise ConfigError(f"image_size {config.image_size} has no default channel_mult (only {known}); give the key")
    unet_config = UNetConfig(
        image_size=config.image_size,
        num_channels=config.num_channels,
        num_res_blocks=config.num_res_blocks,
        channel_mult=multipliers,
        attention_resolutions=tuple(int(size) for size in _numbers(config.attention_resolutions)),
        num_heads=config.num_heads,
        num_head_channels=config.num_head_channels or -1,
        num_heads_upsample=config.num_heads_upsample,
        use_scale_shift_norm=config.use_scale_shift_norm,
        resblock_updown=config.resblock_updown,
        use_new_attention_order=config.use_new_attention_order,
        num_classes=config.num_classes if config.class_cond else None,
        out_channels=6 if config.learn_sigma else 3,
        dropout=config.dropout,
        use_checkpoint=config.use_checkpoint,
    )
    check_unet_config(unet_config)
    return unet_config


def check_unet_config(config: UNetConfig) -> None:
    """Raise ConfigError if the picture size or a width does not fit the network."""
    if config.image_size % config.down_sampling:
        raise ConfigError(
            f"image_size {config.image_size} is not divisible by {config.down_sampling}, "
            f"the down-sampling of channel_mult with {len(config.channel_mult)} levels"
        )
    for level in range(len(config.channel_mult)):
        if config.width(level) % 32:
            raise ConfigError(
                f"num_channels {config.num_channels} x channel_mult {config.channel_mult[level]:g} is "
                f"{config.width(level)} channels; group normalisation needs a multiple of 32"
            )


def build_unet(config: UNetConfig) -> UNet:
    """An untrained network; ConfigError if attention cannot be split into heads."""
    try:
        return UNet(config)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def build_diffusion(config: Config | TrainConfig, respacing: str = "", clip_denoised: bool = True) -> GaussianDiffusion:
    """The diffusion process on the timesteps that `respacing` keeps ('' for all).

    Raises:
        ConfigError: the respacing does not fit the number of steps.
    """
    try:
        betas = get_named_beta_schedule(config.noise_schedule, config.diffusion_steps)
        timesteps = space_timesteps(config.diffusion_steps, respacing)
    except ValueError as error:
        raise ConfigError(f"diffusion_steps, noise_schedule, timestep_respacing: {error}") from None
    fixed: VarianceType = "fixed_small" if config.sigma_small else "fixed_large"
    return GaussianDiffusion(
        betas,
        timesteps,
        mean_type="xstart" if config.predict_xstart else "epsilon",
        variance_type="learned_range" if config.learn_sigma else fixed,
        clip_denoised=clip_denoised,
        rescale_timesteps=config.rescale_timesteps,
    )
