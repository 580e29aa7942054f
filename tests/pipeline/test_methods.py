"""Conditioning methods in the pipeline: fills, network calls, batches, and what they cannot be combined with."""

import re
import textwrap
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from repaint.checkpoints.formats import read_weights
from repaint.config.choices import JUMPING, TITLES, Method
from repaint.config.loading import load_config
from repaint.config.methods import METHOD_KEYS
from repaint.config.run import Config
from repaint.errors import ConfigError
from repaint.inference import batch_size
from repaint.models import optimize
from repaint.pipeline.methods import METHODS, check_method, count_references
from repaint.pipeline.network import estimate_memory
from repaint.pipeline.pipeline import Crop, Pipeline, build_pipeline
from repaint.sampler import Step
from tests.helpers.tiny import SIZE, make_run, tiny_unet, write_config

CPU = torch.device("cpu")
PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
KNOWN = np.arange(SIZE)[None] < np.full((SIZE, 1), SIZE // 2)
CALLS = {"repaint": 5, "replace": 3, "ddnm": 5, "langevin": 12, "dps": 9, "pigdm": 9}
JUMPS: dict[str, Any] = {"schedule_jump_params": {"jump_length": 1, "jump_n_sample": 2}}


def keys_of(method: str) -> dict[str, Any]:
    jumps = JUMPS if method in JUMPING else {"schedule_jump_params": {}}
    return {"method": method, "timestep_respacing": "3", **jumps}


def build(folder: Path, method: str, **changes: Any) -> Pipeline:
    config = load_config(Config, make_run(folder, 0, **(keys_of(method) | changes)))
    return build_pipeline(config, read_weights(config.model_path), None, CPU)


def fill(pipeline: Pipeline, seeds: list[int], pixels: np.ndarray = PIXELS, **options: Any) -> Tensor:
    return torch.stack(pipeline.fill([Crop(pixels, KNOWN, seed) for seed in seeds], len(seeds), **options))


def test_every_method_of_the_configuration_is_registered() -> None:
    assert set(METHODS) == set(get_args(Method)) == set(TITLES) == set(CALLS)
    assert {*JUMPING, *METHOD_KEYS} - {"method"} <= set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_fills_and_their_network_calls(tmp_path: Path, method: str) -> None:
    pipeline = build(tmp_path, method)
    steps: list[Step] = []
    filled = fill(pipeline, [1, 2], callback=steps.append)
    assert pipeline.nfe == steps[-1].nfe == sum(step.calls for step in steps) == CALLS[method]
    known, truth = torch.tensor(KNOWN), torch.tensor(PIXELS).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(filled[..., known], truth[:, known].expand(2, -1, -1), rtol=0, atol=1e-6)
    assert not filled.requires_grad
    assert filled.isfinite().all()
    assert not torch.allclose(filled[0], filled[1])

    # Neither its neighbours nor the hole's own pixels decide a picture.
    (alone,) = fill(pipeline, [2])
    torch.testing.assert_close(alone, filled[1], rtol=0, atol=2e-4)
    (other_hole,) = fill(pipeline, [2], np.where(KNOWN[..., None], PIXELS, 0).astype(np.uint8))
    torch.testing.assert_close(other_hole, alone, rtol=0, atol=0)
    (other_known,) = fill(pipeline, [2], np.where(KNOWN[..., None], 0, PIXELS).astype(np.uint8))
    assert not torch.allclose(other_known[:, ~known], alone[:, ~known], atol=1e-3)


def test_methods_give_different_fills(tmp_path: Path) -> None:
    fills = [fill(build(tmp_path, method, paste_known=False), [1]) for method in METHODS]
    assert not any(torch.allclose(a, b, atol=1e-3) for i, a in enumerate(fills) for b in fills[:i])


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("langevin", {"langevin": {"inner_steps": 2}}),
        ("langevin", {"langevin": {"inner_steps": [3, 4, 3]}}),
        ("langevin", {"langevin": {"strength": 0}}),
        ("langevin", {"langevin": {"step_size": 1}}),
        ("langevin", {"use_ddim": True}),
        ("dps", {"dps": {"scale": 3}}),
        ("dps", {"dps": {"normalized": False}}),
        ("pigdm", {"pigdm": {"scale": 0.5}}),
        ("ddnm", {"use_ddim": True, "ddim_eta": 0.5}),
    ],
)
def test_every_parameter_has_an_effect(tmp_path: Path, method: str, changes: dict[str, Any]) -> None:
    plain, changed = (fill(build(tmp_path, method, **each), [1]) for each in ({}, changes))
    assert not torch.allclose(plain, changed, atol=1e-3)


def test_steps_of_a_list_hold_for_their_levels_and_the_last_for_those_above(tmp_path: Path) -> None:
    steps: list[Step] = []
    pipeline = build(tmp_path, "langevin", langevin={"inner_steps": [0, 2]})
    fill(pipeline, [1], callback=steps.append)
    assert [(step.t, step.calls) for step in steps] == [(2, 3), (1, 3), (0, 1)]
    assert pipeline.nfe == 7


