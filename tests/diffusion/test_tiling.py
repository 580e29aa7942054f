"""Reverse steps by tiles: averages of estimates, against the step that sees the whole picture."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.diffusion.methods.gradients import estimate_with_vjp
from repaint.diffusion.reverse_steps import DDIMStep, DDPMStep, EstimatingStep
from repaint.diffusion.tiling import TiledStep, Tiling
from repaint.models.shared_attention import Attend, SharedAttention
from tests.helpers.process import process, with_variance

SIZE, SHAPE = 8, (12, 20)
CORNERS = [[(0, 0), (4, 0), (0, 6), (4, 12)], [(2, 3)]]
LABELS = torch.tensor([3, 5])
CPU = torch.device("cpu")


def draw(seed: int) -> Tensor:
    return torch.randn(2, 3, *SHAPE, generator=torch.Generator().manual_seed(seed))


def tiling(batch_size: int = 3) -> Tiling:
    return Tiling(CORNERS, SIZE, SHAPE, batch_size, CPU)


def pixelwise(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
    """A network without context: what it says of a pixel is the same in every tile that shows it."""
    label = 0 if y is None else y[:, None, None, None]
    return with_variance(x.sin() * (1 + 0.1 * label), 0.3)


def cond_fn(x: Tensor, timesteps: Tensor, y: Tensor | None) -> Tensor:
    assert y is not None
    return x * timesteps[:, None, None, None] / 500 + y[:, None, None, None]


def steps(kind: str, batch_size: int = 3) -> tuple[EstimatingStep, TiledStep]:
    """The step of whole pictures, and the one by tiles."""
    diffusion, cut = process(), tiling(batch_size)
    builders: dict[str, Callable[[Tensor | None, Any], EstimatingStep]] = {
        "ddpm": lambda y, _guide: DDPMStep(diffusion, pixelwise, y),
        "guided": lambda y, guide: DDPMStep(diffusion, pixelwise, y, guide),
        "ddim": lambda y, _guide: DDIMStep(diffusion, pixelwise, y, 0.5),
    }
    build = builders[kind]
    whole = build(LABELS, cut.guide(cond_fn))
    return build(LABELS, cond_fn), TiledStep(
        whole, cut, draw(9), lambda y, _attend: build(y, cond_fn), SharedAttention, LABELS
    )


@pytest.mark.parametrize("kind", ["ddpm", "guided", "ddim"])
@pytest.mark.parametrize("batch_size", [1, 3, 9])
@pytest.mark.parametrize("t", [0, 7])
def test_where_tiles_agree_the_step_is_that_of_the_whole_picture(kind: str, batch_size: int, t: int) -> None:
    whole, tiled = steps(kind, batch_size)
    covered = tiled.tiling.covered.expand(-1, 3, -1, -1)
    assert 0 < covered.float().mean() < 1
    for expected, found in zip(whole(draw(1), t, draw(2)), tiled(draw(1), t, draw(2)), strict=True):
        torch.testing.assert_close(found[covered], expected[covered], rtol=1e-5, atol=1e-5)
        assert found.isfinite().all()


@pytest.mark.parametrize("kind", ["ddpm", "ddim"])
def test_what_no_tile_shows_is_known(kind: str) -> None:
    tiled = steps(kind)[1]
    outside = ~tiled.tiling.covered.expand(-1, 3, -1, -1)
    law = tiled.estimate(draw(1), 3)
    assert torch.equal(law.pred_xstart[outside], draw(9)[outside])
    posterior = tiled.diffusion.at("posterior_log_variance_clipped", 3)
    assert (law.log_variance[outside] == posterior).all()
    expected = tiled.diffusion.q_posterior_mean(draw(9), draw(1), 3)
    torch.testing.assert_close(law.mean[outside], expected[outside])


def test_a_tile_weighs_most_in_its_middle() -> None:
    """Two tiles of 8 pixels, the second 4 to the right, one of value 0 and one of 1."""
    two = Tiling([[(0, 0), (0, 4)]], SIZE, (8, 12), 2, CPU)
    values = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 1, SIZE, SIZE)
    row = two.average(lambda _tiles, _pictures: values, torch.zeros(1, 3, 8, 12))[0, 0, 3]
    ramp = [0.5, 1.5, 2.5, 3.5]
    between = [rising / (rising + falling) for rising, falling in zip(ramp, ramp[::-1], strict=True)]
    torch.testing.assert_close(row, torch.tensor([0.0] * 4 + between + [1.0] * 4))


def test_the_network_sees_full_batches_and_each_tile_once() -> None:
    seen: list[tuple[int, list[int]]] = []
    cut = tiling(3)

    def function(tiles: Tensor, pictures: Tensor) -> Tensor:
        seen.append((len(tiles), pictures.tolist()))
        for tile, number in zip(tiles, pictures, strict=True):
            assert (tile == number).all()
        return tiles

    x = torch.arange(2.0)[:, None, None, None].expand(2, 3, *SHAPE)
    average = cut.average(function, x)
    assert seen == [(3, [0, 0, 0]), (3, [0, 1, 1])]
    assert cut.rounds == 2
    torch.testing.assert_close(average, torch.where(cut.covered, x, 0))


def test_tiles_attend_to_the_references_of_their_own_picture() -> None:
    """A network with one attention layer, over the mean colours of what it sees: keys of 1, values of the mean."""
    references = [[(0, 0), (4, 12), (0, 3)], [(4, 0), (0, 0), (4, 12)]]
    seen: list[int] = []

    def network(x: Tensor, _timesteps: Tensor, _y: Tensor | None, attend: Attend) -> Tensor:
        seen.append(len(x))
        own = x.mean((1, 2, 3))[:, None, None, None]  # [B, heads, N, D]
        _, values = attend(torch.ones_like(own), own)
        return with_variance(values.mean((1, 2, 3))[:, None, None, None].expand_as(x), 0.3)

    def step_of(y: Tensor | None, attend: Attend | None) -> EstimatingStep:
        assert attend is not None
        return DDPMStep(diffusion, partial(network, attend=attend), y)

    diffusion = process(mean_type="xstart", clip_denoised=False)
    cut = Tiling(CORNERS, SIZE, SHAPE, 4, CPU, references)
    assert cut.rounds == 2 + 2  # of the references of two pictures, and of 5 tiles
    x = draw(1)
    found = TiledStep(DDPMStep(diffusion, pixelwise), cut, draw(9), step_of, SharedAttention).estimate(x, 3).pred_xstart
    assert seen == [3, 3, 4, 4]
    only = x[1, :, 2:10, 3:11].mean()  # the one tile of the second picture
    others = [x[1, :, top : top + SIZE, left : left + SIZE].mean() for top, left in references[1]]
    torch.testing.assert_close(found[1, 0, 4, 5], torch.stack([only, *others]).mean())


def test_gradients_do_not_depend_on_how_many_tiles_are_in_memory() -> None:
    products = [
        estimate_with_vjp(steps("ddpm", batch_size)[1], draw(1), 7, torch.ones_like)[1] for batch_size in (1, 2, 9)
    ]
    whole = estimate_with_vjp(steps("ddpm")[0], draw(1), 7, torch.ones_like)[1]
    covered = tiling().covered.expand(-1, 3, -1, -1)
    for product in products:
        torch.testing.assert_close(product[covered], whole[covered], rtol=1e-5, atol=1e-6)
        assert (product[~covered] == 0).all()


def test_the_way_back_has_one_batch_of_tiles_in_memory() -> None:
    graphs: list[bool] = []
    cut = tiling(2)

    def function(tiles: Tensor, _pictures: Tensor) -> Tensor:
        graphs.append(torch.is_grad_enabled())
        return tiles.square()

    x = draw(1).requires_grad_(True)
    (gradient,) = torch.autograd.grad(cut.average(function, x).sum(), x)
    assert graphs == [False] * cut.rounds + [True] * cut.rounds
    covered = cut.covered.expand_as(x)
    torch.testing.assert_close(gradient[covered], 2 * draw(1)[covered])
