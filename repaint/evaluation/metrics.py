"""Registry of the evaluation metrics: PSNR, SSIM, L1, LPIPS, FID, KID and others.

To add a metric, write a function of one of three scopes and an entry of METRICS. The scopes are one fill (`Sample`),
all fills of one picture (`Fills`), and the fills of all pictures (`SetFeatures`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from repaint.data.masks import Mask
from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.distances import (
    Features,
    estimate_kernel_distance,
    estimate_matched_kernel_distance,
    frechet_distance,
    kernel_distance,
)
from repaint.evaluation.efficientnet import EfficientNetFeatures
from repaint.evaluation.hole_crops import Crops, crop_distance
from repaint.evaluation.image_quality import (
    diversity,
    hole_psnr,
    known_error,
    l1,
    mean_fill,
    mirrored_half_difference,
    psnr,
    structural_similarity,
)
from repaint.evaluation.perceptual import InceptionFeatures, load_lpips, lpips_distance
from repaint.evaluation.seams import seam

HOLE_CROPS = "hole_crops"
NETWORKS: dict[str, Callable[[str, torch.device], Any]] = {  # (folder of weights, device) -> network
    "lpips_alex": partial(load_lpips, "alex"),
    "lpips_vgg": partial(load_lpips, "vgg"),
    "inception": InceptionFeatures,
    "efficientnet": EfficientNetFeatures,
}


@dataclass(frozen=True)
class Sample:
    """One fill of a picture beside its truth.

    Attributes:
        truth, filled: uint8 [H, W, 3].
        known: bool [H, W], True = known; not everywhere.
        calls, seconds: cost, None if unknown.
        networks: by the keys of NETWORKS, those that the selected metrics need.
    """

    truth: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    known: Mask
    calls: float | None = None
    seconds: float | None = None
    networks: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def ssim(self) -> tuple[float, NDArray[np.float64]]:
        """See `structural_similarity`."""
        return structural_similarity(self.truth, self.filled)


@dataclass(frozen=True)
class Fills:
    """All fills of one picture beside its truth, uint8 [H, W, 3] each; `known` as in `Sample`."""

    truth: NDArray[np.uint8]
    fills: Sequence[NDArray[np.uint8]]
    known: Mask

    @cached_property
    def mean(self) -> NDArray[np.float64] | None:
        """The mean of several fills, see `mean_fill`; None for a single fill."""
        return mean_fill(self.fills) if len(self.fills) > 1 else None


@dataclass(frozen=True)
class SetFeatures:
    """Features of the fills of at least two pictures, for distances between sets of pictures.

    Attributes:
        inception_truth: float64 [1, 2048] for each true picture; empty if no selected metric needs it.
        inception_fills: [fills, 2048] for each picture's fills; likewise.
        in_space: [fills, D] for each picture's fills, in the feature space of the reference pictures.
        reference: [N, D] of the reference pictures; None if there are none.
        true_crops: `hole_crops.cut_crops` of each true picture; empty if no selected metric needs them.
        filled_crops: those of all fills of each picture, [N, S, S, 3].
        true_crop_features: float64 [COUNT, 1280] of the crops of each true picture; empty likewise.
        filled_crop_features: [N, 1280] of those of all fills of each picture.
    """

    inception_truth: list[Features] = field(default_factory=list)
    inception_fills: list[Features] = field(default_factory=list)
    in_space: list[Features] = field(default_factory=list)
    reference: Features | None = None
    true_crops: list[Crops] = field(default_factory=list)
    filled_crops: list[Crops] = field(default_factory=list)
    true_crop_features: list[Features] = field(default_factory=list)
    filled_crop_features: list[Features] = field(default_factory=list)


@dataclass(frozen=True)
class Metric:
    """How a metric is called, shown and computed; exactly one of the `of_` functions is set.

    Attributes:
        key: its name in files.
        title: its name in tables and figures, with its unit.
        better: which values are; None if neither.
        digits: after the point.
        of_fill: of one fill; None where it is not defined, here and below.
        of_picture: of all fills of one picture.
        of_set: of the fills of all pictures.
        measured: "always", if `--extra` names it ("extra"), or if there are reference pictures ("reference").
        network: the key of NETWORKS that it needs.
    """

    key: str
    title: str
    better: Literal["higher", "lower"] | None
    digits: int
    of_fill: Callable[[Sample], float | None] | None = None
    of_picture: Callable[[Fills], float | None] | None = None
    of_set: Callable[[SetFeatures], Estimate] | None = None
    measured: Literal["always", "extra", "reference"] = "always"
    network: str | None = None


def _lpips(network: str, sample: Sample) -> float:
    return lpips_distance(sample.networks[network], sample.truth, sample.filled)


def _diversity(picture: Fills) -> float | None:
    return diversity(picture.fills, picture.known) if len(picture.fills) > 1 else None


def _psnr_of_mean(picture: Fills) -> float | None:
    return None if picture.mean is None else hole_psnr(picture.truth, picture.mean, picture.known)


def _ssim_of_mean(picture: Fills) -> float | None:
    if picture.mean is None:
        return None
    _, similarity = structural_similarity(picture.truth, picture.mean)
    return float(similarity[~picture.known].mean())


def _hole_ssim(sample: Sample) -> float:
    return float(sample.ssim[1][~sample.known].mean())


def _hole_l1(sample: Sample) -> float:
    return l1(sample.truth[~sample.known], sample.filled[~sample.known])


def _to_truth(distance: Callable[[Features, Features], float], features: SetFeatures) -> Estimate:
    return Estimate(distance(np.concatenate(features.inception_fills), np.concatenate(features.inception_truth)))


def _kernel_to_reference(features: SetFeatures) -> Estimate:
    assert features.reference is not None
    return estimate_kernel_distance(features.in_space, features.reference)


def _frechet_to_reference(features: SetFeatures) -> Estimate:
    """Of the first fill of each picture: the distance depends on the size of the set, so sizes must be equal."""
    assert features.reference is not None
    first = np.stack([fills[0] for fills in features.in_space])
    return Estimate(frechet_distance(first, features.reference))


METRICS = (
    Metric("lpips_alex", "LPIPS (AlexNet)", "lower", 3, partial(_lpips, "lpips_alex"), measured="extra",
           network="lpips_alex"),
    Metric("lpips_vgg", "LPIPS (VGG)", "lower", 3, partial(_lpips, "lpips_vgg"), measured="extra",
           network="lpips_vgg"),
    Metric("psnr_hole", "PSNR of the hole [dB]", "higher", 2, lambda s: hole_psnr(s.truth, s.filled, s.known)),
    Metric("ssim_hole", "SSIM of the hole", "higher", 3, _hole_ssim),
    Metric("l1_hole", "L1 of the hole", "lower", 4, _hole_l1),
    Metric("psnr", "PSNR [dB]", "higher", 2, lambda s: psnr(s.truth, s.filled)),
    Metric("ssim", "SSIM", "higher", 3, lambda s: s.ssim[0]),
    Metric("l1", "L1", "lower", 4, lambda s: l1(s.truth, s.filled)),
    Metric("psnr_mean_fill", "PSNR of the hole in the mean fill [dB]", "higher", 2, of_picture=_psnr_of_mean),
    Metric("ssim_mean_fill", "SSIM of the hole in the mean fill", "higher", 3, of_picture=_ssim_of_mean),
    Metric("kernel", "Kernel distance to real pictures", "lower", 3, of_set=_kernel_to_reference,
           measured="reference"),
    Metric("frechet", "Frechet distance to real pictures", "lower", 2, of_set=_frechet_to_reference,
           measured="reference"),
    Metric("fid", "FID", "lower", 2, of_set=partial(_to_truth, frechet_distance), measured="extra",
           network="inception"),
    Metric("kid", "KID", "lower", 4, of_set=partial(_to_truth, kernel_distance), measured="extra",
           network="inception"),
    Metric(HOLE_CROPS, "Kernel distance of crops around the holes", "lower", 3,
           of_set=lambda s: crop_distance(s.true_crops, s.filled_crops), measured="extra"),
    Metric("hole_crops_efficientnet", "Kernel distance of crops around the holes (EfficientNet)", "lower", 4,
           of_set=lambda s: estimate_matched_kernel_distance(s.true_crop_features, s.filled_crop_features),
           measured="extra", network="efficientnet"),
    Metric("seams", "Seam (1: as in the truth)", None, 2, lambda s: seam(s.truth, s.filled, s.known), measured="extra"),
    Metric("mirrored", "Difference of the mirrored halves", None, 4, lambda s: mirrored_half_difference(s.filled),
           measured="extra"),
    Metric("diversity", "Diversity", None, 3, of_picture=_diversity),
    Metric("known_error", "Largest error on known pixels [grey levels]", "lower", 2,
           lambda s: known_error(s.truth, s.filled, s.known)),
    Metric("calls", "Network calls", None, 0, lambda s: s.calls),
    Metric("seconds", "Seconds", None, 2, lambda s: s.seconds),
)  # fmt: skip


def select_metrics(extras: Sequence[str] = (), with_reference: bool = False) -> list[Metric]:
    """The metrics to measure: those that always are, those of `extras` (of `choices.EXTRAS`), those to a reference."""
    wanted = {"always": True, "reference": with_reference}
    return [metric for metric in METRICS if wanted.get(metric.measured, metric.key in extras)]


def load_networks(metrics: Sequence[Metric], weights: str, device: torch.device) -> dict[str, Any]:
    """The networks that metrics need, by the keys of NETWORKS.

    Args:
        metrics: to measure.
        weights: folder of the files of `choices.WEIGHTS`.
        device: to compute on.

    Raises:
        ConfigError, CheckpointError: weights or a library are missing, or not the expected ones.
    """
    names = dict.fromkeys(metric.network for metric in metrics if metric.network is not None)
    return {name: NETWORKS[name](weights, device) for name in names}


def measure_sample(sample: Sample, metrics: Sequence[Metric]) -> dict[str, float]:
    """The metrics of one fill by their keys, where they are defined.

    Raises:
        DataError: the picture is too small for a metric.
        ConfigError: scikit-image is not installed.
    """
    values = {metric.key: metric.of_fill(sample) for metric in metrics if metric.of_fill is not None}
    return {key: value for key, value in values.items() if value is not None}


def measure_picture(picture: Fills, metrics: Sequence[Metric]) -> dict[str, float]:
    """The metrics of all fills of one picture by their keys, where they are defined; errors as `measure_sample`."""
    values = {metric.key: metric.of_picture(picture) for metric in metrics if metric.of_picture is not None}
    return {key: value for key, value in values.items() if value is not None}


def measure_set(features: SetFeatures, metrics: Sequence[Metric]) -> dict[str, Estimate]:
    """The metrics of the fills of all pictures by their keys."""
    return {metric.key: metric.of_set(features) for metric in metrics if metric.of_set is not None}
