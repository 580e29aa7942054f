"""Architecture of the UNet, by guided-diffusion's flags."""

from repaint.config.fields import Depth, Heads, Multipliers, ShareBelowOne, Size, Sizes, StrictModel, Width


class NetworkConfig(StrictModel):
    """Architecture of the UNet, by guided-diffusion's flags. Defaults are those of the published 256x256 face model."""

    image_size: Size = 256
    """Height and width in pixels at which the network works. It must be divisible by the network's down-sampling: 2 to
    the power of the number of `channel_mult` minus 1."""

    num_channels: Width = 256
    """Base width: feature maps at full resolution before `channel_mult`. The width of each resolution must be a
    multiple of 32, for group normalisation."""

    num_res_blocks: Depth = 2
    """Residual blocks per resolution."""

    channel_mult: Multipliers = ""
    """Width multiplier of each resolution from the highest down, such as `'1,2,4'`. `''` stands for the published
    table, which covers the sizes 64, 128, 256 and 512; other sizes need the key."""

    attention_resolutions: Sizes = "32,16,8"
    """Feature-map *sizes* in pixels (not depths) with self-attention, such as `'32,16,8'`; `''` for none but the middle
    block's. Sizes that no map has are without effect, or stand for the map at `image_size` / size, rounded down."""

    num_heads: Width = 4
    """Attention heads. Without effect unless `num_head_channels` is -1."""

    num_head_channels: Heads = 64
    """Channels of each attention head; it overrules `num_heads` unless it is -1."""

    num_heads_upsample: Heads = -1
    """Attention heads in the decoder, if `num_head_channels` is -1; -1 takes `num_heads`."""

    use_scale_shift_norm: bool = True
    """The timestep embedding scales and shifts the normalised feature maps of a residual block, instead of being added
    to them."""

    resblock_updown: bool = True
    """Residual blocks change the resolution, instead of convolutions."""

    use_new_attention_order: bool = False
    """Attention splits its channels into queries, keys and values first and into heads second, instead of the other
    way round. It leaves no trace in a checkpoint."""

    learn_sigma: bool = True
    """The network predicts the variance of the reverse step too, as an interpolation between its bounds (Nichol and
    Dhariwal 2021, eq. 15)."""

    class_cond: bool = False
    """The network is class-conditional; `cond_y` gives the classes. Training refuses it."""

    num_classes: Width = 1000
    """Number of classes of a class-conditional network."""

    dropout: ShareBelowOne = 0.0
    """Dropout probability in residual blocks, while training only."""

    use_checkpoint: bool = False
    """Recompute activations in the backward pass of training to save memory."""


# The only keys of the network that a model of diffusers takes; the rest of its architecture is its own.
FLAGS_OF_DIFFUSERS = {"image_size", "class_cond", "num_classes", "learn_sigma"}
