"""Random numbers: one generator per picture, so that a picture does not depend on its neighbours in a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Distances between the seeds of two samples of one picture, and of two windows of one sample: primes, the first above
# any folder's size, the second above any number of samples times the first.
SAMPLE_STRIDE = 1_000_003
WINDOW_STRIDE = 1_000_000_000_039


def picture_seed(seed: int, index: int, sample: int = 0, window: int = 0) -> int:
    """Seed of a fill.

    Args:
        seed: of the run.
        index: number of the picture, from 0, after the configured offset.
        sample: number of the fill of this picture.
        window: number of the part of this picture.
    """
    return seed + index + sample * SAMPLE_STRIDE + window * WINDOW_STRIDE


class PictureNoise:
    """Standard normal draws for a batch, each picture from a generator of its own.

    Args:
        seeds: one per picture.
        shape: of one picture, for example (3, 256, 256).
        device: where the draws are wanted.
        noise_device: where they are drawn (default: `device`). A GPU's generator gives other numbers than the CPU's:
            "cpu" reproduces a CPU run's noise anywhere, at the cost of a copy per draw.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        noise_device: torch.device | str | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.device = torch.device(device)
        self.noise_device = torch.device(noise_device or device)
        self.generators = [torch.Generator(self.noise_device).manual_seed(int(seed)) for seed in seeds]

    def __call__(self) -> Tensor:
        """The next draw, float32 [len(seeds), *shape]."""
        draws = [torch.randn(self.shape, generator=g, device=self.noise_device) for g in self.generators]
        return torch.stack(draws).to(self.device)


def draw_class(seed: int, classes: int) -> int:
    """A random class label in 0..classes-1 for the picture with this seed; leaves its noise untouched."""
    return int(torch.randint(classes, (), generator=torch.Generator().manual_seed(seed)))
