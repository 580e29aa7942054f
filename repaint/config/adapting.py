"""Keys of the adaptation of a model to each picture."""

from repaint.config.choices import ADAPT_STEPS
from repaint.config.fields import LearningRate, Positive, ShareBelowOne, StrictModel, Width


class AdaptConfig(StrictModel):
    """Fine-tuning of the model on the known pixels of a picture, before the picture is filled."""

    steps: Positive = ADAPT_STEPS
    """Optimiser steps for each picture."""

    batch_size: Width = 16
    """Crops per step."""

    lr: LearningRate = 1e-4
    """Learning rate of AdamW."""

    ema_rate: ShareBelowOne = 0.98
    """Decay per step of the moving average of the weights, which fills the picture."""
