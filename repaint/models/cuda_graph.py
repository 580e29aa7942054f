"""CUDA graphs: the kernel launches of a network call, recorded once and replayed."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from repaint.models.shared_attention import Attend


class Replay:
    """A network as a CUDA graph: each call replays a recording, one launch by the host instead of hundreds.

    A recording fits one shape, and is made at the second call in a row that has it. The sampler pads its last batch,
    so a run has one shape; when another comes, the old recording is dropped with its memory.

    Args:
        network: (x, timesteps, y or None) -> output, on a CUDA device.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._kind: tuple[object, ...] | None = None
        self._recorded: Callable[..., Tensor] | None = None

    def __call__(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, attend: Attend | None = None) -> Tensor:
        """The network's output, in newly allocated memory.

        There is no recording where `x` asks for gradients, or where attention is shared.
        """
        if attend is not None:
            sharing: Tensor = self.network(x, timesteps, y, attend)
            return sharing
        if x.requires_grad and torch.is_grad_enabled():
            plain: Tensor = self.network(x, timesteps, y)
            return plain
        shared = timesteps.stride() == (0,)  # the whole batch at one timestep, see `Encoder.embed`
        tensors = (x, timesteps[:1] if shared else timesteps, *(() if y is None else (y,)))
        kind = (shared, *((tensor.shape, tensor.dtype) for tensor in tensors))
        if kind != self._kind:
            self._kind, self._recorded = kind, None
            out: Tensor = self.network(x, timesteps, y)
            return out
        if self._recorded is None:
            self._recorded = self._record(tensors, len(x), shared)
        return self._recorded(*tensors).clone()  # the next replay writes over the recording's own output

    def _record(self, tensors: tuple[Tensor, ...], batch: int, shared: bool) -> Callable[..., Tensor]:
        def call(x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
            out: Tensor = self.network(x, timesteps.expand(batch) if shared else timesteps, y)
            return out

        # The recording keeps the tensors it is made with as its inputs: they must not be the caller's.
        own = tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors)
        return cast(Callable[..., Tensor], torch.cuda.make_graphed_callables(call, own))
