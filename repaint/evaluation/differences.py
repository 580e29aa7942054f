"""Differences of methods to one of them, picture by picture, with paired bootstrap intervals."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from repaint.errors import ConfigError, suggest
from repaint.evaluation.bootstrapping import Estimate, estimate
from repaint.evaluation.comparison import Row, Summary, by_picture
from repaint.evaluation.metrics import METRICS

Values = Mapping[str, Mapping[str, float]]  # metrics by picture


def differences(rows: Sequence[Row], against: str) -> list[Summary]:
    """Mean differences to a method over the pictures that both have filled, with paired bootstrap intervals.

    Args:
        rows: of all methods and masks.
        against: method to subtract.

    Returns:
        For each other method and mask; a picture's value is the mean over its fills. Metrics of whole sets have no
        difference by picture, and infinite values (PSNR of equal pictures) are left out.

    Raises:
        ConfigError: see `check_against`.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.method, row.mask), []).append(row)
    check_against(against, groups)
    means = {key: _means(group) for key, group in groups.items()}
    found = []
    for (method, mask), group in groups.items():
        base = means.get((against, mask))
        if method == against or base is None:
            continue
        metrics = _differences(means[method, mask], base)
        share = float(np.mean([row.hole_share for row in group]))
        found.append(
            Summary(method, mask, len(means[method, mask].keys() & base.keys()), len(group), share, metrics, [])
        )
    return found


def check_against(against: str, places: Collection[tuple[str, str]]) -> None:
    """Check that there are differences to a method; it needs no measurement.

    Args:
        against: method to subtract.
        places: method and mask of all that is measured.

    Raises:
        ConfigError: no method has this name, or no other one is measured under its masks.
    """
    masks = {mask for method, mask in places if method == against}
    if not masks:
        near = suggest(against, {method for method, _ in places})
        raise ConfigError(f"--against {against}: no method of this name is measured{near}")
    if all(method == against or mask not in masks for method, mask in places):
        raise ConfigError(f"--against {against}: no other method is measured under its masks; leave --against out")


def _means(rows: Sequence[Row]) -> Values:
    """Mean over the fills of each picture, of the metrics that all of them have: cost and seams can lack for some."""
    return {
        picture: {
            key: float(np.mean([row.values[key] for row in fills]))
            for key in fills[0].values
            if all(key in row.values for row in fills)
        }
        for picture, fills in by_picture(rows).items()
    }


def _differences(first: Values, second: Values) -> dict[str, Estimate]:
    estimates = {}
    for metric in METRICS:
        pairs = [(first[name].get(metric.key), second[name].get(metric.key)) for name in first if name in second]
        apart = [a - b for a, b in pairs if a is not None and b is not None and math.isfinite(a - b)]
        if apart:
            estimates[metric.key] = estimate(apart)
    return estimates
