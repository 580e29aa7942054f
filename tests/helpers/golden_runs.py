"""The runs of the golden values: a sampler's trajectory as the manifest describes it, on a device, and its errors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import CondFn, GaussianDiffusion
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDPMStep
from repaint.sampler import Step, p_sample_loop
from repaint.schedule import count_network_calls, get_schedule_jump
from tests.helpers.golden_inputs import SIZE, golden_arrays, golden_mask, golden_picture, manifest, relative_error

Call = Callable[..., Tensor]


def process(respacing: str, clip_denoised: bool = True) -> GaussianDiffusion:
    """The respaced process of the golden values."""
    betas = get_named_beta_schedule("linear", 1000)
    return GaussianDiffusion(betas, space_timesteps(1000, respacing), clip_denoised=clip_denoised)


def trajectory_errors(name: str, network: Call, cond_fn: CondFn | None, device: torch.device) -> dict[str, float]:
    """Relative L2 distances of a trajectory to the published implementation's.

    Args:
        name: of an entry of the manifest's `sampler`.
        network: that of the entry, on the device.
        cond_fn: of the entry's guidance, None without.
        device: to run on; the noise comes from the CPU.
    """
    entry: dict[str, Any] = manifest()["sampler"][name]
    wanted = golden_arrays(f"sampler_{name}")
    times = get_schedule_jump(**entry["sched"])
    generator = torch.Generator().manual_seed(entry["seed"])
    down: list[Step] = []

    diffusion = process(entry["T"], entry.get("clip", True)).to(device)
    y = torch.tensor([entry["y"]], device=device) if "y" in entry else None
    sample = p_sample_loop(
        DDPMStep(diffusion, network, y, cond_fn),
        diffusion,
        golden_picture(entry["seed"]).to(device),
        golden_mask(entry["mask"]).to(device),
        times,
        lambda: torch.randn(1, 3, SIZE, SIZE, generator=generator).to(device),
        inject=entry.get("inject", True),
        paste_known=False,
        callback=lambda step: down.append(step) if step.s < step.t else None,
    )

    assert len(down) == count_network_calls(times) == down[-1].nfe == entry["nfe"]
    found = {
        "sample": sample,
        "pred_xstart": down[-1].pred_xstart,
        "states": torch.cat([down[i].x for i in wanted["keep"]]),
        "means": torch.stack([step.x.mean() for step in down]),
        "stds": torch.stack([step.x.std() for step in down]),
    }
    return {key: relative_error(value.cpu(), wanted[key]) for key, value in found.items()}
