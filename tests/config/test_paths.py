"""Expansion of `~` and variables in every path of a configuration and of the command line."""

import json
from pathlib import Path

import pytest
import yaml

from repaint.commands.fill import main as fill
from repaint.config.comparison import ComparisonConfig
from repaint.config.loading import load_config
from repaint.config.paths import expand_path
from repaint.config.run import Config
from repaint.config.training import TrainConfig
from repaint.errors import ConfigError
from tests.helpers.command import run, user_error
from tests.helpers.configurations import nested_models
from tests.helpers.tiny import make_run, write_config

NAMES = {"srs", "lrs", "gts", "gt_keep_masks", "log", "out", "truth", "masks", "results", "cond_y"}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", str(tmp_path))
    monkeypatch.delenv("MISSING", raising=False)


@pytest.mark.parametrize("text", ["~/a b", "$HOME/a b", "${DATA}/a b"])
def test_what_is_expanded(tmp_path: Path, text: str) -> None:
    assert expand_path(text) == f"{tmp_path}/a b"


@pytest.mark.parametrize("text", ["a~b/c", "x/~", "~draft.png", "$5.png", "a$", "gs://bucket/~x/a", "run:1", "~"])
def test_what_stays(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "~")
    assert expand_path(text) == text


def test_what_cannot_be_expanded() -> None:
    with pytest.raises(ValueError, match=r"^'\$MISSING/a' cannot be expanded, as there is no environment variable 'MI"):
        expand_path("$MISSING/a")
    with pytest.raises(ValueError, match="no user 'nobody-of-this-name'"):
        expand_path("~nobody-of-this-name/a")


def test_a_file_that_is_really_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("$MISSING.png").touch()
    assert expand_path("$MISSING.png") == "$MISSING.png"


def test_every_path_of_the_schema_is_expanded() -> None:
    models = {model for kind in (Config, TrainConfig, ComparisonConfig) for model in nested_models(kind)}
    schemas = {
        f"{model.__name__}.{key}": json.dumps(schema)
        for model in models
        for key, schema in model.model_json_schema()["properties"].items()
        if (key.endswith("_path") or key in NAMES) and (model, key) != (ComparisonConfig, "masks")
    }
    assert len(schemas) >= 17
    assert [name for name, schema in schemas.items() if '"format": "path"' not in schema] == []


def test_a_run_whose_paths_are_all_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, count=1)
    tree = yaml.safe_load((tmp_path / "conf.yml").read_text().replace(str(tmp_path), "~"))
    data = tree["data"]["eval"]["tiny"]
    data["mask_path"] = data["mask_path"].replace("~", "$HOME")
    data["paths"] = {"srs": "~/new/filled", "log": "${DATA}/new"}
    (tmp_path / "short.yml").write_text(yaml.safe_dump(tree))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("over.yml").write_text("base: $DATA/short.yml\n")
    assert run(Path("over.yml")) == 0
    assert (tmp_path / "new/filled/00.png").exists()
    assert (tmp_path / "new/manifest.jsonl").exists()
    assert [path.name for path in Path().iterdir()] == ["over.yml"]


def test_a_variable_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(make_run(tmp_path, count=1), "--set", "data.eval.tiny.paths.srs=$MISSING/out")
    user_error(capsys, code, "data.eval.tiny.paths.srs: '$MISSING/out' cannot be expanded")
    (tmp_path / "over.yml").write_text("base: $MISSING/x.yml\n")
    with pytest.raises(ConfigError, match=r"base: .*no environment variable 'MISSING'"):
        load_config(Config, tmp_path / "over.yml")
    with pytest.raises(ConfigError, match="no environment variable 'MISSING'"):
        load_config(Config, "$MISSING/x.yml")


def test_pictures_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, count=1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    flags = yaml.safe_load(write_config(tmp_path).read_text())
    settings = [f"--set={key}={flags[key]}" for key in ("image_size", "num_head_channels", "timestep_respacing")]
    places = ["--mask=~/masks", "--out=$HOME/filled", "--model=~/model.safetensors", "--schedule=preview"]
    assert fill(["~/gt", *places, "--device=cpu", "--fit=crop", *settings]) == 0
    assert (tmp_path / "filled/00.png").exists()
    assert list(Path().iterdir()) == []