@pytest.mark.parametrize("method", ["dps", "pigdm"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_gradients_in_half_precision(tmp_path: Path, method: str, precision: str) -> None:
    exact, half = (fill(build(tmp_path, method, **each), [1]) for each in ({}, {"precision": precision}))
    assert half.isfinite().all()
    assert (half - exact).abs().mean() < 0.1


def test_a_prepared_network_has_the_gradient_of_the_plain_one() -> None:
    """Its activations may write over what they read, and its layout differs."""
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([300, 300])

    def gradient(network: Any) -> Tensor:
        own = x.clone().requires_grad_(True)
        (found,) = torch.autograd.grad(network(own, timesteps).square().sum(), own)
        return found

    fast = optimize.prepare(tiny_unet(), CPU, gradients=True)
    torch.testing.assert_close(gradient(fast), gradient(tiny_unet()), rtol=1e-4, atol=1e-5)


def test_a_network_with_gradients_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA graph records the forward pass alone."""
    monkeypatch.setattr(optimize, "place", lambda *_: None)
    monkeypatch.setattr(optimize, "_compile_parts", lambda *_: None)
    cuda = torch.device("cuda")
    assert isinstance(optimize.prepare(tiny_unet(), cuda, compiled=True).call, optimize.Replay)
    assert not isinstance(optimize.prepare(tiny_unet(), cuda, compiled=True, gradients=True).call, optimize.Replay)


def test_memory_of_the_backward_pass_counts(tmp_path: Path) -> None:
    plain, guided = (
        estimate_memory(load_config(Config, write_config(tmp_path, **keys_of(method))), 2, CPU)
        for method in ("langevin", "dps")
    )
    assert plain[0] == guided[0]
    assert guided[1] > 2 * plain[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_tries_batches_with_the_methods_own_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    pipeline = build(tmp_path, method)
    backward: list[int] = []
    real = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *each: backward.append(len(each[1])) or real(*each))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _device: None)
    assert batch_size._fits_device(pipeline, 2)
    assert backward == ([2] if METHODS[method].gradients else [])


def test_the_example_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its method, built in the three steps of docs/methods.md, is DDNM."""
    text = (Path(__file__).parents[2] / "docs/methods.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^    ```python\n(.*?)^    ```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    own = fill(build(tmp_path, "ddnm"), [1])
    monkeypatch.setitem(METHODS, "ddnm", METHODS["replace"])
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(textwrap.dedent(block), names)
    found = build(tmp_path, "ddnm")
    step = found.conditional_step(*[torch.ones(1, 3, SIZE, SIZE)] * 2, lambda: torch.zeros(1))
    assert type(step) is names["Pasted"]
    torch.testing.assert_close(fill(found, [1]), own, rtol=0, atol=0)


def test_the_page_lists_every_method() -> None:
    text = (Path(__file__).parents[2] / "docs/methods.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`[^|]*\|[^|]*\| ([^|]*) \| (yes|refused) \| (yes|refused) \|$", text, re.MULTILINE)
    assert {name: (jumps == "yes", guidable == "yes") for name, _, jumps, guidable in rows} == {
        name: (name in JUMPING, method.guidable) for name, method in METHODS.items()
    }
    assert {name for name, calls, *_ in rows if calls == "3"} == {n for n, m in METHODS.items() if m.gradients}


@pytest.mark.parametrize("method", METHODS)
def test_a_classifier_guides_only_what_it_can(tmp_path: Path, method: str) -> None:
    guided = {"classifier_path": "classifier.pt", "classifier_scale": 1.0}
    config = load_config(Config, write_config(tmp_path, **keys_of(method), **guided))
    if METHODS[method].guidable:
        check_method(config)
    else:
        with pytest.raises(ConfigError, match=f"method: {method} cannot be combined with a classifier"):
            check_method(config)


@pytest.mark.parametrize("method", METHODS)
def test_tiles_attend_to_references_where_no_gradients_are_needed(tmp_path: Path, method: str) -> None:
    for keys in ({}, {"refine_references": 0}, {"refine_references": 7}):
        config = load_config(Config, write_config(tmp_path, **keys_of(method), refine="auto", refine_from=0.4, **keys))
        number = keys.get("refine_references", 0)
        if not METHODS[method].gradients:
            check_method(config)
            assert count_references(config) == number
            continue
        assert count_references(config) == 0
        if number == 7:
            with pytest.raises(ConfigError, match=f"refine_references cannot be combined with method: {method}"):
                check_method(config)
        else:
            check_method(config)


def test_networks_of_diffusers_have_no_references(tmp_path: Path) -> None:
    keys = {"model_format": "diffusers", "refine": "auto", "refine_from": 0.4}
    config = load_config(Config, write_config(tmp_path, **keys))
    check_method(config)
    assert count_references(config) == 0
    with pytest.raises(ConfigError, match="refine_references cannot be combined with a model of diffusers"):
        check_method(load_config(Config, write_config(tmp_path, **keys, refine_references=1)))
