"""PyTorch's global switches (TF32, recompile limit, threads), set for the duration of a call and restored after it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import torch

Result = TypeVar("Result")


@dataclass(frozen=True)
class ScopedCall(Generic[Result]):
    """A call of a network under settings of PyTorch that hold during the call only.

    Attributes:
        call: the network, or anything that calls one.
        settings: make the context managers to call it in.
    """

    call: Callable[..., Result]
    settings: tuple[Callable[[], AbstractContextManager[object]], ...]

    def __call__(self, *arguments: Any, **keywords: Any) -> Result:
        """The result of the call."""
        with ExitStack() as stack:
            for setting in self.settings:
                stack.enter_context(setting())
            return self.call(*arguments, **keywords)


@contextmanager
def float32_products(tf32: bool) -> Iterator[None]:
    """Compute a GPU's float32 convolutions and matrix products exactly, or with factors rounded to TF32.

    The program's own settings are restored at the end. PyTorch has two interfaces to them, and refuses to read the
    older one where a program has used the newer one.
    """
    newer = [(kind, kind.fp32_precision) for kind in _kinds_of_product()]
    older: list[Callable[[], None]] = []
    with suppress(RuntimeError):
        older.append(partial(_allow_tf32_in_convolutions, torch.backends.cudnn.allow_tf32))
    with suppress(RuntimeError):
        older.append(partial(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision()))
    try:
        _allow_tf32_in_convolutions(tf32)
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        yield
    finally:
        for restore in older:
            restore()
        for kind, precision in newer:
            kind.fp32_precision = precision


def _allow_tf32_in_convolutions(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = allowed


def _kinds_of_product() -> list[Any]:
    """What has a precision of its own in PyTorch's newer interface (2.9); none in older versions."""
    backends: Any = torch.backends
    owners = [(backends.cudnn, "conv"), (backends.cudnn, "rnn"), (backends.cuda, "matmul"), (backends.mkldnn, "matmul")]
    kinds = [getattr(owner, name, None) for owner, name in owners]
    return [kind for kind in kinds if hasattr(kind, "fp32_precision")]


def recompile_limit(shapes: int) -> AbstractContextManager[object]:
    """Let `torch.compile` compile the same code for so many shapes; PyTorch's own limit is 8."""
    patch: AbstractContextManager[object] = torch._dynamo.config.patch(recompile_limit=shapes)
    return patch


@contextmanager
def number_of_threads(count: int) -> Iterator[None]:
    """Compute with so many threads on the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
