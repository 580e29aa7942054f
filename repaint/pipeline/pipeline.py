"""A model ready to fill: a batch of canvases in, their next windows filled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from repaint.checkpoints.formats import Weights
from repaint.config.sampling import SamplingConfig
from repaint.data.examples import Example
from repaint.data.fill_state import FillState
from repaint.data.images import to_tensor, to_unit
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, Model
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, ReverseStep
from repaint.noise import PictureNoise, picture_seed
from repaint.pipeline.network import load_cond_fn, load_network
from repaint.pipeline.process import build_diffusion, build_times
from repaint.sampler import Callback, p_sample_loop
from repaint.schedule import count_network_calls


@dataclass(frozen=True)
class Pipeline:
    """All that turns a batch of examples into filled pictures.

    Attributes:
        weights: what they tell of the network; their tensors have been moved into `model`.
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
        """Network calls per batch."""
        return count_network_calls(self.times)

    def reverse_step(self, y: Tensor | None = None) -> ReverseStep:
        """The configured reverse step; `y` are class labels int64 [B], None for an unconditional model."""
        if self.config.use_ddim:
            return DDIMStep(self.diffusion, self.model, y, self.config.ddim_eta)
        return DDPMStep(self.diffusion, self.model, y, self.cond_fn)

    def has_to_fill(self, example: Example) -> bool:
        """Whether there is anything to do: a picture that is known all over stays as it is."""
        return not (self.config.inpa_inj_sched_prev and example.known.all())

    def fill(
        self, canvases: Sequence[FillState], labels: Sequence[int | None], size: int, callback: Callback
    ) -> Tensor:
        """Fill the next window of each canvas.

        Args:
            canvases: at least one and at most `size`.
            labels: a class for each, or None.
            size: of the batch that the network sees. It is the same for all batches of a run, as a kernel chosen for
                another shape gives other last bits; what is missing is filled up with the last canvas.
            callback: sees the whole batch.

        Returns:
            float32 [len(canvases), 3, image_size, image_size].
        """
        config = self.config
        missing = size - len(canvases)
        views = [canvas.look(config.image_size) for canvas in canvases]
        seeds = [
            picture_seed(config.seed, canvas.example.pair.index, canvas.sample, canvas.position) for canvas in canvases
        ]
        views, seeds = views + views[-1:] * missing, seeds + seeds[-1:] * missing
        classes = None if None in labels else [*labels, *[labels[-1]] * missing]
        x0 = torch.stack([to_unit(to_tensor(pixels)) for pixels, _ in views]).to(self.device)
        keep_mask = torch.stack([torch.tensor(known)[None].float() for _, known in views]).to(self.device)
        filled = p_sample_loop(
            self.reverse_step(None if classes is None else torch.tensor(classes, device=self.device)),
            self.diffusion,
            x0,
            keep_mask,
            self.times,
            PictureNoise(seeds, x0.shape[1:], self.device, config.noise_device),
            inject=config.inpa_inj_sched_prev,
            paste_known=config.paste_known,
            callback=callback,
        )
        return filled[: len(canvases)]


def build_pipeline(
    config: SamplingConfig,
    weights: Weights,
    classifier: Weights | None,
    device: torch.device,
    batches: int = 1,
) -> Pipeline:
    """Put a model on its device.

    Args:
        config: checked, and filled in by `apply_weights_to_config`.
        weights: are moved into the network: `weights.state` is empty afterwards; so are the classifier's.
        classifier: None without guidance.
        device: where to run.
        batches: about how many are to come, see `pick_compiled`.

    Raises:
        CheckpointError: the weights have another architecture.
        ConfigError: the device lacks the precision, or PyTorch cannot compile here.
    """
    diffusion, times = _process(config, device)
    model = load_network(config, weights, device, count_network_calls(times) * batches)
    cond_fn = load_cond_fn(config, classifier, device)
    return Pipeline(config, weights, model, diffusion, cond_fn, times, device)


def reschedule(pipeline: Pipeline, config: SamplingConfig) -> Pipeline:
    """An pipeline of the same model with the schedule of another configuration; raises ConfigError."""
    diffusion, times = _process(config, pipeline.device)
    return replace(pipeline, config=config, diffusion=diffusion, times=times)


def _process(config: SamplingConfig, device: torch.device) -> tuple[GaussianDiffusion, list[int]]:
    diffusion = build_diffusion(config, config.timestep_respacing, config.clip_denoised).to(device)
    return diffusion, build_times(config)
