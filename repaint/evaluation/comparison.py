"""Measuring whole sets of fills: one row of numbers for each fill, and what they say of each method and mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from repaint.data.masks import Mask
from repaint.data.pairing import Pair
from repaint.errors import DataError
from repaint.evaluation.bootstrapping import Estimate, estimate
from repaint.evaluation.distances import (
    Features,
    RealPictures,
    estimate_kernel_distance,
    frechet_distance,
    kernel_distance,
)
from repaint.evaluation.metrics import METRICS, measure, mirrored_half_difference
from repaint.evaluation.perceptual import InceptionFeatures, load_lpips, lpips_distance
from repaint.evaluation.sources import AnyFill, Pixels, Source
from repaint.visual.contact_sheets import spread

EXTRAS = ("lpips_alex", "lpips_vgg", "fid", "kid", "mirrored")
BINS = 10  # of the hole's share of a picture
FEWEST_FOR_DISTANCES = 2


@dataclass(frozen=True)
class Row:
    """One fill. `values` are by the keys of METRICS."""

    method: str
    mask: str
    picture: str
    fill: int
    hole_share: float
    values: dict[str, float]


@dataclass(frozen=True)
class Bin:
    """Pictures whose hole has a share from `low` to `high` (not included, but for 1)."""

    low: float
    high: float
    pictures: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Summary:
    """A method under a kind of mask: means over pictures, where a picture's value is the mean over its fills."""

    method: str
    mask: str
    pictures: int
    fills: int
    hole_share: float
    metrics: dict[str, Estimate]
    bins: list[Bin]


@dataclass
class Meter:
    """What measures fills.

    Args:
        extras: of EXTRAS, what to measure beside what needs no weights.
        weights: folder of the files of `perceptual.WEIGHTS`.
        device: for the networks.
        reference: folder of real pictures, all of one size, to compare the sets of fills with (`kernel`).

    Raises:
        ConfigError, CheckpointError: weights or a library are missing, or not what they should be.
        DataError: the reference has too few pictures, or they are not of one size.
    """

    extras: Sequence[str]
    weights: str
    device: torch.device
    reference: str | None = None

    def __post_init__(self) -> None:
        nets = [name.removeprefix("lpips_") for name in self.extras if name.startswith("lpips_")]
        self._lpips = {net: load_lpips(net, self.weights, self.device) for net in nets}
        wanted = {"fid", "kid"} & set(self.extras)
        self._inception = InceptionFeatures(self.weights, self.device) if wanted else None
        self._real = None if self.reference is None else RealPictures(self.reference)

    def measure(self, source: Source) -> tuple[list[Row], dict[str, Estimate]]:
        """Rows of all fills, and the distances of the set of fills: `fid` and `kid` to the true pictures, `kernel`.

        Pictures without a hole are left out.

        Raises:
            DataError: a file is unreadable or does not fit, or no picture has a hole.
        """
        rows, features, described = [], _FeatureSets(), []
        for pair, fills in source.cases:
            truth, known = source.read(pair)
            if known.all():
                continue
            pictures = [fill.read(truth, known) for fill in fills]
            for number, values in enumerate(self._measure_fills(truth, known, fills, pictures, pair)):
                rows.append(Row(source.method, source.mask, pair.name, number, float((~known).mean()), values))
            if self._inception is not None:
                features.truth.append(self._inception([truth]))
                features.fills += [self._inception([pixels]) for pixels in pictures]
            if self._real is not None:
                described.append(self._real.describe(pictures, pair.name))
        if not rows:
            raise DataError(f"{source.origin}: no picture has a hole, there is nothing to measure")
        distances = {key: Estimate(value) for key, value in features.distances(self.extras).items()}
        if self._real is not None and len(described) >= FEWEST_FOR_DISTANCES:
            distances["kernel"] = estimate_kernel_distance(described, self._real.features)
        return rows, distances

    def _measure_fills(
        self, truth: Pixels, known: Mask, fills: Sequence[AnyFill], pictures: Sequence[Pixels], pair: Pair
    ) -> Iterator[dict[str, float]]:
        several = len(pictures) > 1
        diversity = float(spread([pixels[~known] for pixels in pictures]).mean()) if several else None
        for fill, pixels in zip(fills, pictures, strict=True):
            try:
                values: dict[str, float | None] = {**measure(truth, pixels, known)}
                values |= {f"lpips_{net}": lpips_distance(lpips, truth, pixels) for net, lpips in self._lpips.items()}
            except DataError as error:
                raise DataError(f"{pair.picture}: {error}") from None
            if "mirrored" in self.extras:
                values["mirrored"] = mirrored_half_difference(pixels)
            values |= {"diversity": diversity, "calls": fill.calls, "seconds": fill.seconds}
            yield {metric.key: value for metric in METRICS if (value := values.get(metric.key)) is not None}


@dataclass
class _FeatureSets:
    truth: list[Features] = field(default_factory=list)
    fills: list[Features] = field(default_factory=list)

    def distances(self, extras: Sequence[str]) -> dict[str, float]:
        if len(self.truth) < FEWEST_FOR_DISTANCES:
            return {}
        sets = np.concatenate(self.fills), np.concatenate(self.truth)
        kinds = {"fid": frechet_distance, "kid": kernel_distance}
        return {name: distance(*sets) for name, distance in kinds.items() if name in extras}


def summarize(rows: Sequence[Row], distances: dict[str, Estimate]) -> Summary:
    """What the rows of one method and mask say.

    Args:
        rows: at least one.
        distances: between sets.
    """
    first = rows[0]
    pictures = _by_picture(rows)
    bins = []
    for number in range(BINS):
        inside = [group for group in pictures if _bin(group[0].hole_share) == number]
        if inside:
            bins.append(Bin(number / BINS, (number + 1) / BINS, len(inside), _estimates(inside)))
    return Summary(
        first.method,
        first.mask,
        len(pictures),
        len(rows),
        float(np.mean([group[0].hole_share for group in pictures])),
        _estimates(pictures) | distances,
        bins,
    )


def _bin(hole_share: float) -> int:
    return min(int(hole_share * BINS + 1e-9), BINS - 1)  # 0.3 may be a little less


def _by_picture(rows: Sequence[Row]) -> list[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.picture, []).append(row)
    return list(groups.values())


def _estimates(pictures: Sequence[Sequence[Row]]) -> dict[str, Estimate]:
    """Of each measure that every fill has."""
    common = [m.key for m in METRICS if all(m.key in row.values for group in pictures for row in group)]
    return {key: estimate([float(np.mean([row.values[key] for row in g])) for g in pictures]) for key in common}
