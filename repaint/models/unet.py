"""guided-diffusion's UNet and the encoder half that it shares with the noised classifier."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repaint.models.blocks import (
    AttentionBlock,
    Downsample,
    ResBlock,
    TimestepSequential,
    Upsample,
    timestep_embedding,
    zero_init,
)
from repaint.models.normalisation import GroupNorm32
from repaint.models.shared_attention import Attend

# Channel multipliers of the published models by picture size (guided-diffusion's defaults).
DEFAULT_CHANNEL_MULT: dict[int, tuple[float, ...]] = {
    512: (0.5, 1, 1, 2, 2, 4, 4),
    256: (1, 1, 2, 2, 4, 4),
    128: (1, 1, 2, 3, 4),
    64: (1, 2, 3, 4),
}


@dataclass(frozen=True)
class UNetConfig:
    """Architecture of a UNet or an encoder; the names are guided-diffusion's flags.

    Attributes:
        image_size: height and width of the pictures; only used to turn `attention_resolutions` into depths.
        num_channels: base width.
        num_res_blocks: residual blocks per resolution.
        channel_mult: width multiplier per resolution.
        attention_resolutions: feature-map sizes (not depths) with self-attention.
        num_heads, num_head_channels: number of heads, or their width (wins unless -1).
        num_heads_upsample: number of heads in the decoder, -1 for `num_heads`.
        num_classes: size of the label embedding, None for an unconditional network.
        out_channels: 3, or 6 with a learned variance.
    """

    image_size: int
    num_channels: int
    num_res_blocks: int
    channel_mult: tuple[float, ...]
    attention_resolutions: tuple[int, ...] = ()
    num_heads: int = 4
    num_head_channels: int = -1
    num_heads_upsample: int = -1
    use_scale_shift_norm: bool = True
    resblock_updown: bool = False
    use_new_attention_order: bool = False
    num_classes: int | None = None
    out_channels: int = 6
    dropout: float = 0.0
    use_checkpoint: bool = False

    @property
    def map_sizes(self) -> dict[int, int]:
        """Height and width of the feature maps by down-sampling factor."""
        return {2**level: self.image_size // 2**level for level in range(len(self.channel_mult))}

    @property
    def attention_depths(self) -> set[int]:
        """Down-sampling factors at which attention is applied; sizes that no map has are rounded as published."""
        return {self.image_size // size for size in self.attention_resolutions} & self.map_sizes.keys()

    @property
    def down_sampling(self) -> int:
        """Factor between the picture and the smallest feature map."""
        return int(2 ** (len(self.channel_mult) - 1))

    @property
    def emb_channels(self) -> int:
        """Width of the timestep embedding."""
        return 4 * self.num_channels

    def width(self, level: int) -> int:
        """Channels at resolution level `level`, 0 being the picture's own."""
        return int(self.channel_mult[level] * self.num_channels)


def _res_block(config: UNetConfig, channels: int, out_channels: int, resample: str | None = None) -> ResBlock:
    return ResBlock(
        channels,
        config.emb_channels,
        config.dropout,
        out_channels,
        config.use_scale_shift_norm,
        resample,
        config.use_checkpoint,
    )


def _attention(config: UNetConfig, channels: int, num_heads: int | None = None) -> AttentionBlock:
    heads = config.num_heads if num_heads is None else num_heads
    return AttentionBlock(channels, heads, config.num_head_channels, config.use_new_attention_order)


