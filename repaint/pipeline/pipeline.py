"""Inpainting pipeline: network, diffusion process and schedule on a device; fills a batch of crops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repaint.checkpoints.weights import Weights
from repaint.config.choices import DEFAULT_METHOD
from repaint.config.sampling import SamplingConfig
from repaint.data.images import to_tensor, to_unit
from repaint.data.masks import Mask, by_channel
from repaint.data.references import pick_references
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion
from repaint.diffusion.methods.observation import Observation
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, EstimatingStep, ReverseStep
from repaint.diffusion.tiling import TiledStep, Tiling
from repaint.models.optimize import with_settings
from repaint.models.shared_attention import Attend, SharedAttention
from repaint.noise import PictureNoise
from repaint.pipeline.areas import area_noise, stack_areas
from repaint.pipeline.methods import count_calls, method_of, step_calls
from repaint.pipeline.network import load_cond_fn, load_network
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import build_diffusion, build_refine_times, build_times, pick_respacing, refining
from repaint.sampler import Callback, p_sample_loop


@dataclass(frozen=True)
class Crop:
    """What the sampler fills at once: a square of the network's size from noise, or an area of any size from a fill.

    Attributes:
        pixels: uint8 [h, w, 3]; their values in the hole matter only in an area.
        known: bool [h, w], or [h, w, 3] for a coloured mask, True = known.
        seed: of its noise.
        y: class label, None for an unconditional model without guidance.
        tiles: of an area, top and left of the squares of the network's size that cover its holes. It starts from
            `pixels`, with the noise of the first of `Pipeline.refined.times` put on them.
        references: of an area, how many squares of it all its tiles attend to.
    """

    pixels: NDArray[np.uint8]
    known: Mask
    seed: int
    y: int | None = None
    tiles: tuple[tuple[int, int], ...] = ()
    references: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.known.shape[0], self.known.shape[1]


@dataclass(frozen=True)
class Pipeline:
    """Network, diffusion process and schedule on a device: all that fills a batch of crops.

    Attributes:
        config: resolved, see `repaint.checkpoints.resolve`.
        weights: metadata of the network; its tensors have been moved into `model`.
        model: the network as the sampler calls it, see `repaint.diffusion.gaussian.Model`; for areas with references it
            takes `attend`, too.
        diffusion: the respaced process.
        cond_fn: classifier guidance, None without.
        times: the jump schedule.
        device: where all of it runs.
    """

    config: SamplingConfig
    weights: Weights
    model: Callable[..., Tensor]
    diffusion: GaussianDiffusion
    cond_fn: CondFn | None
    times: list[int]
    device: torch.device

    @property
    def nfe(self) -> int:
        """Network calls per batch; a backward pass counts as two."""
        return self.count_calls(refined=False)

    @cached_property
    def refined(self) -> "Pipeline":
        """The pipeline that samples fills again: the same model with other steps, from `refine_from` on."""
        config = refining(self.config)
        return replace(
            self, config=config, diffusion=_build_process(config, self.device), times=build_refine_times(config)
        )

    def times_of(self, refined: bool) -> list[int]:
        """The schedule of a batch of crops."""
        return self.refined.times if refined else self.times

    def count_calls(self, refined: bool) -> int:
        """Network calls of a batch of crops; a backward pass counts as two."""
        config = self.refined.config if refined else self.config
        return count_calls(config, self.times_of(refined), tiled=refined)

    def reverse_step(self, y: Tensor | None = None, attend: Attend | None = None) -> EstimatingStep:
        """The configured unconditional step.

        Args:
            y: class labels int64 [B], None for an unconditional model.
            attend: what the network attends to, None for each picture to itself.
        """
        model = self.model if attend is None else partial(self.model, attend=attend)
        if self.config.use_ddim:
            return DDIMStep(self.diffusion, model, y, self.config.ddim_eta)
        return DDPMStep(self.diffusion, model, y, self.cond_fn)

    def tiled_step(self, tiling: Tiling, x0: Tensor, y: Tensor | None = None) -> EstimatingStep:
        """The configured unconditional step of pictures x0 that the network sees in tiles; `y` as in `reverse_step`."""
        guide = None if self.cond_fn is None else tiling.guide(self.cond_fn)
        whole = replace(self, cond_fn=guide).reverse_step(y)
        return TiledStep(whole, tiling, x0, self.reverse_step, SharedAttention, y)

    def conditional_step(
        self,
        x0: Tensor,
        keep_mask: Tensor,
        noise: Callable[[], Tensor],
        y: Tensor | None = None,
        tiling: Tiling | None = None,
    ) -> ReverseStep:
        """The reverse step of the configured method for a batch.

        Args:
            x0: pictures [B, 3, H, W] in [-1, 1].
            keep_mask: float [B, 1 or 3, H, W], 1 = known.
            noise: next standard normal like x0, beside the one that the sampler draws for each step.
            y: see `reverse_step`.
            tiling: of areas, which are refined; None for pictures of the network's size.
        """
        step = self.reverse_step(y) if tiling is None else self.tiled_step(tiling, x0, y)
        method = method_of(self.config)
        if method.bind is None:
            return step
        bound = method.bind(self.config, step, Observation(x0, keep_mask > 0.5), noise)
        if not method.gradients:
            return bound
        # The backward pass needs the settings of the network's precision as the forward pass does.
        return with_settings(bound, self.device, pick_precision(self.config, self.device))

    def has_to_fill(self, known: Mask) -> bool:
        """Whether a picture with this mask has to be sampled; one that is known everywhere stays as it is."""
        return not (self.config.inpa_inj_sched_prev and known.all())

    def fill(self, crops: Sequence[Crop], batch_size: int, callback: Callback | None = None) -> list[Tensor]:
        """Fill crops with the sampler.

        Args:
            crops: at least one: areas, or else at most `batch_size` squares. All have a class label, or none has.
            batch_size: of the batch that the network sees. It is the same for all batches of a run, as a kernel chosen
                for another shape gives other last bits; copies of the last crop or tile pad the batch.
            callback: receives the steps of the whole batch, padding included.

        Returns:
            float32 [3, h, w] in [-1, 1] for each crop.
        """
        if crops[0].tiles:
            filled = self.refined._fill_areas(crops, batch_size, callback)
        else:
            filled = self._fill_squares([*crops, *[crops[-1]] * (batch_size - len(crops))], callback)
        return [whole[:, : crop.shape[0], : crop.shape[1]] for whole, crop in zip(filled, crops, strict=False)]

    def _fill_squares(self, crops: Sequence[Crop], callback: Callback | None) -> Tensor:
        """Fill crops of the network's size from noise."""
        x0 = torch.stack(_pixels_of(crops)).to(self.device)
        keep_mask = torch.stack(_masks_of(crops)).to(self.device)
        seeds = [crop.seed for crop in crops]
        noise = PictureNoise(seeds, x0.shape[1:], self.device, self.config.noise_device)
        return self._sample(x0, keep_mask, self._labels_of(crops), noise, None, callback)

    def _fill_areas(self, crops: Sequence[Crop], batch_size: int, callback: Callback | None) -> Tensor:
        """Sample areas again."""
        x0 = stack_areas(_pixels_of(crops)).to(self.device)
        keep_mask = stack_areas(_masks_of(crops)).to(self.device)
        seeds, shapes, tiles = zip(*((crop.seed, crop.shape, crop.tiles) for crop in crops), strict=True)
        noise = area_noise(seeds, shapes, self.device, self.config.noise_device)
        size = self.config.image_size
        references = [pick_references(crop.known, size, crop.references) for crop in crops]
        tiling = Tiling(tiles, size, (x0.shape[2], x0.shape[3]), batch_size, self.device, references)
        return self._sample(x0, keep_mask, self._labels_of(crops), noise, tiling, callback)

    def _labels_of(self, crops: Sequence[Crop]) -> Tensor | None:
        labels = [crop.y for crop in crops]
        return None if None in labels else torch.tensor(labels, device=self.device)

    def _sample(
        self,
        x0: Tensor,
        keep_mask: Tensor,
        y: Tensor | None,
        noise: Callable[[], Tensor],
        tiling: Tiling | None,
        callback: Callback | None,
    ) -> Tensor:
        """Sample a batch along the schedule, from noise, or with a tiling from x0."""
        config, method = self.config, method_of(self.config)
        rounds = 1 if tiling is None else tiling.rounds
        return p_sample_loop(
            self.conditional_step(x0, keep_mask, noise, y, tiling),
            self.diffusion,
            x0,
            keep_mask,
            self.times,
            noise,
            x_t=None if tiling is None else self.diffusion.q_sample(x0, self.times[0], noise()),
            inject=config.inpa_inj_sched_prev and method.bind is None,
            paste_known=config.inpa_inj_sched_prev and config.paste_known,
            calls=lambda t: rounds * step_calls(config, t, tiling is not None),
            callback=callback,
        )


