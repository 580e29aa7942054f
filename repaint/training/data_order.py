"""Data order and random seeds of training as functions of the step, so that any step can be resumed exactly."""

from collections.abc import Iterator
from itertools import islice

import torch


class StepBatches:
    """Indices of the pictures in each step's batch, in an order that any step can be resumed in: a function of the seed
    and the step, with a new permutation per epoch.

    Args:
        count: number of pictures.
        batch_size: of all processes together.
        seed: of the permutations.
        start: first step.
        stop: last step, exclusive.
        rank: of this process, which gets every `world_size`-th picture of a batch.
        world_size: number of processes.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int, start: int, stop: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.start, self.stop = start, stop
        self.rank, self.world_size = rank, world_size

    def __iter__(self) -> Iterator[list[int]]:
        stream = self._stream(self.start * self.batch_size)
        for _ in range(self.start, self.stop):
            yield list(islice(stream, self.batch_size))[self.rank :: self.world_size]

    def _stream(self, position: int) -> Iterator[int]:
        """Endless sequence of picture indices, from its element number `position`."""
        epoch, skip = divmod(position, self.count)
        while True:
            order = torch.randperm(self.count, generator=step_generator(self.seed, epoch, stream=1))
            yield from order[skip:].tolist()
            epoch, skip = epoch + 1, 0


def step_generator(seed: int, step: int, stream: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Random generator of a step. Streams are independent: 1 is the data order's, 2 + rank a process's."""
    return torch.Generator(device).manual_seed(step_seed(seed, step, stream))


def step_seed(seed: int, step: int, stream: int) -> int:
    """Random seed of a step, see `step_generator`."""
    text = f"{seed} {step} {stream}".encode()
    return int.from_bytes(text, "big") % (2**61 - 1)  # distinct texts, distinct seeds (modulo a large prime)
