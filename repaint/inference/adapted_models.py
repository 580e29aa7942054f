"""Models adapted to a picture: made once, kept in a folder, and found again by a digest of what they depend on."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from repaint.checkpoints.formats import has_own_network, read_model, read_weights
from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.checkpoints.weights import Weights
from repaint.config.sampling import SamplingConfig
from repaint.data import storage
from repaint.data.examples import Example
from repaint.data.masks import Mask, by_channel, wholly_known
from repaint.errors import CheckpointError, ConfigError, DataError
from repaint.pipeline.methods import CALLS_WITH_GRADIENT
from repaint.pipeline.network import load_network
from repaint.pipeline.pipeline import Pipeline
from repaint.training.adaptation import adapt, trains_in_bf16
from repaint.training.state import checkpoint_metadata

ADAPTED_MODELS = "adapted_models"  # name of their folder beside the results
_DIGITS = 16

OnStep = Callable[[], object]


def check_adaptable(config: SamplingConfig) -> None:
    """Raise ConfigError if the model is to be adapted, but cannot be trained."""
    if config.adapt is None:
        return
    if has_own_network(config):
        raise ConfigError(f"adapt: {config.model_path} is a model of another library; it can be run, but not trained")
    if config.class_cond:
        raise ConfigError("adapt: a class-conditional model (class_cond: true) cannot be trained here; leave adapt out")


def describe_adaptation(config: SamplingConfig) -> str | None:
    """What adapting costs, in a line; None without."""
    settings = config.adapt
    if settings is None:
        return None
    calls = CALLS_WITH_GRADIENT * settings.steps
    return (
        f"adapt: before each picture {settings.steps} training steps of {settings.batch_size} crops, which take about "
        f"as long as {calls:,} network calls of such a batch"
    )


class ModelAdapter:
    """Adapts the model of a pipeline to pictures, see `repaint.training.adaptation`.

    Args:
        pipeline: with `adapt` in its configuration.
        folder: where adapted models are kept; None keeps the last one in memory only.
    """

    def __init__(self, pipeline: Pipeline, folder: str | None) -> None:
        assert pipeline.config.adapt is not None
        self._pipeline, self._folder = pipeline, folder
        self._last: tuple[str, Pipeline] | None = None

    def __call__(self, example: Example, on_step: OnStep = lambda: None) -> Pipeline:
        """The pipeline with the model adapted to a picture; itself if nothing of the picture is known, or all.

        Args:
            example: picture and mask.
            on_step: called after each optimiser step; never if the adapted model is found.

        Raises:
            RepaintError: the loss is not finite, or the model cannot be read or written.
        """
        _, known = _inner(example)
        if not known.any() or not self._pipeline.has_to_fill(example.known):
            return self._pipeline
        digest = self._digest(example)
        if self._last is None or self._last[0] != digest:
            self._last = None  # its memory is free before the next network is trained
            self._last = digest, self._build(digest, example, on_step)
        return self._last[1]

    def _build(self, digest: str, example: Example, on_step: OnStep) -> Pipeline:
        weights = self._find_or_make(digest, example, on_step)
        model = load_network(self._pipeline.config, weights, self._pipeline.device)
        return replace(self._pipeline, model=model, weights=weights)

    def _find_or_make(self, digest: str, example: Example, on_step: OnStep) -> Weights:
        """Adapted weights, float16: what is kept and what is used at once are the same to the bit."""
        path = None if self._folder is None else storage.join(self._folder, f"{digest}.safetensors")
        if self._folder is not None and path is not None:
            kept = _read_kept(path)
            if kept is not None:
                return kept
            storage.check_writable(self._folder)  # before the training
            storage.remove_leftovers(self._folder)
        config = self._pipeline.config
        assert config.adapt is not None
        origin = read_model(config)
        pixels, known = _inner(example)
        try:
            state = adapt(config, config.adapt, origin, pixels, known, self._pipeline.device, on_step)
        except DataError as error:
            raise DataError(f"{example.pair.picture}: {error}") from None
        half = {key: value.to(torch.float16) for key, value in state.items()}
        if path is not None:
            storage.write_bytes(path, encode_checkpoint(half, checkpoint_metadata(config)))
        return Weights(path or origin.path, half, origin.metadata, digest)

    def _digest(self, example: Example) -> str:
        """Of all that the adapted model depends on: the model, how it is adapted, and what is known of the picture."""
        config, device = self._pipeline.config, self._pipeline.device
        assert config.adapt is not None
        trained = [device.type, trains_in_bf16(config, device)]
        flags = json.dumps([checkpoint_metadata(config), config.adapt.model_dump(), trained], sort_keys=True)
        digest = hashlib.sha256(f"{self._pipeline.weights.digest} {flags}".encode())
        digest.update(example.known[example.inner].tobytes())
        pixels, known = _inner(example)
        digest.update((pixels * by_channel(known)).tobytes())
        return digest.hexdigest()[:_DIGITS]


def _read_kept(path: str) -> Weights | None:
    """Adapted weights that a file keeps; None if there is none, or it is damaged and has to be made again."""
    if not storage.exists(path):
        return None
    try:
        return read_weights(path)
    except CheckpointError:
        return None


def _inner(example: Example) -> tuple[NDArray[np.uint8], Mask]:
    """Pixels uint8 [H, W, 3] of a picture without what extends it, and which of them are known in all channels."""
    return example.pixels[example.inner], wholly_known(example.known[example.inner])
