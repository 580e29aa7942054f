"""What people have in place of weights is named by its content, whatever the file is called."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from repaint.checkpoints.diffusers import read as read_folder
from repaint.checkpoints.formats import read_weights
from repaint.checkpoints.safe_files import encode_checkpoint, read_checkpoint
from repaint.errors import CheckpointError
from tests.helpers.tiny import tiny_unet

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 132\n"
)
STATE = {"w": torch.arange(500.0)}


def saved(content: object = STATE, new_format: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=new_format)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("m.pt"))
    return buffer.getvalue()


IMPOSTORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "LFS": (lambda: POINTER, "a pointer file of Git LFS, not weights; git lfs pull"),
    "annex": (lambda: b"/annex/objects/SHA256E-s3--abc.pt\n", "a pointer file of git-annex"),
    "page": (lambda: b"\xef\xbb\xbf\n<!DOCTYPE html>", "a web page"),
    "storage": (lambda: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
    "JSON": (lambda: json.dumps({"error": "gated"}).encode(), 'a text file .*"error": "gated"'),
    "text": (lambda: b"Entry not found", "a text file .'Entry not found'.*, not weights"),
    "empty": (lambda: b"", "empty"),
    "gzip": (lambda: gzip.compress(saved()), "a gzip archive, not weights; unpack it"),
    "tar": (tarred, "a tar archive, not weights; unpack it"),
    "zip": (lambda: zipped("weights/m.pt", saved()), "a zip archive of weights/m.pt, not weights; unpack it"),
    "script": (lambda: zipped("m/constants.pkl", b""), "a TorchScript program"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n", "a picture, not weights"),
    "keras": (lambda: b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "pickle": (
        lambda: pickle.dumps({"ema": 1}),
        "a pickle of Python objects, refused because loading it could run code",
    ),
    "module": (
        lambda: saved(torch.nn.Linear(2, 2)),
        r"holds more than plain weights \(torch.nn.modules.linear.Linear\) and loading it could run code",
    ),
    "cut zip": (lambda: saved()[:900], "incomplete .its end is missing.; fetch it again"),
    "cut older": (lambda: saved(new_format=False)[:-10], "damaged or incomplete"),
    "cut early": (lambda: saved(new_format=False)[:20], "damaged or incomplete"),
    "cut safetensors": (lambda: encode_checkpoint(STATE, {})[:-10], "damaged or incomplete"),
    "bytes": (lambda: bytes(range(200, 256)), "not a weights file of PyTorch, or damaged"),
}


@pytest.mark.parametrize("name", ["m.pt", "m.pth", "m.ckpt", "m.bin"])
@pytest.mark.parametrize(("make", "message"), IMPOSTORS.values(), ids=IMPOSTORS.keys())
def test_what_is_no_weights_is_named(tmp_path: Path, name: str, make: Callable[[], bytes], message: str) -> None:
    content = make()
    (tmp_path / name).write_bytes(content)
    for read in (lambda: read_checkpoint(str(tmp_path / name)), lambda: read_checkpoint(f"gs://b/{name}", content)):
        with pytest.raises(CheckpointError, match=message) as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["LFS", "page", "text", "gzip", "zip", "pickle", "module", "cut zip"])
def test_the_ending_of_safetensors_decides_nothing(tmp_path: Path, key: str) -> None:
    make, message = IMPOSTORS[key]
    (tmp_path / "m.safetensors").write_bytes(make())
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(str(tmp_path / "m.safetensors"))


@pytest.mark.parametrize("name", ["m.pt", "m.safetensors", "m"])
@pytest.mark.parametrize("content", [saved(), saved(new_format=False), encode_checkpoint(STATE, {})])
def test_weights_of_every_format_are_read_under_every_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert torch.equal(read_checkpoint(str(tmp_path / name))[0]["w"], STATE["w"])
    assert torch.equal(read_checkpoint(f"gs://b/{name}", content)[0]["w"], STATE["w"])


def test_a_folder_of_diffusers_cloned_without_its_large_files(folder: Path) -> None:
    (weights,) = folder.rglob("diffusion_pytorch_model.safetensors")
    weights.write_bytes(POINTER)
    with pytest.raises(CheckpointError, match="a pointer file of Git LFS"):
        read_folder(str(folder))


@pytest.mark.parametrize(
    ("key", "dimension", "channels", "message"),
    [
        ("input_blocks.0.0.weight", 1, 1, "takes 1 channel; only networks for RGB pictures"),
        ("input_blocks.0.0.weight", 1, 4, "takes 4 channels; only networks for RGB pictures"),
        ("input_blocks.0.0.weight", 1, 6, "takes 6 channels; only networks for RGB pictures"),
        ("out.2.weight", 0, 1, "gives 1 channel; only networks for RGB pictures"),
        ("out.2.weight", 0, 8, "gives 8 channels; only networks for RGB pictures"),
    ],
)
def test_networks_for_other_pictures_than_rgb_are_refused(
    tmp_path: Path, key: str, dimension: int, channels: int, message: str
) -> None:
    state = tiny_unet().state_dict()
    shape = list(state[key].shape)
    shape[dimension] = channels
    torch.save(state | {key: torch.zeros(shape)}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=message):
        read_weights(str(tmp_path / "m.pt"))