def _pixels_of(crops: Sequence[Crop]) -> list[Tensor]:
    return [to_unit(to_tensor(crop.pixels)) for crop in crops]


def _masks_of(crops: Sequence[Crop]) -> list[Tensor]:
    """Masks, float32 [1, H, W] each, or [3, H, W] if a coloured one is among them."""
    channels = [torch.tensor(by_channel(crop.known)).permute(2, 0, 1).float() for crop in crops]
    most = max(len(mask) for mask in channels)
    return [mask.expand(most, -1, -1) for mask in channels]


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
    diffusion, times = _build_process(config, device), build_times(config)
    model = load_network(config, weights, device, count_calls(config, times) * batches)
    cond_fn = load_cond_fn(config, classifier, device)
    return Pipeline(config, weights, model, diffusion, cond_fn, times, device)


def reschedule(pipeline: Pipeline, config: SamplingConfig) -> Pipeline:
    """The pipeline of the same model with the schedule of another configuration; raises ConfigError."""
    diffusion = _build_process(config, pipeline.device)
    return replace(pipeline, config=config, diffusion=diffusion, times=build_times(config))


def _build_process(config: SamplingConfig, device: torch.device) -> GaussianDiffusion:
    bound_variance = config.method != DEFAULT_METHOD  # RePaint's is as published
    return build_diffusion(config, pick_respacing(config), config.clip_denoised, bound_variance).to(device)
