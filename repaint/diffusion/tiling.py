"""A reverse step on pictures larger than the network's input, by overlapping tiles whose estimates are averaged.

All tiles are at the same time of one process: in each step the network's estimates for them are averaged where they
overlap, and the noise is that of the whole picture (MultiDiffusion, Bar-Tal et al. 2023, algorithm 1). So tiles that
touch agree on what they have in common, which tiles that are sampled one after the other do not. Where a picture has
references, squares of it that show much of what is known, all its tiles attend to those as well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from repaint.diffusion.gaussian import CondFn, GaussianDiffusion, ReverseDistribution
from repaint.diffusion.reverse_steps import EstimatingStep

# f(tiles, pictures) -> [N, C, size, size]: tiles are [N, 3, size, size], `pictures` int64 [N] the picture of each.
TileFunction = Callable[[Tensor, Tensor], Tensor]
Corners = Sequence[tuple[int, int]]  # top and left of squares
Attend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # what a network is told to attend to


class Sharing(Protocol):
    """What a network has seen of references, see `repaint.models.shared_attention`."""

    def keep(self, count: int) -> Attend:
        """Tells a network to keep what it sees of the first `count` of its batch."""

    def attend_to(self, pictures: Tensor) -> Attend:
        """Tells a network to attend to the references of these pictures, int64 [B]."""


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


def _to_batches(
    corners: Iterable[tuple[int, Corners]], size: int, batch_size: int, device: torch.device
) -> list[_Batch]:
    """Batches of the squares of pictures, each given with its number."""
    places = [
        (number, slice(top, top + size), slice(left, left + size))
        for number, squares in corners
        for top, left in squares
    ]
    batches = []
    for start in range(0, len(places), batch_size):
        own = places[start : start + batch_size]
        padded = [*own, *[own[-1]] * (batch_size - len(own))]
        pictures = torch.tensor([number for number, _, _ in padded], device=device)
        batches.append(_Batch(padded, len(own), pictures))
    return batches


class Tiling:
    """Tiles of a batch of pictures, and averages over them.

    A tile weighs most in its middle and least at its border, where the network sees the least context.

    Args:
        corners: for each picture top and left of its tiles.
        size: of a tile.
        shape: height and width of the batch.
        batch_size: tiles that the network sees at a time.
        device: of the batch.
        references: for each picture top and left of squares that its tiles attend to; equally many for each.

    Attributes:
        covered: bool [B, 1, H, W], where there are tiles.
        references: batches of the references, none without any.
        rounds: batches of references, and of tiles that cover all pictures once.
    """

    def __init__(
        self,
        corners: Sequence[Corners],
        size: int,
        shape: tuple[int, int],
        batch_size: int,
        device: torch.device,
        references: Sequence[Corners] = (),
    ) -> None:
        self.batches = _to_batches(enumerate(corners), size, batch_size, device)
        # Those of each picture by themselves: such batches are alike, whatever pictures go together, without padding.
        self.references = [
            batch
            for number, squares in enumerate(references)
            if squares
            for batch in _to_batches([(number, squares)], size, min(len(squares), batch_size), device)
        ]
        self.rounds = len(self.batches) + len(self.references)
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
        x0: the pictures, [B, 3, H, W] in [-1, 1]; where there are no tiles, they are known and their own estimate.
        step_of: makes the step of tiles with these class labels, whose network attends to what is given.
        share: begins to keep the references of so many pictures.
        y: class labels int64 [B] of the pictures, None for an unconditional model.
    """

    whole: EstimatingStep
    tiling: Tiling
    x0: Tensor
    step_of: Callable[[Tensor | None, Attend | None], EstimatingStep]
    share: Callable[[int], Sharing]
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
        """See `EstimatingStep`; one network call for each batch of references, and of tiles."""
        shared = self._look_at_references(x, t)

        def of_tiles(tiles: Tensor, pictures: Tensor) -> Tensor:
            attend = None if shared is None else shared.attend_to(pictures)
            law = self._step_of(pictures, attend).estimate(tiles, t)
            return torch.cat([law.pred_xstart, law.log_variance], dim=1)

        pred_xstart, log_variance = self.tiling.average(of_tiles, x).chunk(2, dim=1)
        covered, posterior = self.tiling.covered, self.diffusion.at("posterior_log_variance_clipped", t)
        pred_xstart, log_variance = (
            torch.where(covered, average, elsewhere)
            for average, elsewhere in ((pred_xstart, self.x0), (log_variance, posterior))
        )
        mean = self.diffusion.q_posterior_mean(pred_xstart, x, t)
        return ReverseDistribution(mean, log_variance, pred_xstart)

    def _look_at_references(self, x: Tensor, t: int) -> Sharing | None:
        if not self.tiling.references:
            return None
        shared = self.share(len(x))
        for batch in self.tiling.references:
            self._step_of(batch.pictures, shared.keep(batch.own)).estimate(batch.cut_out(x), t)
        return shared

    def _step_of(self, pictures: Tensor, attend: Attend | None) -> EstimatingStep:
        return self.step_of(None if self.y is None else self.y[pictures], attend)

    def draw(self, law: ReverseDistribution, pred_xstart: Tensor, x: Tensor, t: int, noise: Tensor) -> Tensor:
        """See `EstimatingStep`."""
        return self.whole.draw(law, pred_xstart, x, t, noise)
