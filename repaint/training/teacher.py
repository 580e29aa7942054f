"""Learning from a teacher's predictions of overlapping windows, so that a fill does not depend on where a window lies.

A network knows from its padding where in the window a pixel is, and what it once learned about places (in aligned
faces, where the hair is) shows as specks in plain areas. So a region larger than the window is noised, the teacher
predicts several windows of it, and the network learns for each pixel the mean of the windows in which the pixel lies
elsewhere: knowledge distillation (Hinton et al. 2015) from an ensemble over places. That mean knows nothing of the
pixel's place in this window, and it is far less noisy than the true target.

Autoguidance (Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself") moves the teacher's
predictions away from those of a weaker model: both err in the same places, where a network that cannot decide predicts
the mean of what may be there, the weaker one more so. At high noise that makes colours garish, so it may be left to
lower noise (Kynkaanniemi et al. 2024, "Applying Guidance in a Limited Interval"). What is learned so costs nothing in
sampling (guidance distillation, Meng et al. 2023).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from repaint.diffusion.gaussian import GaussianDiffusion, Model
from repaint.diffusion.losses import TrainingLoss, losses_of_output, mean_flat

WINDOWS = 4  # of a region
TRUTH_WEIGHT = 0.2  # of the usual loss beside that of the teacher: it trains the variance, and corrects the teacher


def region_size(image_size: int) -> int:
    """Side in pixels of the regions for windows of `image_size`: windows overlap by 60 % of their area on average."""
    return image_size * 13 // 8


@dataclass(frozen=True)
class Guide:
    """Autoguidance of a teacher.

    Attributes:
        model: weaker than the teacher, called like it.
        scale: how far its predictions are left behind, in units of the teacher's distance to them.
        below: share of the process's steps at which it is at work, the lowest.
    """

    model: Model
    scale: float
    below: float = 1.0


class Teacher:
    """Objective with a trained model that stays as it is.

    Args:
        model: the trained network, called like the one that learns.
        digest: of its weights file.
        image_size: side of the windows in pixels.
        memory_format: of what both networks are called with.
        guide: None without autoguidance.
    """

    def __init__(
        self,
        model: Model,
        digest: str,
        image_size: int,
        memory_format: torch.memory_format = torch.contiguous_format,
        guide: Guide | None = None,
    ) -> None:
        self.model = model
        self.digest = digest
        self.image_size = image_size
        self.memory_format = memory_format
        self.guide = guide

    def losses(
        self,
        diffusion: GaussianDiffusion,
        model: Model,
        regions: Tensor,
        t: Tensor,
        noise: Tensor,
        generator: torch.Generator,
    ) -> TrainingLoss:
        """Loss of random windows of each region.

        Args:
            diffusion: the process.
            model: the network that learns.
            regions: clean pictures [P, 3, R, R] in [-1, 1], R = `region_size(image_size)`.
            t: times int64 [P], shared by the windows of a region.
            noise: standard normal, like regions.
            generator: of the windows' places.

        Returns:
            Terms [P * WINDOWS]; `mse` and `vb` are those of the true target.
        """
        corners = draw_corners(len(regions), regions.shape[-1] - self.image_size, generator)
        x0, noise = (cut_windows(batch, corners, self.image_size) for batch in (regions, noise))
        t = t.repeat_interleave(WINDOWS)
        x = diffusion.q_sample(x0, t, noise).contiguous(memory_format=self.memory_format)
        expected, shared = mean_of_others(self._predict(diffusion, x, t), corners, regions.shape[-1])
        output = diffusion.predict(model, x, t)
        truth = losses_of_output(diffusion, output, x0, x, t, noise)
        distance = mean_flat((output[:, :3] - expected) ** 2, shared)
        return TrainingLoss(distance + TRUTH_WEIGHT * truth.total, truth.mse, truth.vb)

    @torch.no_grad()
    def _predict(self, diffusion: GaussianDiffusion, x: Tensor, t: Tensor) -> Tensor:
        """The teacher's predictions [B, 3, H, W], guided (Karras et al. 2024, equation 3, with w = 1 + scale)."""
        predictions = diffusion.predict(self.model, x, t)[:, :3]
        if self.guide is None:
            return predictions
        weaker = diffusion.predict(self.guide.model, x, t)[:, :3]
        scales = self.guide.scale * (t < self.guide.below * diffusion.num_timesteps)
        return predictions + scales.reshape(-1, 1, 1, 1) * (predictions - weaker)


def draw_corners(count: int, room: int, generator: torch.Generator) -> Tensor:
    """Top and left of each window, uniform from 0 to `room`, of `count` regions: int64 [count, WINDOWS, 2]."""
    return torch.randint(room + 1, (count, WINDOWS, 2), generator=generator, device=generator.device).cpu()


def cut_windows(regions: Tensor, corners: Tensor, size: int) -> Tensor:
    """Windows [P * WINDOWS, C, size, size] of regions [P, C, R, R], region by region."""
    pairs = zip(regions, corners.tolist(), strict=True)
    windows = [region[:, top : top + size, left : left + size] for region, places in pairs for top, left in places]
    return torch.stack(windows)


def mean_of_others(predictions: Tensor, corners: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """For each pixel of each window the mean of the predictions of the region's other windows.

    Args:
        predictions: of windows, [P * WINDOWS, C, size, size], region by region.
        corners: int64 [P, WINDOWS, 2].
        side: of the regions in pixels.

    Returns:
        Means like predictions, 0 where there is no other window; and float {0, 1} [P * WINDOWS, 1, size, size], 1 =
        pixels that another window has too.
    """
    channels, size = predictions.shape[1], predictions.shape[-1]
    ones = torch.ones_like(predictions[:, :1])
    windows = torch.cat([predictions, ones], dim=1).reshape(*corners.shape[:2], channels + 1, size, size)
    sums = windows.new_zeros(len(corners), channels + 1, side, side)
    for total, parts, places in zip(sums, windows, corners.tolist(), strict=True):
        for part, (top, left) in zip(parts, places, strict=True):
            total[:, top : top + size, left : left + size] += part
    others = cut_windows(sums, corners, size) - windows.flatten(0, 1)
    total, count = others[:, :channels], others[:, channels:]
    shared = (count > 0.5).to(count.dtype)  # whole numbers, up to rounding
    return total * shared / count.clamp(min=1), shared
