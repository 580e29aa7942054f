"""Configuration to objects: the only place that knows both the key names and the classes behind them."""

from repaint.build.architecture import build_unet, build_unet_config
from repaint.build.checks import check, check_fit, check_results, check_sampling
from repaint.build.job import (
    build_folders,
    build_labels,
    build_pairs,
    build_reading,
    config_digest,
    describe_mask,
    result_names,
)
from repaint.build.loading import check_weights, estimate_memory, fill_unet, load_cond_fn, load_network
from repaint.build.process import build_betas, build_diffusion, build_times, build_timesteps, describe_schedule
from repaint.build.speed import pick_precision
from repaint.build.telling import apply_weights_to_config, check_process, note_assumptions
from repaint.build.weights import (
    Weights,
    is_at_hand,
    pick_format,
    read_classifier_weights,
    read_weights,
    read_weights_to_train,
    tells_architecture,
)

__all__ = [
    "Weights",
    "apply_weights_to_config",
    "build_betas",
    "build_diffusion",
    "build_folders",
    "build_labels",
    "build_pairs",
    "build_reading",
    "build_times",
    "build_timesteps",
    "build_unet",
    "build_unet_config",
    "check",
    "check_fit",
    "check_process",
    "check_results",
    "check_sampling",
    "check_weights",
    "config_digest",
    "describe_mask",
    "describe_schedule",
    "estimate_memory",
    "fill_unet",
    "is_at_hand",
    "load_cond_fn",
    "load_network",
    "note_assumptions",
    "pick_format",
    "pick_precision",
    "read_classifier_weights",
    "read_weights",
    "read_weights_to_train",
    "result_names",
    "tells_architecture",
]
