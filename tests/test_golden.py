"""Parity with the published implementation, against numbers measured on it (see golden/README.md)."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.data.images import center_crop
from repaint.diffusion.guidance import classifier_guidance
from repaint.diffusion.respacing import space_timesteps
from repaint.models.classifier import Classifier
from repaint.models.optimize import prepare
from repaint.models.unet import UNet
from repaint.schedule import get_schedule_jump
from tests.helpers.golden_inputs import (
    SIZE,
    golden_arrays,
    golden_classifier,
    golden_network_input,
    golden_unet,
    manifest,
    relative_error,
)
from tests.helpers.golden_runs import process, trajectory_errors

TOLERANCE = 1e-5  # relative L2; the measurement itself moves by up to 6e-7 with the number of threads

unet_names = pytest.mark.parametrize("name", manifest()["unet"])


@functools.cache
def unet(name: str) -> UNet:
    return golden_unet(name)


@functools.cache
def fast_unet(name: str) -> Callable[..., torch.Tensor]:
    """The network as a run of the command line has it."""
    return prepare(golden_unet(name), torch.device("cpu"))


@functools.cache
def classifier() -> Classifier:
    return golden_classifier()


def shapes(network: torch.nn.Module) -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize(
    "entry", manifest()["schedules"], ids=lambda entry: "-".join(map(str, entry["params"].values()))
)
def test_schedule(entry: dict[str, Any]) -> None:
    assert get_schedule_jump(**entry["params"]) == entry["times"]


@pytest.mark.parametrize("entry", manifest()["spacing"], ids=lambda entry: f"{entry['respacing']} of {entry['steps']}")
def test_respacing(entry: dict[str, Any]) -> None:
    assert space_timesteps(entry["steps"], entry["respacing"]) == entry["timesteps"]


def test_diffusion_tables() -> None:
    diffusion = process("20")
    for name, wanted in manifest()["tables_20_of_1000"].items():
        assert relative_error(getattr(diffusion, name), np.array(wanted)) < 1e-6, name


@unet_names
def test_unet_keys_and_shapes(name: str) -> None:
    entry = manifest()["unet"][name]
    assert shapes(unet(name)) == entry["keys"]
    assert sum(parameter.numel() for parameter in unet(name).parameters()) == entry["parameters"]


@unet_names
@torch.no_grad()
def test_unet_output(name: str) -> None:
    entry = manifest()["unet"][name]
    y = torch.tensor(entry["classes"]) if entry["config"].get("class_cond") else None
    out = unet(name)(golden_network_input(entry["seed"]), torch.tensor(entry["timesteps"]), y)
    assert relative_error(out, golden_arrays(f"unet_{name}")["out"]) < TOLERANCE


def test_classifier_keys_and_shapes() -> None:
    assert shapes(classifier()) == manifest()["classifier"]["keys"]


@torch.no_grad()
def test_classifier_logits() -> None:
    entry = manifest()["classifier"]
    logits = classifier()(golden_network_input(entry["seed"]), torch.tensor(entry["timesteps"]))
    assert relative_error(logits, golden_arrays("classifier")["logits"]) < TOLERANCE


@pytest.mark.timeout(1200)  # up to 377 network calls: seconds on a free machine, minutes on a crowded one
@pytest.mark.parametrize("name", manifest()["sampler"])
def test_sampler_trajectory(name: str) -> None:
    entry = manifest()["sampler"][name]
    cond_fn = classifier_guidance(classifier(), entry["guide"]) if "guide" in entry else None
    errors = trajectory_errors(name, fast_unet(entry["unet"]), cond_fn, torch.device("cpu"))
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("name", ["crop_200x300", "crop_640x427", "crop_64x64", "crop_90x1000"])
def test_center_crop(name: str) -> None:
    arrays = golden_arrays(name)
    cropped = np.asarray(center_crop(Image.fromarray(arrays["source"]), SIZE))
    assert np.abs(cropped.astype(int) - arrays["out"]).max() <= 1  # decoders and resizers may round differently
