"""Tables of measures for the methods that are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.evaluation.metrics import Pixels, hole_psnr, hole_ssim


@dataclass(frozen=True)
class Scores:
    """Means over a set of pictures: PSNR in dB and SSIM, both over the hole."""

    psnr: float
    ssim: float


def score(truths: Sequence[Pixels], fills: Sequence[Pixels], masks: Sequence[Mask]) -> Scores:
    """Measure fills against their truths; see `hole_psnr` and `hole_ssim`."""
    triples = list(zip(truths, fills, masks, strict=True))
    psnr = np.mean([hole_psnr(*triple) for triple in triples])
    ssim = np.mean([hole_ssim(*triple) for triple in triples])
    return Scores(float(psnr), float(ssim))


def mean_fill(fills: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Mean of several fills of one picture, the estimate that PSNR rewards: float64, not rounded."""
    mean: NDArray[np.float64] = np.mean([pixels.astype(np.float64) for pixels in fills], axis=0)
    return mean


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; its text ends with a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
