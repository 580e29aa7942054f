"""A training run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from repaint.config.fields import (
    LearningRate,
    NonNegative,
    NonNegativeReal,
    PathText,
    Positive,
    PositiveReal,
    PositiveShare,
    Seed,
    ShareBelowOne,
    Steps,
    Width,
)
from repaint.config.network import NetworkConfig
from repaint.config.process import ProcessConfig


class TrainConfig(NetworkConfig, ProcessConfig):
    """A training run: `python scripts/train.py --conf_path X.yml`. The keys of the network and of the diffusion process
    stand beside these."""

    data_path: PathText
    """Folder of pictures, searched with its sub-folders."""

    out: PathText
    """Folder of the results: resume state, exported model, sample sheets and log."""

    init_path: PathText | None = None
    """Checkpoint to fine-tune; its weights are loaded at step 0."""

    init_skip: list[str] = Field(default_factory=list)
    """Layers of `init_path` that are left out and begin at random, such as `[middle_block, output_blocks.0]`, so that
    what they have learned is lost. Only with `init_path`."""

    teacher_path: PathText | None = None
    """Model of the same architecture to learn from as well: the network learns for each of four overlapping windows of
    a picture what the teacher predicts in the others, so that fills do not depend on where a window lies. Pictures are
    scaled to 13/8 of `image_size`, of which a window shows 8/13, and must not be smaller. `batch_size` counts windows
    and must be divisible by four times the number of processes."""

    guide_path: PathText | None = None
    """Weaker model of the same architecture, such as the teacher after fewer steps: the teacher's predictions are moved
    away from its own (autoguidance). Fills become sharper and less alike, and their PSNR lower. Only with
    `teacher_path`."""

    guide_scale: PositiveReal = 1.0
    """How far the teacher's predictions are moved away from those of `guide_path`, in units of the distance between
    them. Only with `guide_path`."""

    guide_below: PositiveShare = 1.0
    """Share of the process's steps, those of lowest noise, at which the teacher is guided: at high noise guidance makes
    colours garish. Only with `guide_path`."""

    random_flip: bool = True
    """Mirror half of the pictures, chosen at random, left to right."""

    steps: Positive
    """Optimiser steps."""

    batch_size: Width = 32
    """Pictures per optimiser step over all processes; it must be divisible by their number."""

    lr: LearningRate = 1e-4
    """Peak learning rate of AdamW."""

    lr_decay: Literal["constant", "cosine"] = "constant"
    """Course of the learning rate after the warm-up: `constant`, or half a `cosine` down to 0 at `steps`."""

    warmup_steps: NonNegative = 0
    """Steps over which the learning rate rises linearly to its peak."""

    weight_decay: NonNegativeReal = 0.0
    """Weight decay of AdamW."""

    grad_clip: PositiveReal | None = None
    """Largest norm of the gradient, to which larger ones are scaled down; without the key there is no limit."""

    ema_rate: ShareBelowOne = 0.9999
    """Decay per step of the moving average of the weights, which is what is exported."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` runs the network under autocast; weights stay float32."""

    channels_last: bool = True
    """Memory layout of the feature maps with a pixel's channels side by side, which is faster on most devices."""

    export_precision: Literal["fp32", "fp16"] = "fp32"
    """Number format of the weights in the exported model file."""

    sample_steps: Steps = 50
    """Steps of the sampling process for a sample sheet, at most `diffusion_steps`."""

    sample_count: Width = 16
    """Pictures on a sample sheet."""

    log_interval: Positive = 50
    """Steps between lines of the log."""

    sample_interval: Positive = 1000
    """Steps between sample sheets."""

    save_interval: Positive = 500
    """Steps between saves of resume state and exported model."""

    seed: Seed = 0
    """Seed of the order of the pictures, flips, times and noise: steps repeat exactly after an interruption."""

    @model_validator(mode="after")
    def _something_to_skip(self) -> Self:
        if self.init_skip and self.init_path is None:
            raise ValueError("init_skip has no meaning without init_path; leave it out")
        return self

    @model_validator(mode="after")
    def _something_to_guide(self) -> Self:
        if self.guide_path is not None and self.teacher_path is None:
            raise ValueError("guide_path has no meaning without teacher_path; leave it out")
        for key in ("guide_scale", "guide_below"):
            if key in self.model_fields_set and self.guide_path is None:
                raise ValueError(f"{key} has no meaning without guide_path; leave it out")
        return self

    @model_validator(mode="after")
    def _few_sample_steps(self) -> Self:
        if self.sample_steps > self.diffusion_steps:
            raise ValueError(
                f"sample_steps {self.sample_steps} is more than the {self.diffusion_steps} diffusion_steps; lower it"
            )
        return self
