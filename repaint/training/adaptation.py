"""Adaptation of a trained model to one picture: fine-tuning on the picture's own known pixels.

A picture repeats itself: a model that has seen the picture's textures at several scales fills its hole more faithfully
(internal learning, Shocher et al. 2018, "Zero-Shot" Super-Resolution; for diffusion models SinFusion, Nikankin et al.
2023). The loss counts known pixels only, so nothing of the hole's content takes part.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repaint.checkpoints.architecture import build_unet, build_unet_config
from repaint.checkpoints.weights import State, Weights
from repaint.config.adapting import AdaptConfig
from repaint.config.sampling import SamplingConfig
from repaint.data.images import to_tensor, to_unit
from repaint.data.masks import Mask
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.losses import training_losses
from repaint.errors import DataError
from repaint.pipeline.network import fill_unet
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.process import build_diffusion
from repaint.training.data_order import step_generator, step_seed
from repaint.training.optimisation import all_finite, draw_times_and_noise, flip_half, update_average, with_autocast
from repaint.training.picture_crops import PictureCrops

_SEED = 0  # not the run's: other fills of the picture use the same adapted model
_WARMUP_STEPS = 10
_GRAD_CLIP = 1.0


def adapt(
    config: SamplingConfig,
    settings: AdaptConfig,
    weights: Weights,
    pixels: NDArray[np.uint8],
    known: Mask,
    device: torch.device,
    on_step: Callable[[], object] = lambda: None,
) -> State:
    """Fine-tune a model on the known pixels of a picture.

    Args:
        config: of the model.
        settings: of the fine-tuning.
        weights: to start from; they stay as they are.
        pixels: the picture, uint8 [H, W, 3].
        known: bool [H, W], True = known.
        device: where to train.
        on_step: called after each step.

    Returns:
        Moving average of the weights, float32 on the host, the same at every call on the same machine.

    Raises:
        CheckpointError: the weights have another architecture.
        DataError: the loss or the adapted weights are not finite.
    """
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # the random state of the process stays as it is
        network = build_unet(build_unet_config(config))
        fill_unet(network, config, weights)
        network.to(device).train()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = {key: value.clone() for key, value in network.state_dict().items()}
        optimiser = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=0.0)
        crops = PictureCrops(pixels, known, config.image_size)
        diffusion = build_diffusion(config, "").to(device)  # all trained steps
        bf16 = trains_in_bf16(config, device)
        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * min(1.0, (step + 1) / _WARMUP_STEPS)
            loss = _loss(network, diffusion, crops, settings.batch_size, step, bf16)
            if not loss.isfinite():
                raise DataError(f"adapt: the loss is {loss.item()} at step {step}; lower adapt.lr")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), _GRAD_CLIP)
            optimiser.step()
            update_average(average, network, settings.ema_rate, step)
            on_step()
        if not all_finite(average.values()):
            raise DataError("adapt: the adapted weights are not finite; lower adapt.lr")
        return {key: value.cpu() for key, value in average.items()}


def trains_in_bf16(config: SamplingConfig, device: torch.device) -> bool:
    """Whether a model is adapted under autocast to bf16, as it is going to run; in float32 otherwise."""
    return pick_precision(config, device) == "bf16"


def _loss(
    network: nn.Module, diffusion: GaussianDiffusion, crops: PictureCrops, count: int, step: int, bf16: bool
) -> Tensor:
    """Mean loss of the crops of a step; all that is random in it is a function of the step."""
    device = next(network.parameters()).device
    pixels, known = crops.draw(count, np.random.default_rng([_SEED, step]))
    x0 = to_unit(torch.stack([to_tensor(crop) for crop in pixels])).to(device)
    keep_mask = torch.from_numpy(known).unsqueeze(1).float().to(device)
    generator = step_generator(_SEED, step, 2)
    x0, keep_mask = flip_half(generator, x0, keep_mask)
    t, noise = draw_times_and_noise(x0, diffusion.num_timesteps, generator)
    x0, noise = (x.contiguous(memory_format=torch.channels_last) for x in (x0, noise))
    model = with_autocast(network, device, bf16)
    torch.manual_seed(step_seed(_SEED, step, 1))  # of dropout
    return training_losses(diffusion, model, x0, t, noise, known=keep_mask).total.mean()
