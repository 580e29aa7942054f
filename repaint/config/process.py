"""The diffusion process that a network was trained for: betas and the quantity that it predicts."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import ValidationInfo, field_validator, model_validator

from repaint.config.fields import Betas, Steps, StrictModel


class ProcessConfig(StrictModel):
    """The diffusion process that the network was trained for: betas and the quantity that it predicts."""

    diffusion_steps: Steps = 1000
    """Number of diffusion steps in training. With `betas` it is their number."""

    noise_schedule: Literal["linear", "cosine"] = "linear"
    """Schedule of betas by name: `linear` (Ho et al. 2020; more than 20 steps) or `cosine` (Nichol and Dhariwal 2021).
    It excludes `betas`."""

    betas: Betas | None = None
    """The betas themselves, one for each diffusion step, each between 0 and 1 exclusive. It excludes
    `noise_schedule`."""

    predict_xstart: bool = False
    """The network predicts x0 instead of the noise. It excludes `predict_v`."""

    predict_v: bool = False
    """The network predicts v (Salimans and Ho 2022) instead of the noise. It excludes `predict_xstart`."""

    sigma_small: bool = False
    """The fixed variance is the posterior's instead of the forward step's (beta). Without effect if `learn_sigma` is
    true."""

    rescale_timesteps: bool = False
    """The network receives timesteps scaled to the range from 0 to 1000."""

    correct_mean: bool = False
    """The mean colour that the network estimates is corrected by that of the noisy picture, in training and in
    sampling, which mends saturated colours. For networks whose narrowest maps have one channel for each of the 32
    groups of the normalisation, which then removes the mean."""

    @field_validator("predict_v")
    @classmethod
    def _one_prediction(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("predict_xstart"):
            raise ValueError("the network predicts either x0 or v; set predict_xstart or predict_v to false")
        return value

    @model_validator(mode="before")
    @classmethod
    def _count_betas(cls, tree: object) -> object:
        """As many steps as betas, where only they are given."""
        betas = tree.get("betas") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(betas, list) or not betas:
            return tree
        return {"diffusion_steps": len(betas)} | tree

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.betas is None:
            return self
        if "noise_schedule" in self.model_fields_set:
            raise ValueError("betas and noise_schedule exclude each other; leave one out")
        if self.diffusion_steps != len(self.betas):
            raise ValueError(
                f"diffusion_steps is {self.diffusion_steps}, but there are {len(self.betas)} betas; leave it out"
            )
        return self


def describe_betas(betas: Sequence[float]) -> str:
    """Betas in a few words: '1000 numbers from 0.0001 to 0.02'; they need not rise in between."""
    return f"{len(betas)} numbers from {betas[0]:.4g} to {betas[-1]:.4g}"
