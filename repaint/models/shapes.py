"""The operations of our own networks on PyTorch's meta device, by their shapes alone.

PyTorch's own functions for that device are written in Python; the first of them loads its compiler and sympy, which
takes longer than all else of a dry run. What is not listed here goes to them, and is as right.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from repaint.models.unet import Encoder


class ShapesOnly(TorchFunctionMode):
    """Context in which the results of operations have the right shape and type, and are on the meta device."""

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Apply the rule of an operation, or without one the operation."""
        return _RULES.get(func, func)(*args, **(kwargs or {}))


def calling(network: nn.Module) -> AbstractContextManager[object]:
    """Context in which a network on the meta device is called: by shapes alone if it is one of our own."""
    return ShapesOnly() if isinstance(network, Encoder) else nullcontext()


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


def _like(x: Tensor) -> Tensor:
    return _empty(x.shape, x)


def _same(x: Tensor, *_: object, **_options: object) -> Tensor:
    return _like(x)


def _in_place(x: Tensor, *_: object, **_options: object) -> Tensor:
    return x


def _initial(*, tensor: Tensor, **_options: object) -> Tensor:
    return tensor


def _broadcast(x: Tensor, *others: Tensor | float) -> Tensor:
    result = x
    for other in others:
        shape = np.broadcast_shapes(result.shape, other.shape if isinstance(other, Tensor) else ())
        result = torch.empty(shape, dtype=torch.result_type(result, other), device="meta")
    return result


def _conv(
    x: Tensor, weight: Tensor, _bias: Tensor | None, stride: Sequence[int], padding: Sequence[int], *_: object
) -> Tensor:
    sides = zip(x.shape[2:], weight.shape[2:], stride, padding, strict=True)
    return _empty([len(x), len(weight), *((side + 2 * pad - width) // step + 1 for side, width, step, pad in sides)], x)


def _linear(x: Tensor, weight: Tensor, _bias: Tensor | None = None) -> Tensor:
    return _empty([*x.shape[:-1], len(weight)], x)


def _attention(query: Tensor, _key: Tensor, value: Tensor) -> Tensor:
    return _empty([*query.shape[:-1], value.shape[-1]], query)


def _cat(parts: Sequence[Tensor], dim: int) -> Tensor:
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return _empty(shape, parts[0])


def _arange(length: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.empty(length, dtype=dtype, device=device)


def _halve(x: Tensor, side: int, *_: object) -> Tensor:
    return _empty([*x.shape[:2], *(length // side for length in x.shape[2:])], x)


def _enlarge(x: Tensor, *, size: None, scale_factor: int, **_options: object) -> Tensor:
    return _empty([*x.shape[:2], *(length * scale_factor for length in x.shape[2:])], x)


_RULES: dict[Any, Callable[..., Tensor]] = {
    F.silu: _same,
    F.dropout: _same,
    torch.empty_like: _like,
    torch.exp: _like,
    torch.arange: _arange,
    Tensor.cos: _like,
    Tensor.sin: _like,
    Tensor.add_: _in_place,
    Tensor.normal_: _in_place,  # this and the next are initial weights
    Tensor.fill_: _in_place,
    Tensor.zero_: _in_place,
    nn.init.kaiming_uniform_: _initial,
    nn.init.uniform_: _initial,
    Tensor.add: _broadcast,
    Tensor.mul: _broadcast,
    Tensor.div: _broadcast,
    torch.addcmul: _broadcast,
    F.conv1d: _conv,
    F.conv2d: _conv,
    F.linear: _linear,
    F.scaled_dot_product_attention: _attention,
    torch.cat: _cat,
    F.avg_pool2d: _halve,
    F.interpolate: _enlarge,
}