class Encoder(nn.Module):
    """Timestep embedding, down-sampling path and middle block: all that the UNet and the classifier share."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32  # of the convolutions' weights and the activations between them
        self.time_embed = nn.Sequential(
            nn.Linear(config.num_channels, config.emb_channels),
            nn.SiLU(),
            nn.Linear(config.emb_channels, config.emb_channels),
        )
        self.input_blocks = nn.ModuleList()
        self.skip_channels: list[int] = []
        channels = self._build_input_blocks()
        self.middle_block = TimestepSequential(
            _res_block(config, channels, channels), _attention(config, channels), _res_block(config, channels, channels)
        )
        self.bottom_channels = channels

    def _build_input_blocks(self) -> int:
        config = self.config
        channels = config.width(0)
        self._append_input(TimestepSequential(nn.Conv2d(3, channels, 3, padding=1)), channels)
        last_level = len(config.channel_mult) - 1
        for level in range(last_level + 1):
            for _ in range(config.num_res_blocks):
                layers: list[nn.Module] = [_res_block(config, channels, config.width(level))]
                channels = config.width(level)
                if 2**level in config.attention_depths:
                    layers.append(_attention(config, channels))
                self._append_input(TimestepSequential(*layers), channels)
            if level < last_level:
                down = _res_block(config, channels, channels, "down") if config.resblock_updown else None
                self._append_input(TimestepSequential(down or Downsample(channels, use_conv=True)), channels)
        return channels

    def _append_input(self, block: TimestepSequential, channels: int) -> None:
        self.input_blocks.append(block)
        self.skip_channels.append(channels)

    def embed(self, timesteps: Tensor) -> Tensor:
        """Embedding [B, 4 * num_channels] of timesteps [B]; [1, ...] where the whole batch shares one timestep."""
        if timesteps.stride() == (0,):  # expanded, as by the sampler; comparing values would wait for the device
            timesteps = timesteps[:1]
        embedding: Tensor = self.time_embed(timestep_embedding(timesteps, self.config.num_channels))
        return embedding

    def encode(self, x: Tensor, emb: Tensor, attend: Attend | None = None) -> tuple[Tensor, list[Tensor]]:
        """Feature map at the bottom, and the outputs of all input blocks for the skip connections."""
        h = x.to(self.dtype)
        skips = []
        for block in self.input_blocks:
            h = block(h, emb, attend)
            skips.append(h)
        return self.middle_block(h, emb, attend), skips

    def convert(self, dtype: torch.dtype) -> None:
        """Convert the weights of all convolutions but the last; normalisation and embeddings stay float32."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d) and not name.startswith("out."):
                module.to(dtype)
        self.dtype = dtype


class UNet(Encoder):
    """The noise-predicting network: (x [B, 3, H, W], timesteps [B], y [B] or None) -> [B, out_channels, H, W]."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        if config.num_classes is not None:
            self.label_emb = nn.Embedding(config.num_classes, config.emb_channels)
        self.output_blocks = nn.ModuleList()
        channels = self._build_output_blocks(self.bottom_channels)
        self.out = nn.Sequential(
            GroupNorm32(channels), nn.SiLU(), zero_init(nn.Conv2d(channels, config.out_channels, 3, padding=1))
        )

    def _build_output_blocks(self, channels: int) -> int:
        config = self.config
        skips = list(self.skip_channels)
        num_heads = config.num_heads if config.num_heads_upsample == -1 else config.num_heads_upsample
        for level in reversed(range(len(config.channel_mult))):
            for i in range(config.num_res_blocks + 1):
                layers: list[nn.Module] = [_res_block(config, channels + skips.pop(), config.width(level))]
                channels = config.width(level)
                if 2**level in config.attention_depths:
                    layers.append(_attention(config, channels, num_heads))
                if level > 0 and i == config.num_res_blocks:
                    up = _res_block(config, channels, channels, "up") if config.resblock_updown else None
                    layers.append(up or Upsample(channels, use_conv=True))
                self.output_blocks.append(TimestepSequential(*layers))
        return channels

    @property
    def compiled_parts(self) -> list[nn.Module]:
        """What to compile one by one: blocks of equal shapes share code, which takes less time than the whole."""
        return [module for module in self.modules() if isinstance(module, ResBlock | AttentionBlock)] + [self.out]

    def forward(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, attend: Attend | None = None) -> Tensor:
        """Raises ValueError if `y` is given to an unconditional network or missing for a class-conditional one.

        `attend` changes what the attention layers attend to, see `repaint.models.shared_attention`.
        """
        if (y is None) != (self.config.num_classes is None):
            raise ValueError("class labels y must be given if and only if the network is class-conditional")
        emb = self.embed(timesteps)
        if y is not None:
            emb = emb + self.label_emb(y)
        h, skips = self.encode(x, emb, attend)
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], dim=1), emb, attend)
        out: Tensor = self.out(h.to(x.dtype))
        return out.contiguous()  # whatever layout the network works in
