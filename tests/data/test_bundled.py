from pathlib import Path

import pytest

from repaint.data import bundled


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
