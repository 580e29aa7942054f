"""The registry of checkpoint formats."""

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from repaint.checkpoints.formats import FORMATS, is_available, pick_format, read_weights
from repaint.checkpoints.weights import Weights
from repaint.config.sampling import ModelFormat


def test_the_key_of_the_configuration_names_all_formats() -> None:
    assert set(get_args(ModelFormat)) == {"auto", *FORMATS}


def test_formats_by_path(tmp_path: Path) -> None:
    assert pick_format(str(tmp_path)) == "diffusers"
    assert pick_format("owner/name", "diffusers") == "diffusers"
    for path in (str(tmp_path / "nowhere.pt"), "gs://bucket/model.pt", "owner/name"):
        assert pick_format(path) == "guided_diffusion"
    assert not is_available(str(tmp_path / "nowhere.pt"))
    assert not is_available("owner/name")
    assert is_available("owner/name", "diffusers")


def test_another_format_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Weights("model.pkl", {}, {}, "digest")
    other = SimpleNamespace(
        HAS_OWN_NETWORK=False,
        matches=lambda path: path.endswith(".pkl"),
        is_available=lambda _path: True,
        read=lambda _path, _entry: weights,
    )
    monkeypatch.setattr("repaint.checkpoints.formats.FORMATS", {"pickle": other} | FORMATS)
    assert read_weights("model.pkl") is weights
    assert pick_format("model.pt") == "guided_diffusion"
