"""A reverse step on pictures larger than the network's input, by overlapping tiles whose estimates are averaged.

All tiles are at the same time of one process: in each step the network's estimates for them are averaged where they
overlap, and the noise is that of the whole picture (MultiDiffusion, Bar-Tal et al. 2023, algorithm 1). So tiles that
touch agree on what they have in common, which tiles that are sampled one after the other do not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, ReverseDistribution
from repaint.diffusion.reverse_steps import EstimatingStep

# f(tiles, pictures) -> [N, C, size, size]: tiles are [N, 3, size, size], `pictures` int64 [N] the picture of each.
TileFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Batch:
    """Tiles that the network sees together.

    Attributes:
        places: number of the picture, rows and columns of each tile; copies of the last one pad the batch.
        own: tiles that are no copies.
        pictures: int64 [N], the numbers of the pictures.
    """

    places: list[tuple[int, slice, slice]]
    own: int
    pictures: Tensor

    def cut_out(self, x: Tensor) -> Tensor:
        """The tiles of pictures [B, C, H, W], [N, C, size, size]."""
        return torch.stack([x[number, :, rows, columns] for number, rows, columns in self.places])

    def add(self, values: Tensor, total: Tensor) -> None:
        """Add values of the tiles [N, C, size, size] to pictures [B, C, H, W]."""
        for (number, rows, columns), value in zip(self.places[: self.own], values, strict=False):
            total[number, :, rows, columns] += value


class Tiling:
    """Tiles of a batch of pictures, and averages over them.

    A tile weighs most in its middle and least at its border, where the network sees the least context.

    Args:
        corners: for each picture top and left of its tiles.
        size: of a tile.
        shape: height and width of the batch.
        batch_size: tiles that the network sees at a time.
        device: of the batch.

    Attributes:
        covered: bool [B, 1, H, W], where there are tiles.
        rounds: batches of tiles that cover all pictures once.
    """

    def __init__(
        self,
        corners: Sequence[Sequence[tuple[int, int]]],
        size: int,
        shape: tuple[int, int],
        batch_size: int,
        device: torch.device,
    ) -> None:
        places = [
            (number, slice(top, top + size), slice(left, left + size))
            for number, tiles in enumerate(corners)
            for top, left in tiles
        ]
        self.batches: list[_Batch] = []
        for start in range(0, len(places), batch_size):
            own = places[start : start + batch_size]
            padded = [*own, *[own[-1]] * (batch_size - len(own))]
            pictures = torch.tensor([number for number, _, _ in padded], device=device)
            self.batches.append(_Batch(padded, len(own), pictures))
        self.rounds = len(self.batches)
        distance = torch.arange(size, device=device) + 0.5
        ramp = torch.minimum(distance, size - distance) / size
        weight = ramp[:, None] * ramp
        total = torch.zeros(len(corners), 1, *shape, device=device)
        for batch in self.batches:
            batch.add(weight.expand(batch_size, 1, size, size), total)
        self.covered = total > 0
        inverse = 1 / torch.where(self.covered, total, 1)
        self.shares = [weight * batch.cut_out(inverse) for batch in self.batches]  # of each tile in the averages

    def average(self, function: TileFunction, x: Tensor) -> Tensor:
        """Apply a function to all tiles of pictures and average what it returns.

        The way back computes one batch of tiles after the other again, so that only one is in memory.

        Args:
            function: of a batch of tiles.
            x: [B, 3, H, W].

        Returns:
            [B, C, H, W]; 0 where there are no tiles.
        """
        average: Tensor = _Average.apply(x, self, function)  # type: ignore[no-untyped-call]
        return average

    def guide(self, cond_fn: CondFn) -> CondFn:
        """Classifier guidance of whole pictures by that of their tiles."""

        def tiled(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
            return self.average(
                lambda tiles, pictures: cond_fn(tiles, timesteps[pictures], None if y is None else y[pictures]), x
            )

        return tiled


class _Average(torch.autograd.Function):
    """`Tiling.average` and its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, tiling: Tiling, function: TileFunction) -> Tensor:
        ctx.save_for_backward(x)
        ctx.tiling, ctx.function = tiling, function
        total: Tensor | None = None
        for batch, share in zip(tiling.batches, tiling.shares, strict=True):
            values = function(batch.cut_out(x), batch.pictures)
            total = values.new_zeros(len(x), values.shape[1], *x.shape[2:]) if total is None else total
            batch.add(share * values, total)
        assert total is not None  # there is at least one tile
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,), (gradient,) = ctx.saved_tensors, gradients
        total = torch.zeros_like(x)
        for batch, share in zip(ctx.tiling.batches, ctx.tiling.shares, strict=True):
            with torch.enable_grad():
                tiles = batch.cut_out(x).detach().requires_grad_(True)
                values = ctx.function(tiles, batch.pictures)
            batch.add(torch.autograd.grad(values, tiles, share * batch.cut_out(gradient))[0], total)
        return total, None, None


@dataclass(frozen=True)
class TiledStep:
    """An unconditional reverse step of whole pictures whose estimates are averages over tiles.

    Attributes:
        whole: the step, which draws; its own estimate is not used.
        tiling: of the pictures.
        step_of: makes the step of tiles with these class labels.
        y: class labels int64 [B] of the pictures, None for an unconditional model.
    """

    whole: EstimatingStep
    tiling: Tiling
    step_of: Callable[[Tensor | None], EstimatingStep]
    y: Tensor | None = None

    @property
    def diffusion(self) -> GaussianDiffusion:
        """See `EstimatingStep`."""
        return self.whole.diffusion

    def __call__(self, x: Tensor, t: int, noise: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReverseStep`."""
        law = self.estimate(x, t)
        return self.draw(law, law.pred_xstart, x, t, noise), law.pred_xstart

    def estimate(self, x: Tensor, t: int) -> ReverseDistribution:
        """See `EstimatingStep`; one network call for each batch of tiles."""

        def of_tiles(tiles: Tensor, pictures: Tensor) -> Tensor:
            law = self.step_of(None if self.y is None else self.y[pictures]).estimate(tiles, t)
            return torch.cat([law.pred_xstart, law.log_variance], dim=1)

        pred_xstart, log_variance = self.tiling.average(of_tiles, x).chunk(2, dim=1)
        mean = self.diffusion.q_posterior_mean(pred_xstart, x, t)
        return ReverseDistribution(mean, log_variance, pred_xstart)

    def draw(self, law: ReverseDistribution, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """See `EstimatingStep`."""
        return self.whole.draw(law, pred_xstart, x, t, noise)
