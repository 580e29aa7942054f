"""RePaint: inpainting with unconditional diffusion models (Lugmayr et al., CVPR 2022)."""

import os

from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, ReverseStep
from repaint.errors import CheckpointError, ConfigError, DataError, RepaintError
from repaint.inpainter import Inpainter, inpaint
from repaint.noise import PictureNoise
from repaint.sampler import Step, p_sample_loop
from repaint.schedule import count_network_calls, get_schedule_jump

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
    "p_sample_loop",
    "space_timesteps",
]

# MKL's matrix products then give the same bits with one and with two threads, which they otherwise do not (the README
# tells what more it takes). It is read when MKL is first used, so it must be set early.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
