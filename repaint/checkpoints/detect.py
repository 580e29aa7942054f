"""Detection of guided-diffusion's architecture flags from the keys and shapes of a state dict."""

import re
from collections.abc import Mapping

from torch import Tensor

from repaint.checkpoints.weights import Flags


def read_unet_flags(state: Mapping[str, Tensor], image_size: int) -> Flags:
    """guided-diffusion's flags of a UNet, as far as its keys and shapes determine them.

    The number of attention heads and `use_new_attention_order` leave no trace in the shapes. The size of the pictures
    leaves one only in `channel_mult`, see `repaint.checkpoints.published.size_of`.

    Args:
        state: weights by name.
        image_size: size of the pictures, to express attention as feature-map sizes.

    Returns:
        Values for num_channels, num_res_blocks, channel_mult, attention_resolutions, use_scale_shift_norm,
        resblock_updown, learn_sigma, class_cond (and num_classes). Empty if the keys are not those of a UNet.
    """
    try:
        num_channels = state["time_embed.0.weight"].shape[1]
        blocks = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("output_blocks."))
        ups = {key.split(".")[1] for key in state if re.match(r"output_blocks\.\d+\.[12]\.(conv|in_layers)\.", key)}
        levels = len(ups) + 1
        per_level = blocks // levels
        first = [1 + level * per_level for level in range(levels)]  # first residual block of each level
        widths = [state[f"input_blocks.{i}.0.in_layers.2.weight"].shape[0] for i in first]
        depths = [2**level for level, i in enumerate(first) if f"input_blocks.{i}.1.qkv.weight" in state]
        flags: Flags = {
            "num_channels": num_channels,
            "num_res_blocks": per_level - 1,
            "channel_mult": ",".join(repr(width / num_channels).removesuffix(".0") for width in widths),
            "attention_resolutions": ",".join(str(image_size // depth) for depth in depths),
            "use_scale_shift_norm": state["input_blocks.1.0.emb_layers.1.weight"].shape[0] == 2 * widths[0],
            "resblock_updown": not any(key.endswith((".op.weight", ".0.op.bias")) for key in state),
            "learn_sigma": state["out.2.weight"].shape[0] == 6,
            "class_cond": "label_emb.weight" in state,
        }
    except (KeyError, ValueError, IndexError):
        return {}
    if flags["class_cond"]:
        flags["num_classes"] = state["label_emb.weight"].shape[0]
    return flags


def read_classifier_flags(state: Mapping[str, Tensor]) -> Flags:
    """guided-diffusion's flags of a classifier that its shapes determine; empty if the keys are not a classifier's."""
    try:
        width = state["input_blocks.1.0.in_layers.2.weight"].shape[0]
        return {
            "classifier_width": state["time_embed.0.weight"].shape[1],
            "classifier_use_scale_shift_norm": state["input_blocks.1.0.emb_layers.1.weight"].shape[0] == 2 * width,
            "classifier_resblock_updown": not any(key.endswith(".op.weight") for key in state),
        }
    except (KeyError, IndexError):
        return {}
