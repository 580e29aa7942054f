"""Evaluation of sets of fills: a row of metrics for each fill, and a summary for each method and kind of mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from repaint.data.pairing import Pair
from repaint.errors import DataError
from repaint.evaluation.bootstrapping import Estimate, estimate
from repaint.evaluation.feature_space import ReferencePictures
from repaint.evaluation.hole_crops import cut_crops
from repaint.evaluation.metrics import (
    HOLE_CROPS,
    METRICS,
    Fills,
    Sample,
    SetFeatures,
    load_networks,
    measure_picture,
    measure_sample,
    measure_set,
    select_metrics,
)
from repaint.evaluation.sources import AnyFill, Source

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
    """Pictures whose hole has a share from `low` to `high` (exclusive, except for 1)."""

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
class Evaluator:
    """Computes the selected metrics of fills.

    Args:
        extras: keys of `choices.EXTRAS`, to compute beside the metrics that always are.
        weights: folder of the files of `choices.WEIGHTS`.
        device: for the networks.
        reference: folder of real pictures, all of one size, to compare the sets of fills with (`kernel`, `frechet`).

    Raises:
        ConfigError, CheckpointError: weights or a library are missing, or not the expected ones.
        DataError: the reference has too few pictures, or they are not of one size.
    """

    extras: Sequence[str]
    weights: str
    device: torch.device
    reference: str | None = None

    def __post_init__(self) -> None:
        self._metrics = select_metrics(self.extras, with_reference=self.reference is not None)
        self._networks = load_networks(self._metrics, self.weights, self.device)
        self._reference = None if self.reference is None else ReferencePictures(self.reference)

    def evaluate(self, source: Source) -> tuple[list[Row], dict[str, Estimate]]:
        """Rows of all fills, and the metrics of the whole set; pictures without a hole are left out.

        Raises:
            DataError: a file is unreadable or does not fit, or no picture has a hole.
        """
        rows: list[Row] = []
        features = SetFeatures(reference=None if self._reference is None else self._reference.features)
        pictures = 0
        for pair, fills in source.cases:
            truth, known = source.read(pair)
            if known.all():
                continue
            picture = Fills(truth, [fill.read(truth, known) for fill in fills], known)
            hole_share = float((~known).mean())
            for number, values in enumerate(self._measure(picture, fills, pair)):
                rows.append(Row(source.method, source.mask, pair.name, number, hole_share, values))
            self._collect(features, picture, pair)
            pictures += 1
        if not rows:
            raise DataError(f"{source.origin}: no picture has a hole, there is nothing to measure")
        return rows, measure_set(features, self._metrics) if pictures >= FEWEST_FOR_DISTANCES else {}

    def _measure(self, picture: Fills, fills: Sequence[AnyFill], pair: Pair) -> Iterator[dict[str, float]]:
        """The values of each fill, those of the picture included."""
        try:
            shared = measure_picture(picture, self._metrics)
            for fill, pixels in zip(fills, picture.fills, strict=True):
                sample = Sample(picture.truth, pixels, picture.known, fill.calls, fill.seconds, self._networks)
                yield shared | measure_sample(sample, self._metrics)
        except DataError as error:
            raise DataError(f"{pair.picture}: {error}") from None

    def _collect(self, features: SetFeatures, picture: Fills, pair: Pair) -> None:
        inception = self._networks.get("inception")
        if inception is not None:
            features.inception_truth.append(inception([picture.truth]))
            features.inception_fills.append(np.concatenate([inception([pixels]) for pixels in picture.fills]))
        self._collect_crops(features, picture)
        if self._reference is not None:
            features.in_space.append(self._reference.describe(picture.fills, pair.name))

    def _collect_crops(self, features: SetFeatures, picture: Fills) -> None:
        efficientnet = self._networks.get("efficientnet")
        compared = any(metric.key == HOLE_CROPS for metric in self._metrics)
        if not compared and efficientnet is None:
            return
        true = cut_crops(picture.truth, picture.known)
        filled = np.concatenate([cut_crops(fill, picture.known) for fill in picture.fills])
        if compared:
            features.true_crops.append(true)
            features.filled_crops.append(filled)
        if efficientnet is not None:
            features.true_crop_features.append(efficientnet(true))
            features.filled_crop_features.append(efficientnet(filled))


def summarize(rows: Sequence[Row], of_set: dict[str, Estimate]) -> Summary:
    """Means over pictures for one method and mask.

    Args:
        rows: at least one.
        of_set: metrics of the whole set.
    """
    first = rows[0]
    pictures = list(by_picture(rows).values())
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
        _estimates(pictures) | of_set,
        bins,
    )


def _bin(hole_share: float) -> int:
    return min(int(hole_share * BINS + 1e-9), BINS - 1)  # 0.3 may be a little less


def by_picture(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The fills of each picture."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.picture, []).append(row)
    return groups


def _estimates(pictures: Sequence[Sequence[Row]]) -> dict[str, Estimate]:
    """Of each metric that every fill has."""
    common = [m.key for m in METRICS if all(m.key in row.values for group in pictures for row in group)]
    return {key: estimate([float(np.mean([row.values[key] for row in g])) for g in pictures]) for key in common}
