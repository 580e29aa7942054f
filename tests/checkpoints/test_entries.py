"""Which state of a checkpoint file is run: the moving average, whatever the trainer calls and nests it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from repaint.checkpoints.entries import is_average, pick_state
from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.safe_files import encode_checkpoint, read_checkpoint
from repaint.commands.fill import main as fill_command
from repaint.errors import CheckpointError
from tests.helpers.tiny import make_run, read_pixels, tiny_unet

State = Mapping[str, Tensor]
GOOD = tiny_unet().state_dict()
ZEROS = {key: torch.zeros_like(value) for key, value in GOOD.items()}
OPTIMISER = {"state": {0: {"exp_avg": torch.zeros(2), "step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}
COUNTERS = {"initted": torch.tensor(True), "step": torch.tensor(3)}


def under(prefix: str, state: State) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in state.items()}


def dotless(state: State) -> dict[str, Tensor]:
    return {key.replace(".", ""): value for key, value in state.items()}


WITH_AVERAGE: dict[str, Any] = {
    **{
        name: {"model": ZEROS, name: GOOD, "step": 7, "optimizer": OPTIMISER}
        for name in ("ema", "ema_model", "model_ema", "params_ema", "state_dict_ema", "emaModel", "ema_0.9999")
    },
    "params": {"params": ZEROS, "params_ema": GOOD},
    "nested": {"ema": {"state_dict": under("module.", GOOD)}, "state_dict": under("module.", ZEROS)},
    "flat": {**ZEROS, **under("ema.", GOOD), "step": torch.tensor(3)},
    "lightning": {"state_dict": under("model.", ZEROS) | under("ema.", GOOD), "epoch": 3, "callbacks": {}},
    "ema-pytorch": {"model": ZEROS, "ema": under("online_model.", ZEROS) | under("ema_model.", GOOD) | COUNTERS},
    "process around the network": {
        "model": under("model.", ZEROS) | {"betas": torch.ones(9)},
        "ema": under("ema_model.model.", GOOD) | {"ema_model.betas": torch.ones(9)} | COUNTERS,
    },
    "names without dots": {
        "state_dict": under("model.diffusion_model.", ZEROS)
        | under("model_ema.diffusion_model", dotless(GOOD))
        | {"model_ema.decay": torch.tensor(0.9)}
    },
    "list": {"model": under("module.", ZEROS), "ema": {"shadow_params": list(GOOD.values()), "decay": 0.9}},
}
ALONE: dict[str, Any] = {
    "plain": GOOD,
    **{prefix: under(prefix, GOOD) for prefix in ("module.", "model.", "net.", "unet.", "_orig_mod.", "any.other.")},
    "two prefixes": under("_orig_mod.module.", GOOD),
    "compiled blocks": {key.replace("middle_block.", "middle_block._orig_mod."): value for key, value in GOOD.items()},
    "counters": {"model_state_dict": GOOD, "step": 3, "loss": torch.tensor(0.1), "optimizer": OPTIMISER},
    "averaged model": under("module.", GOOD) | {"n_averaged": torch.tensor(3)},
    "only an average": {"ema": GOOD, "args": {"lr": 1e-4}},
}


def assert_good(state: State) -> None:
    assert state.keys() == GOOD.keys()
    assert all(torch.equal(state[key], GOOD[key]) for key in GOOD)


@pytest.mark.parametrize("content", WITH_AVERAGE.values(), ids=WITH_AVERAGE.keys())
def test_the_moving_average_wins_and_is_named(tmp_path: Path, content: Any) -> None:
    path = str(tmp_path / "m.pt")
    torch.save(content, path)
    weights = read_weights(path)
    assert_good(weights.state)
    assert weights.entry is not None
    assert weights.note is not None
    assert f"moving average (EMA) entry {weights.entry} is taken; model_entry chooses another" in weights.note


@pytest.mark.parametrize("content", WITH_AVERAGE.values(), ids=WITH_AVERAGE.keys())
def test_a_key_takes_the_raw_weights(content: Any) -> None:
    raw = next(name for name in ("root", "params", "model", "state_dict.model", "state_dict") if _has(content, name))
    picked = pick_state("m.pt", content, raw)
    assert all(not value.any() for value in picked.state.values())
    assert picked.state.keys() == GOOD.keys()
    assert picked.note is None


def _has(content: Any, name: str) -> bool:
    try:
        return not any(value.any() for value in pick_state("m.pt", content, name).state.values())
    except CheckpointError:
        return False


@pytest.mark.parametrize("content", ALONE.values(), ids=ALONE.keys())
def test_one_network_is_found_without_a_word(tmp_path: Path, content: Any) -> None:
    path = str(tmp_path / "m.pt")
    torch.save(content, path)
    weights = read_weights(path)
    assert_good(weights.state)
    assert (weights.entry, weights.note) == (None, None)


def test_safetensors_have_prefixes_too(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(encode_checkpoint(under("model.", ZEROS) | under("ema.", GOOD), {}))
    assert_good(read_checkpoint(str(path))[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ema", True), ("EMA", True), ("model_ema", True), ("emaModel", True), ("modelEMA", True), ("ema_0.9999", True),
     ("schema", False), ("demand", False), ("model", False)],
)  # fmt: skip
def test_names_of_averages(name: str, expected: bool) -> None:
    assert is_average(name) == expected


@pytest.mark.parametrize(
    ("content", "wanted", "message"),
    [
        ({"step": 3, "foo": {"bar": 1}}, None, "holds no dictionary of weights .*; its entries are step, foo"),
        ({"model": GOOD, "ema": GOOD}, "emma", "has no entry emma, only model, ema"),
        ({"ema_1": GOOD, "ema_2": GOOD}, None, "holds several networks, ema_1, ema_2; set model_entry to one of them"),
        ([GOOD, OPTIMISER, 3, GOOD], None, "holds several networks, 0, 3"),
        (
            {"model": GOOD, "ema": {"shadow": list(GOOD.values())[::-1]}},
            None,
            "moving average ema.shadow has a form that is not known; model_entry: model takes",
        ),
    ],
)
def test_what_cannot_be_chosen_is_named(content: Any, wanted: str | None, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        pick_state("m.pt", content, wanted)


def test_a_damaged_average_can_be_passed_over() -> None:
    assert_good(pick_state("m.pt", {"model": GOOD, "ema": {"shadow": list(GOOD.values())[::-1]}}, "model").state)


def test_runs_of_average_and_raw_weights_differ_and_do_not_mix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = make_run(tmp_path, 1)
    run: Callable[..., int] = lambda *more: fill_command(["--conf_path", str(conf), "--device", "cpu", *more])  # noqa: E731
    assert run() == 0
    expected = read_pixels(tmp_path / "out/inpainted/00.png")
    torch.save({"model": ZEROS, "ema": GOOD}, tmp_path / "both.pt")
    both = ["--set", f"model_path={tmp_path / 'both.pt'}"]
    assert run(*both, "--overwrite") == 0
    assert capsys.readouterr().out.count("entry ema is taken") == 1
    assert (read_pixels(tmp_path / "out/inpainted/00.png") == expected).all()
    assert run(*both, "--set", "model_entry=model") == 2  # another configuration in the folder
    assert run(*both, "--set", "model_entry=model", "--overwrite") == 0
    assert (read_pixels(tmp_path / "out/inpainted/00.png") != expected).any()
