"""Detecting NaN and infinite values in the sampler's state, and where they began."""

from dataclasses import dataclass

import torch
from torch import Tensor

from repaint.sampler import Step


@dataclass
class _Record:
    """Of each picture of a batch, on its device: the first transition with a bad value (-1: none), and what it was."""

    transition: Tensor
    nfe: Tensor
    t: Tensor
    share: Tensor
    largest: Tensor


class FiniteCheck:
    """A sampler callback that records each picture's first bad transition, without waiting for the device."""

    def __init__(self) -> None:
        self._transitions = 0
        self._record: _Record | None = None

    def __call__(self, step: Step) -> None:
        """Check the state after a transition."""
        self._transitions += 1
        flat = step.x.flatten(1)
        finite = flat.isfinite()
        if self._record is None:
            none = torch.full((len(flat),), -1.0, device=flat.device)
            self._record = _Record(none, none, none, none.clone(), flat.new_zeros(len(flat)))
        record = self._record
        clean = record.transition < 0
        new = clean & ~finite.all(dim=1)
        record.transition = torch.where(new, float(self._transitions), record.transition)
        record.nfe = torch.where(new, float(step.nfe), record.nfe)
        record.t = torch.where(new, float(step.t), record.t)
        record.share = torch.where(new, 1 - finite.float().mean(dim=1), record.share)
        magnitude = torch.where(finite, flat, 0).abs().amax(dim=1)
        record.largest = torch.where(clean & ~new, magnitude.to(record.largest.dtype), record.largest)

    def report(self, number: int) -> str | None:
        """What went wrong with picture `number` of the batch; None if nothing did."""
        record = self._record
        if record is None or record.transition[number] < 0:
            return None
        return (
            f"not finite from transition {record.transition[number]:.0f} on (network call {record.nfe[number]:.0f}, "
            f"t={record.t[number]:.0f}): {record.share[number]:.1%} of its values; the largest before was "
            f"{record.largest[number]:.3g}"
        )
