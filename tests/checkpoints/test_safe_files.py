import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repaint.checkpoints.safe_files import encode_checkpoint, read_checkpoint
from repaint.errors import CheckpointError
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
