"""Folders of tiny models of the diffusers library."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.diffusers_models import write_model


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("diffusers") / "model")


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Path:
    return shutil.copytree(template, tmp_path / "model")
