"""The configuration reference: up to date, with every key, its default and its meaning."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic_core import PydanticUndefined

from repaint.config import reference
from repaint.config.comparison import ComparisonConfig
from repaint.config.data import DataConfig
from repaint.config.fields import NO_EFFECT, StrictModel
from repaint.config.reference import SECTIONS, describe_type, render
from repaint.config.run import Config
from repaint.config.training import TrainConfig
from tests.helpers.configurations import nested_models

DOCUMENT = Path(__file__).parents[2] / "docs/configuration.md"
MODELS = list(dict.fromkeys(model for kind in (Config, TrainConfig, ComparisonConfig) for model in nested_models(kind)))
FIELDS = [(model, key) for model in MODELS for key in model.model_fields]


def rows_of(title: str) -> dict[str, list[str]]:
    """The other cells of each row of a section, by its key."""
    body = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body.splitlines() if line[:3] == "| `"]
    return {row[0].strip("` "): row[1:] for row in rows}


def titles_of(model: type[StrictModel]) -> list[str]:
    """Sections that have keys of a model: its own, and those of the models that it extends."""
    return [section.title for section in SECTIONS if issubclass(model, section.model)]


def test_the_document_is_up_to_date() -> None:
    """`python -m repaint.config.reference --out docs/configuration.md` writes it."""
    assert DOCUMENT.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize(("model", "key"), FIELDS, ids=[f"{model.__name__}.{key}" for model, key in FIELDS])
def test_every_key_stands_in_the_document_with_its_default(model: type[StrictModel], key: str) -> None:
    field = model.model_fields[key]
    assert field.description
    if model is DataConfig:  # the key `eval`, which is in the place of the data set's keys
        return
    if NO_EFFECT in field.metadata:
        assert any(name.rpartition(".")[2] == key for name in rows_of("Keys without effect"))
        return
    (row,) = [rows[key] for rows in map(rows_of, titles_of(model)) if key in rows]
    _, default, meaning = row
    assert meaning.rstrip().endswith(".")
    value = field.get_default(call_default_factory=True)
    if default in ("required", "its defaults"):
        assert value is PydanticUndefined or isinstance(value, StrictModel)
    elif default == "none":
        assert value in (None, [])
    else:
        read = yaml.safe_load(default.strip("`"))
        assert (str(read) if isinstance(value, str) else read) == value


def test_types_in_words() -> None:
    schemas = Config.model_json_schema()["properties"]

    def words(key: str) -> str:
        return describe_type(schemas[key])

    assert words("image_size") == "whole number (8 to 65,536)"
    assert words("seed") == "whole number (0 to 2^62)"
    assert words("dropout") == "number (from 0, below 1)"
    assert words("classifier_scale") == "number (from 0)"
    assert words("precision") == "`auto`, `fp32`, `tf32`, `bf16` or `fp16`"
    assert words("compile") == "`true`, `false` or `auto`"
    assert words("betas") == "list of numbers (above 0, below 1)"
    assert words("schedule_jump_params") == "[keys](#schedule)"
    assert words("data") == "[keys](#data-set)"


def test_links_lead_to_sections() -> None:
    text = render()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", text, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]*)\)", text))
    assert links
    assert links <= headings


def test_the_command_prints_or_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference.main([])
    assert capsys.readouterr().out == render()
    reference.main(["--out", str(tmp_path / "reference.md")])
    assert (tmp_path / "reference.md").read_text(encoding="utf-8") == render()
