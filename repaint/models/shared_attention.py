"""Shared attention: pictures attend to others beside themselves (Hertz et al. 2024, "Style Aligned Image Generation").

References go through the network first, and the keys and values of its attention layers are kept. Where other pictures
go through it, each layer attends to those too. So a picture of which little is known sees textures around it that lie
outside of what the network takes. Nothing is trained for it; the paper's normalisation of queries is left out.
"""

from collections.abc import Callable, Iterator, Sequence

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
        layers = iter(self._layers)

        def attend(k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            keys, values = zip(*next(layers), strict=True)
            return self._extend(k, keys, pictures), self._extend(v, values, pictures)

        return attend

    def _extend(self, own: Tensor, kept: Sequence[Tensor], pictures: Tensor) -> Tensor:
        """[B, heads, N, D] and that of the references, [B, heads, N + references of a picture * N, D]."""
        every = torch.cat(list(kept))
        of_picture = every.reshape(self._pictures, -1, *every.shape[1:]).transpose(1, 2).flatten(2, 3)
        return torch.cat([own, of_picture[pictures]], dim=2)
