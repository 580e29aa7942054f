"""RePaint: inpainting with unconditional diffusion models (Lugmayr et al., CVPR 2022).

The import changes no setting of the process; `optimize_process` does, for programs that want it. What is exported is
loaded at its first use, as PyTorch takes seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repaint.diffusion.betas import get_named_beta_schedule
    from repaint.diffusion.gaussian import GaussianDiffusion
    from repaint.diffusion.respacing import space_timesteps
    from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, ReverseStep
    from repaint.errors import CheckpointError, ConfigError, DataError, RepaintError
    from repaint.inpainter import Inpainter, inpaint
    from repaint.noise import PictureNoise
    from repaint.sampler import Step, p_sample_loop
    from repaint.schedule import count_network_calls, get_schedule_jump
    from repaint.workers.process_settings import optimize_process

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "ConfigError",
    "DDIMStep",
    "DDPMStep",
    "DataError",
    "GaussianDiffusion",
    "Inpainter",
    "PictureNoise",
    "RepaintError",
    "ReverseStep",
    "Step",
    "count_network_calls",
    "get_named_beta_schedule",
    "get_schedule_jump",
    "inpaint",
    "optimize_process",
    "p_sample_loop",
    "space_timesteps",
]
_HOMES = {
    "diffusion.betas": ("get_named_beta_schedule",),
    "diffusion.gaussian": ("GaussianDiffusion",),
    "diffusion.respacing": ("space_timesteps",),
    "diffusion.reverse_steps": ("DDIMStep", "DDPMStep", "ReverseStep"),
    "errors": ("CheckpointError", "ConfigError", "DataError", "RepaintError"),
    "inpainter": ("Inpainter", "inpaint"),
    "noise": ("PictureNoise",),
    "sampler": ("Step", "p_sample_loop"),
    "schedule": ("count_network_calls", "get_schedule_jump"),
    "workers.process_settings": ("optimize_process",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
