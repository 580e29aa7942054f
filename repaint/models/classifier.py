"""guided-diffusion's noised classifier: the UNet's encoder with attention pooling (Dhariwal and Nichol 2021, 4)."""

from torch import Tensor, nn

from repaint.models.blocks import AttentionPool2d
from repaint.models.normalisation import GroupNorm32
from repaint.models.unet import Encoder, UNetConfig


class Classifier(Encoder):
    """(x_t [B, 3, S, S], timesteps [B]) -> logits [B, config.out_channels]; S is `config.image_size`."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        size = config.image_size // config.down_sampling
        channels = self.bottom_channels
        pool = AttentionPool2d(size, channels, config.num_head_channels, config.out_channels)
        self.out = nn.Sequential(GroupNorm32(channels), nn.SiLU(), pool)

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        h, _ = self.encode(x, self.embed(timesteps))
        logits: Tensor = self.out(h.to(x.dtype))
        return logits
