"""Inpainting pipeline: network, diffusion process and schedule on a device; fills a batch of crops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repaint.checkpoints.weights import Weights
from repaint.config.choices import DEFAULT_METHOD
from repaint.config.sampling import SamplingConfig
from repaint.data.images import to_tensor, to_unit
from repaint.data.masks import Mask, by_channel
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, EstimatingStep, ReverseStep
from repaint.models.optimize import with_settings
from repaint.noise import PictureNoise
from repaint.pipeline.methods import count_calls, method_of
from repaint.pipeline.network import load_cond_fn, load_network
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import build_diffusion, build_refine_times, build_times, pick_respacing
from repaint.sampler import Callback, p_sample_loop


@dataclass(frozen=True)
class Crop:
    """A square crop to fill, at the network's size.

    Attributes:
        pixels: uint8 [size, size, 3]; their values in the hole matter only if it is refined.
        known: bool [size, size], or [size, size, 3] for a coloured mask, True = known.
        seed: of its noise.
        y: class label, None for an unconditional model without guidance.
        refined: start from `pixels`, with the noise of the first of `Pipeline.refine_times` put on them.
    """

    pixels: NDArray[np.uint8]
    known: Mask
    seed: int
    y: int | None = None
    refined: bool = False


@dataclass(frozen=True)
class Pipeline:
    """Network, diffusion process and schedule on a device: all that fills a batch of crops.

    Attributes:
        config: resolved, see `repaint.checkpoints.resolve`.
        weights: metadata of the network; its tensors have been moved into `model`.
        model: the network as the sampler calls it.
        diffusion: the respaced process.
        cond_fn: classifier guidance, None without.
        times: the jump schedule.
        device: where all of it runs.
    """

    config: SamplingConfig
    weights: Weights
    model: Model
    diffusion: GaussianDiffusion
    cond_fn: CondFn | None
    times: list[int]
    device: torch.device

    @property
    def nfe(self) -> int:
        """Network calls per batch; a backward pass counts as two."""
        return self.count_calls(refined=False)

    @cached_property
    def refine_times(self) -> list[int]:
        """The schedule of crops that are refined."""
        return build_refine_times(self.config, self.times)

    def times_of(self, refined: bool) -> list[int]:
        """The schedule of a batch of crops."""
        return self.refine_times if refined else self.times

    def count_calls(self, refined: bool) -> int:
        """Network calls of a batch of crops; a backward pass counts as two."""
        return count_calls(self.config, self.times_of(refined))

    def reverse_step(self, y: Tensor | None = None) -> EstimatingStep:
        """The configured unconditional step; `y` are class labels int64 [B], None for an unconditional model."""
        if self.config.use_ddim:
            return DDIMStep(self.diffusion, self.model, y, self.config.ddim_eta)
        return DDPMStep(self.diffusion, self.model, y, self.cond_fn)

    def conditional_step(
        self,
        x0: Tensor,
        keep_mask: Tensor,
        noise: Callable[[], Tensor],
        y: Tensor | None = None,
        refined: bool = False,
    ) -> ReverseStep:
        """The reverse step of the configured method for a batch.

        Args:
            x0: pictures [B, 3, H, W] in [-1, 1].
            keep_mask: float [B, 1 or 3, H, W], 1 = known.
            noise: next standard normal like x0, beside the one that the sampler draws for each step.
            y: see `reverse_step`.
            refined: whether the batch is of tiles, which are sampled again.
        """
        config = self.config.refining if refined else self.config
        step, method = self.reverse_step(y), method_of(config)
        if method.bind is None:
            return step
        bound = method.bind(config, step, Observation(x0, keep_mask > 0.5), noise)
        if not method.gradients:
            return bound
        # The backward pass needs the settings of the network's precision as the forward pass does.
        return with_settings(bound, self.device, pick_precision(self.config, self.device))

    def has_to_fill(self, known: Mask) -> bool:
        """Whether a picture with this mask has to be sampled; one that is known everywhere stays as it is."""
        return not (self.config.inpa_inj_sched_prev and known.all())

    def fill(self, crops: Sequence[Crop], batch_size: int, callback: Callback | None = None) -> Tensor:
        """Fill crops with the sampler.

        Args:
            crops: at least one and at most `batch_size`; all have a class label, or none has; all are refined, or none
                is.
            batch_size: of the batch that the network sees. It is the same for all batches of a run, as a kernel chosen
                for another shape gives other last bits; copies of the last crop pad the batch.
            callback: receives the steps of the whole batch, padding included.

        Returns:
            float32 [len(crops), 3, image_size, image_size] in [-1, 1].
        """
        config = self.config
        padded = [*crops, *[crops[-1]] * (batch_size - len(crops))]
        labels = [crop.y for crop in padded]
        x0 = torch.stack([to_unit(to_tensor(crop.pixels)) for crop in padded]).to(self.device)
        keep_mask = _stack_masks([crop.known for crop in padded]).to(self.device)
        y = None if None in labels else torch.tensor(labels, device=self.device)
        noise = PictureNoise([crop.seed for crop in padded], x0.shape[1:], self.device, config.noise_device)
        method = method_of(config)
        refined = crops[0].refined
        times = self.times_of(refined)
        filled = p_sample_loop(
            self.conditional_step(x0, keep_mask, noise, y, refined),
            self.diffusion,
            x0,
            keep_mask,
            times,
            noise,
            x_t=self.diffusion.q_sample(x0, times[0], noise()) if refined else None,
            inject=config.inpa_inj_sched_prev and method.bind is None,
            paste_known=config.inpa_inj_sched_prev and config.paste_known,
            calls=lambda t: method.calls(config, t),
            callback=callback,
        )
        return filled[: len(crops)]


def _stack_masks(masks: Sequence[Mask]) -> Tensor:
    """Masks [H, W] or [H, W, 3] as one batch: float32 [B, 1, H, W], or [B, 3, H, W] if a coloured one is among them."""
    channels = [torch.tensor(by_channel(mask)).permute(2, 0, 1).float() for mask in masks]
    most = max(len(mask) for mask in channels)
    return torch.stack([mask.expand(most, -1, -1) for mask in channels])


def build_pipeline(
    config: SamplingConfig,
    weights: Weights,
    classifier: Weights | None,
    device: torch.device,
    batches: int = 1,
) -> Pipeline:
    """Build the pipeline of a configuration on a device.

    Args:
        config: checked and resolved, see `repaint.checkpoints.resolve`.
        weights: are moved into the network: `weights.state` is empty afterwards; so are the classifier's.
        classifier: None without guidance.
        device: where to run.
        batches: expected number of batches, see `pick_compiled`.

    Raises:
        CheckpointError: the weights have another architecture.
        ConfigError: the device lacks the precision, or PyTorch cannot compile here.
    """
    diffusion, times = _process(config, device)
    model = load_network(config, weights, device, count_calls(config, times) * batches)
    cond_fn = load_cond_fn(config, classifier, device)
    return Pipeline(config, weights, model, diffusion, cond_fn, times, device)


def reschedule(pipeline: Pipeline, config: SamplingConfig) -> Pipeline:
    """The pipeline of the same model with the schedule of another configuration; raises ConfigError."""
    diffusion, times = _process(config, pipeline.device)
    return replace(pipeline, config=config, diffusion=diffusion, times=times)


def _process(config: SamplingConfig, device: torch.device) -> tuple[GaussianDiffusion, list[int]]:
    bound_variance = config.method != DEFAULT_METHOD  # RePaint's is as published
    diffusion = build_diffusion(config, pick_respacing(config), config.clip_denoised, bound_variance)
    return diffusion.to(device), build_times(config)
