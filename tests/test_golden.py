"""Parity with the published implementation, against numbers measured on it (see golden/README.md)."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.data.images import center_crop
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.gaussian import GaussianDiffusion
from repaint.diffusion.guidance import classifier_guidance
from repaint.diffusion.respacing import space_timesteps
from repaint.diffusion.reverse_steps import DDPMStep
from repaint.models.classifier import Classifier
from repaint.models.optimize import prepare
from repaint.models.unet import UNet
from repaint.sampler import Step, p_sample_loop
from repaint.schedule import count_network_calls, get_schedule_jump
from tests.helpers.golden_inputs import (
    SIZE,
    golden_arrays,
    golden_classifier,
    golden_mask,
    golden_network_input,
    golden_picture,
    golden_unet,
    manifest,
    relative_error,
)

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


def process(respacing: str, clip_denoised: bool = True) -> GaussianDiffusion:
    betas = get_named_beta_schedule("linear", 1000)
    return GaussianDiffusion(betas, space_timesteps(1000, respacing), clip_denoised=clip_denoised)


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
    wanted = golden_arrays(f"sampler_{name}")
    times = get_schedule_jump(**entry["sched"])
    generator = torch.Generator().manual_seed(entry["seed"])
    down: list[Step] = []

    diffusion = process(entry["T"], entry.get("clip", True))
    y = torch.tensor([entry["y"]]) if "y" in entry else None
    cond_fn = classifier_guidance(classifier(), entry["guide"]) if "guide" in entry else None
    sample = p_sample_loop(
        DDPMStep(diffusion, fast_unet(entry["unet"]), y, cond_fn),
        diffusion,
        golden_picture(entry["seed"]),
        golden_mask(entry["mask"]),
        times,
        lambda: torch.randn(1, 3, SIZE, SIZE, generator=generator),
        inject=entry.get("inject", True),
        paste_known=False,
        callback=lambda step: down.append(step) if step.s < step.t else None,
    )

    assert len(down) == count_network_calls(times) == down[-1].nfe == entry["nfe"]
    found = {
        "sample": sample,
        "pred_xstart": down[-1].pred_xstart,
        "states": torch.cat([down[i].x for i in wanted["keep"]]),
        "means": torch.stack([step.x.mean() for step in down]),
        "stds": torch.stack([step.x.std() for step in down]),
    }
    errors = {key: relative_error(value, wanted[key]) for key, value in found.items()}
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("name", ["crop_200x300", "crop_640x427", "crop_64x64", "crop_90x1000"])
def test_center_crop(name: str) -> None:
    arrays = golden_arrays(name)
    cropped = np.asarray(center_crop(Image.fromarray(arrays["source"]), SIZE))
    assert np.abs(cropped.astype(int) - arrays["out"]).max() <= 1  # decoders and resizers may round differently
