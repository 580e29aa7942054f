import hashlib
from pathlib import Path

import pytest

from repaint.data import bundled
from repaint.data.bundled import MODELS, is_photo_model, locate_model


@pytest.mark.parametrize("name", MODELS)
def test_models_are_small_enough_to_travel_with_the_code(name: str) -> None:
    assert Path(locate_model(name)).stat().st_size <= 32 * 2**20


def test_the_model_of_faces_is_what_it_was() -> None:
    """Results that people have made with it can be made again."""
    digest = hashlib.sha256(Path(locate_model("faces64")).read_bytes()).hexdigest()
    assert digest == "e330ceb243943c56772bba53cc6ab12748c9fecbf852205baf57f1e59fbc62cd"


def test_the_model_of_photographs_is_known_by_any_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = str(Path(locate_model("photos64")).resolve())
    monkeypatch.chdir(Path(path).parent)
    assert is_photo_model(path)
    assert is_photo_model("photos64.safetensors")
    assert not is_photo_model(locate_model("faces64"))
    assert not is_photo_model(str(tmp_path / "photos64.safetensors"))
    assert not is_photo_model("gs://models/photos64.safetensors")


def test_bundled_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(Path(bundled.locate_model(name)).is_file() for name in bundled.MODELS)
    assert Path(bundled.locate("confs/quickstart.yml")).is_file()


def test_a_file_of_the_user_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "confs").mkdir()
    (tmp_path / "confs/quickstart.yml").touch()
    assert bundled.locate("confs/quickstart.yml") == "confs/quickstart.yml"


@pytest.mark.parametrize("path", ["confs/nothing.yml", "gs://bucket/confs/quickstart.yml", "/confs/quickstart.yml"])
def test_other_paths_stay_as_they_are(path: str) -> None:
    assert bundled.locate(path) == path


def test_an_installed_package_has_its_own_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_PACKAGE", tmp_path / "site-packages/repaint")
    assert bundled.bundled_root() == tmp_path / "site-packages/repaint/bundled"
