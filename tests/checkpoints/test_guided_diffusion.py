import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.checkpoints.guided_diffusion import (
    encode_checkpoint,
    load_weights,
    read_checkpoint,
    read_classifier_flags,
    read_unet_flags,
)
from repaint.errors import CheckpointError
from repaint.models.classifier import Classifier
from repaint.models.unet import UNet, UNetConfig
from tests.helpers.tiny import tiny_unet


def test_safetensors_round_trip_with_metadata(tmp_path: Path) -> None:
    state = {key: value.half() for key, value in tiny_unet().state_dict().items()}
    path = tmp_path / "model.safetensors"
    path.write_bytes(encode_checkpoint(state, {"network": {"image_size": 16}}))
    loaded, metadata = read_checkpoint(str(path))
    assert metadata == {"network": {"image_size": 16}}
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    from_memory, _ = read_checkpoint("gs://bucket/model.safetensors", path.read_bytes())
    assert from_memory.keys() == state.keys()


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "ema"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_torch_files_plain_wrapped_and_from_ddp(tmp_path: Path, wrapper: str | None, prefix: str) -> None:
    state = {f"{prefix}{key}": value for key, value in tiny_unet().state_dict().items()}
    path = tmp_path / "model.pt"
    torch.save({wrapper: state, "step": 3} if wrapper else state, path)
    loaded, metadata = read_checkpoint(str(path))
    assert metadata == {}
    assert loaded.keys() == tiny_unet().state_dict().keys()
    assert read_checkpoint("gs://x.pt", path.read_bytes())[0].keys() == loaded.keys()


def test_old_torch_format(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(tiny_unet().state_dict(), path, _use_new_zipfile_serialization=False)
    assert read_checkpoint(str(path))[0].keys() == tiny_unet().state_dict().keys()


class Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, new_format: bool) -> None:
    path, trace = tmp_path / "model.pt", tmp_path / "executed"
    torch.save({"w": Malicious(trace)}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(CheckpointError, match="refused, because it holds more than plain weights"):
        read_checkpoint(str(path))
    assert not trace.exists()
    path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(CheckpointError):
        read_checkpoint(str(path))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.pt", b"<!DOCTYPE html><html>", "a web page"),
        ("m.safetensors", b"\n <html>", "a web page"),
        ("m.pt", b"", "m.pt"),
        ("m.pt", b"PK\x03\x04 rubbish", "damaged"),
        ("m.pt", b"rubbish", "damaged"),
        ("m.safetensors", b"", "damaged"),
        ("m.safetensors", b"\xff" * 100, "damaged"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=says):
        read_checkpoint(str(tmp_path / name))


def test_missing_file_names_the_download_script() -> None:
    with pytest.raises(CheckpointError, match=r"no such weights file; download\.sh"):
        read_checkpoint("nowhere.pt")


def test_files_without_a_state_dict(tmp_path: Path) -> None:
    for content in ({}, [1, 2], {"step": 3}, torch.zeros(3)):
        torch.save(content, tmp_path / "m.pt")
        with pytest.raises(CheckpointError, match="holds no dictionary of weights"):
            read_checkpoint(str(tmp_path / "m.pt"))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_damage_ends_in_weights_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.arange(20.0)}, buffer)
    whole = buffer.getvalue() if suffix == "pt" else encode_checkpoint({"w": torch.arange(20.0)}, {"a": 1})
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("m") / f"m.{suffix}"
    path.write_bytes(damaged)
    try:
        state, _ = read_checkpoint(str(path))
        assert all(isinstance(value, torch.Tensor) for value in state.values())
    except CheckpointError as error:
        assert "\n" not in str(error)


def test_mismatch_names_keys_of_each_sort() -> None:
    network = tiny_unet()
    state = network.state_dict()
    del state["out.2.bias"]
    state["extra"] = torch.zeros(1)
    state["out.2.weight"] = torch.zeros(3, 32, 3, 3)
    with pytest.raises(CheckpointError) as caught:
        load_weights(network, state, "m.pt", ": hint")
    for part in (
        "m.pt: does not fit the configured network: hint",
        "missing: out.2.bias",
        "unexpected: extra",
        "of another shape: out.2.weight [3, 32, 3, 3] instead of [6, 32, 3, 3]",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("resblock_updown", [True, False])
@pytest.mark.parametrize("channel_mult", [(1,), (1, 2), (0.5, 1, 2)])
@pytest.mark.parametrize("num_res_blocks", [1, 2])
@pytest.mark.parametrize("variant", [0, 1])
def test_flags_are_read_off_the_shapes(
    resblock_updown: bool, channel_mult: tuple[float, ...], num_res_blocks: int, variant: int
) -> None:
    config = UNetConfig(
        image_size=32,
        num_channels=64,
        num_res_blocks=num_res_blocks,
        channel_mult=channel_mult,
        attention_resolutions=(32, 16) if variant and len(channel_mult) > 1 else (),
        use_scale_shift_norm=bool(variant),
        resblock_updown=resblock_updown,
        num_classes=7 if variant else None,
        out_channels=6 if variant else 3,
        num_heads=1,
    )
    with torch.device("meta"):
        state = UNet(config).state_dict()
    flags = read_unet_flags(state, 32)
    assert flags["num_channels"] == 64
    assert flags["num_res_blocks"] == num_res_blocks
    assert flags["channel_mult"] == ",".join(f"{m:g}" for m in channel_mult)
    assert flags["attention_resolutions"] == ",".join(map(str, config.attention_resolutions))
    assert flags["use_scale_shift_norm"] == flags["learn_sigma"] == flags["class_cond"] == bool(variant)
    assert flags.get("num_classes") == config.num_classes
    if len(channel_mult) > 1:
        assert flags["resblock_updown"] == resblock_updown


def test_flags_of_other_files_are_empty() -> None:
    assert read_unet_flags({"w": torch.zeros(1)}, 32) == {}
    assert read_classifier_flags({"w": torch.zeros(1)}) == {}


def test_classifier_flags() -> None:
    config = UNetConfig(32, 64, 1, (1, 2), (16,), num_head_channels=64, resblock_updown=True, out_channels=10)
    flags = read_classifier_flags(Classifier(config).state_dict())
    assert flags == {
        "classifier_width": 64,
        "classifier_use_scale_shift_norm": True,
        "classifier_resblock_updown": True,
    }
