"""Models of the Hugging Face hub, with a stand-in for its client."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest
from diffusers import UNet2DModel

from tests.helpers.command import run, user_error
from tests.helpers.diffusers_models import check_filled, edit_json, write_plain_config


class Hub:
    """Stands for huggingface_hub.snapshot_download: copies what is asked for into a cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, model: Path, cache: Path) -> None:
        self.model, self.cache, self.calls = model, cache, []
        monkeypatch.setattr("huggingface_hub.snapshot_download", self)

    def __call__(self, name: str, revision: str | None, allow_patterns: list[str]) -> str:
        self.calls.append((name, revision))
        for path in self.model.rglob("*"):
            inside = path.relative_to(self.model)
            if path.is_file() and any(fnmatch(str(inside), pattern) for pattern in allow_patterns):
                (self.cache / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.cache / inside)
        return str(self.cache)


@pytest.mark.parametrize("pickled", [False, True])
def test_a_model_of_the_hub(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pickled: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if pickled:
        UNet2DModel.from_pretrained(folder / "unet").save_pretrained(folder / "unet", safe_serialization=False)
        (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(b"large")
    (folder / "README.md").write_text("long")
    hub = Hub(monkeypatch, folder, tmp_path / "cache/abc123")
    conf = write_plain_config(tmp_path, "someone/faces")
    user_error(capsys, run(conf), "no such weights file", "model_format: diffusers a model of this name on the Hugging")
    assert not hub.calls
    diffusers = ("--set", "model_format=diffusers")
    assert run(conf, "--dry_run", *diffusers) == 0
    assert "missing" not in capsys.readouterr().out
    assert run(conf, *diffusers) == 0
    check_filled(tmp_path)
    assert hub.calls[0] == ("someone/faces", None)  # the newest, and then of the same commit
    assert set(hub.calls[1:]) == {("someone/faces", None), ("someone/faces", "abc123")}
    fetched = {str(path.relative_to(hub.cache)) for path in hub.cache.rglob("*") if path.is_file()}
    suffix = "bin" if pickled else "safetensors"
    assert fetched == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        f"unet/diffusion_pytorch_model.{suffix}",
    }


def test_a_wrong_model_of_the_hub_costs_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_json(folder / "unet/config.json", lambda tree: tree.update(in_channels=4))
    hub = Hub(monkeypatch, folder, tmp_path / "cache")
    conf = write_plain_config(tmp_path, "someone/latents", model_format="diffusers")
    user_error(capsys, run(conf), "someone/latents: in_channels 4")
    assert len(hub.calls) == 1


def test_without_a_network_the_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*_arguments: object, **_options: object) -> str:
        raise LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder\nand no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    conf = write_plain_config(tmp_path, "someone/faces", model_format="diffusers")
    says = "someone/faces: cannot be fetched from the Hugging Face hub (Cannot find an appropriate cached snapshot"
    user_error(capsys, run(conf), says, "check the name and the network, or give the folder of a copy")
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    user_error(capsys, run(conf), "someone/faces on the Hugging Face hub needs huggingface_hub: pip install")
