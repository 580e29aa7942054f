"""Shared attention: pictures attend to others beside themselves (Hertz et al. 2024, "Style Aligned Image Generation").

References go through the network first, and the keys and values of its attention layers are kept. Where other pictures
go through it, each layer attends to those too. So a picture of which little is known sees textures around it that lie
outside of what the network takes. Nothing is trained for it; the paper's normalisation of queries is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

# attend(k, v) -> (k, v): what an attention layer attends to, given its own keys and values [B, heads, N, D].
Attend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class SharedAttention:
    """Keys and values of the references of some pictures, at one time of the process.

    Args:
        pictures: how many there are; all have equally many references, those of the first picture first.
    """

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self._layers: list[list[tuple[Tensor, Tensor]]] = []  # for each layer what each call has kept

    def keep(self, count: int) -> Attend:
        """For one call of the network with references: keep keys and values of the first `count` of its batch."""
        layers = self._open_layers()

        def attend(k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            next(layers).append((k[:count], v[:count]))
            return k, v

        return attend

    def _open_layers(self) -> Iterator[list[tuple[Tensor, Tensor]]]:
        """The lists of all layers in the network's order, made as the first call asks for them."""
        yield from self._layers
        while True:
            self._layers.append([])
            yield self._layers[-1]

    def attend_to(self, pictures: Tensor) -> Attend:
        """For one call of the network: attend to references, too, those of picture `pictures[i]` in entry i.

        Args:
            pictures: int64 [B].
        """
        layers = iter(self._kept)

        def attend(k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            keys, values = next(layers)
            return torch.cat([k, keys[pictures]], dim=2), torch.cat([v, values[pictures]], dim=2)

        return attend

    @cached_property
    def _kept(self) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer by picture, once all references are kept: there are many batches of tiles."""
        every = [zip(*calls, strict=True) for calls in self._layers]
        return [(self._by_picture(keys), self._by_picture(values)) for keys, values in every]

    def _by_picture(self, kept: Sequence[Tensor]) -> Tensor:
        """[references, heads, N, D] in parts as [pictures, heads, references of a picture * N, D]."""
        every = torch.cat(list(kept))
        return every.reshape(self._pictures, -1, *every.shape[1:]).transpose(1, 2).flatten(2, 3)
