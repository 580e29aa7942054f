"""The registry of metrics."""

import numpy as np
import pytest

from repaint.evaluation.choices import EXTRAS
from repaint.evaluation.distances import estimate_kernel_distance, frechet_distance
from repaint.evaluation.image_quality import hole_psnr
from repaint.evaluation.metrics import (
    METRICS,
    NETWORKS,
    Fills,
    Sample,
    SetFeatures,
    measure_picture,
    measure_sample,
    measure_set,
    select_metrics,
)

RNG = np.random.default_rng(0)
TRUTH, *FILLS = RNG.integers(0, 256, (4, 16, 16, 3), np.uint8)
KNOWN = np.tile(np.arange(16) < 8, (16, 1))


def test_each_metric_has_a_key_of_its_own_one_scope_and_a_known_network() -> None:
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        scopes = (metric.of_fill, metric.of_picture, metric.of_set)
        assert sum(scope is not None for scope in scopes) == 1
        assert metric.network in {None, *NETWORKS}


def test_metrics_are_selected_by_options() -> None:
    assert tuple(metric.key for metric in METRICS if metric.measured == "extra") == EXTRAS
    plain, more = select_metrics(), select_metrics(["kid"], with_reference=True)
    assert {metric.key for metric in more} - {metric.key for metric in plain} == {"kid", "kernel", "frechet"}
    assert not {metric.key for metric in plain} & {*EXTRAS, "kernel", "frechet"}


def test_values_come_in_the_order_of_the_registry_and_only_where_they_are_defined() -> None:
    metrics = select_metrics(["mirrored"])
    values = measure_sample(Sample(TRUTH, FILLS[0], KNOWN, seconds=2.0), metrics)
    assert list(values) == [metric.key for metric in metrics if metric.of_fill and metric.key != "calls"]
    assert measure_picture(Fills(TRUTH, FILLS[:1], KNOWN), metrics) == {}


def test_metrics_of_several_fills() -> None:
    values = measure_picture(Fills(TRUTH, FILLS, KNOWN), select_metrics())
    assert list(values) == ["psnr_mean_fill", "ssim_mean_fill", "diversity"]
    mean = np.mean(FILLS, axis=0)
    assert values["psnr_mean_fill"] == pytest.approx(hole_psnr(TRUTH, mean, KNOWN))
    assert values["psnr_mean_fill"] > max(hole_psnr(TRUTH, fill, KNOWN) for fill in FILLS)
    hole = [fill[~KNOWN].astype(float) for fill in FILLS]
    pairs = [np.abs(hole[i] - hole[j]).mean() / 255 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert values["diversity"] == pytest.approx(np.mean(pairs))
    same = measure_picture(Fills(TRUTH, [FILLS[0]] * 3, KNOWN), select_metrics())
    alone = measure_sample(Sample(TRUTH, FILLS[0], KNOWN), select_metrics())
    assert same["ssim_mean_fill"] == pytest.approx(alone["ssim_hole"])


def test_distances_to_a_reference() -> None:
    """The Frechet distance takes one fill of each picture, so that methods with several fills compare with others."""
    groups, reference = list(RNG.normal(size=(12, 3, 4))), RNG.normal(size=(40, 4))
    metrics = [metric for metric in select_metrics((), with_reference=True) if metric.measured == "reference"]
    values = measure_set(SetFeatures(in_space=groups, reference=reference), metrics)
    assert values["kernel"] == estimate_kernel_distance(groups, reference)
    assert values["frechet"].mean == frechet_distance(np.stack([fills[0] for fills in groups]), reference)
