"""The observation that a method conditions on: the known pixels of a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Observation:
    """Known pixels of a batch.

    Parts are chosen, not multiplied: whatever stands in the hole of `x0`, also a NaN, is never read.

    Attributes:
        x0: pictures [B, 3, H, W] in [-1, 1].
        known: bool [B, 1 or 3, H, W].
    """

    x0: Tensor
    known: Tensor

    def paste(self, pred_xstart: Tensor) -> Tensor:
        """An estimate of x0 [B, 3, H, W] with the known pixels pasted into it."""
        return torch.where(self.known, self.x0, pred_xstart)

    def residual(self, pred_xstart: Tensor) -> Tensor:
        """The known pixels minus an estimate of x0 [B, 3, H, W]; 0 in the hole."""
        return torch.where(self.known, self.x0 - pred_xstart, 0)
