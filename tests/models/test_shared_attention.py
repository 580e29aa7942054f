"""Shared attention: what pictures make of references, against attention over all of it at once."""

import pytest
import torch
from torch import Tensor

from repaint.models.blocks import attention
from repaint.models.shared_attention import SharedAttention
from repaint.models.unet import UNet
from tests.helpers.networks import pictures, unet

TIME = torch.tensor([70])


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shared(network: UNet, references: Tensor, pictures: int = 1, batch: int = 8) -> SharedAttention:
    """References that went through the network in batches, the last one padded."""
    kept = SharedAttention(pictures)
    for start in range(0, len(references), batch):
        own = references[start : start + batch]
        padded = torch.cat([own, own[-1:].expand(batch - len(own), -1, -1, -1)])
        network(padded, TIME.expand(batch), attend=kept.keep(len(own)))
    return kept


@pytest.mark.parametrize("new_order", [True, False])
def test_a_layer_attends_to_its_own_positions_and_to_those_of_the_references(new_order: bool) -> None:
    own, others = randn(1, 3 * 16, 10), randn(2, 3 * 16, 10, seed=1)
    kept = SharedAttention(1)
    attention(others, 2, new_order, kept.keep(2))
    found = attention(own, 2, new_order, kept.attend_to(torch.tensor([0])))
    together = torch.cat([own, *others[:, None]], dim=2)
    torch.testing.assert_close(found, attention(together, 2, new_order)[..., :10])


@torch.no_grad()
def test_a_picture_that_is_its_own_reference_stays_as_it_is() -> None:
    network, x = unet(), pictures()[:1]
    attend = shared(network, x.expand(3, -1, -1, -1)).attend_to(torch.tensor([0]))
    torch.testing.assert_close(network(x, TIME, attend=attend), network(x, TIME))


@torch.no_grad()
def test_each_picture_attends_to_its_own_references_however_they_are_batched() -> None:
    network, x = unet(), pictures()[:2]
    references = randn(4, *x.shape[1:])
    alone = [
        network(x[n : n + 1], TIME, attend=shared(network, references[2 * n :][:2]).attend_to(torch.tensor([0])))
        for n in (0, 1)
    ]
    assert not torch.allclose(alone[0], network(x[:1], TIME), atol=1e-4)
    for batch in (1, 3, 4):
        kept = shared(network, references, 2, batch)
        mixed = network(x[[1, 0, 1]], TIME.expand(3), attend=kept.attend_to(torch.tensor([1, 0, 1])))
        torch.testing.assert_close(mixed, torch.cat([alone[1], alone[0], alone[1]]))
