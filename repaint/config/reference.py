"""The configuration reference as Markdown, rendered from the schema: python -m repaint.config.reference

Types, ranges and defaults come from the fields, their meaning from the text below each.
"""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from repaint.config.adapting import AdaptConfig
from repaint.config.comparison import ComparedConfig, ComparedMaskConfig, ComparisonConfig
from repaint.config.data import EvalDataConfig, MaskConfig, OutputPaths
from repaint.config.extending import ExtendConfig
from repaint.config.fields import NO_EFFECT, StrictModel
from repaint.config.methods import DPSConfig, LangevinConfig, MethodConfig, PiGDMConfig
from repaint.config.network import NetworkConfig
from repaint.config.process import ProcessConfig
from repaint.config.refining import RefineConfig
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig, ScheduleJumpParams
from repaint.config.training import TrainConfig

HEAD = """# Configuration reference

Written by `python -m repaint.config.reference --out docs/configuration.md` from the schema in `repaint/config`.

A configuration is a YAML file. Files are strict: an unknown key, a wrong type, a key given twice, a YAML merge key
(`<<`) or a contradiction is an error that names the file and the key. `base: other.yml` (relative to the file) merges
the file over another one, and `--set key.path=value` on the command line overrides a key. Paths may be local or any
that `blobfile` reads (`gs://`, `az://`, `https://` of Azure); `~`, `$NAME` and `${NAME}` in them are expanded.
"""
NO_EFFECT_INTRO = """\
Files of the published code contain these keys, but nothing reads them. They are accepted, and one message lists those
that a file sets. The same message lists `cond_y` where nothing needs a class."""


@dataclass(frozen=True)
class Section:
    """A part of the reference: the keys that a model adds to those of other sections.

    Attributes:
        title: heading.
        model: whose docstring introduces the section.
        place: key path of the model in the YAML file; '' for the top level.
        elsewhere: models whose keys have sections of their own.
    """

    title: str
    model: type[StrictModel]
    place: str = ""
    elsewhere: tuple[type[StrictModel], ...] = ()

    def fields(self) -> Iterator[tuple[str, FieldInfo]]:
        """Name and definition of each key, with those without effect; a base class's keys come last."""
        documented = {key for model in self.elsewhere for key in model.model_fields}
        inherited = self.model.model_fields.keys() - self.model.__annotations__.keys()
        keys = sorted(self.model.model_fields, key=lambda key: key in inherited)
        return ((key, self.model.model_fields[key]) for key in keys if key not in documented)


SECTIONS = (
    Section("Run", Config, elsewhere=(SamplingConfig,)),
    Section("Network", NetworkConfig),
    Section("Diffusion process", ProcessConfig),
    Section("Sampling", SamplingConfig, elsewhere=(NetworkConfig, ProcessConfig, MethodConfig, RefineConfig)),
    Section("Method", MethodConfig),
    Section("Refinement", RefineConfig),
    Section("Schedule", ScheduleJumpParams, "schedule_jump_params"),
    Section("Langevin", LangevinConfig, "langevin"),
    Section("DPS", DPSConfig, "dps"),
    Section("PiGDM", PiGDMConfig, "pigdm"),
    Section("Adaptation", AdaptConfig, "adapt"),
    Section("Data set", EvalDataConfig, "data.eval.NAME"),
    Section("Masks", MaskConfig, "data.eval.NAME.mask"),
    Section("Extension", ExtendConfig, "data.eval.NAME.extend"),
    Section("Outputs", OutputPaths, "data.eval.NAME.paths"),
    Section("Training", TrainConfig, elsewhere=(NetworkConfig, ProcessConfig)),
    Section("Comparison", ComparisonConfig),
    Section("Comparison entries", ComparedConfig, "entries"),
    Section("Comparison masks", ComparedMaskConfig, "masks"),
)
_TITLES = {section.model.__name__: section.title for section in SECTIONS} | {"DataConfig": "Data set"}


_PLURAL = re.compile("number|text|path")


def render() -> str:
    """The whole reference."""
    return "\n".join([HEAD, *(_render_section(section) for section in SECTIONS), _render_no_effect()])


def _render_section(section: Section) -> str:
    schemas = section.model.model_json_schema()["properties"]
    rows = [
        (f"`{key}`", describe_type(schemas[key]), describe_default(field), _one_line(field.description))
        for key, field in section.fields()
        if NO_EFFECT not in field.metadata
    ]
    place = f" Keys of `{section.place}`." if section.place else ""
    intro = f"{_one_line(section.model.__doc__)}{place}"
    return f"## {section.title}\n\n{intro}\n\n{_table(('key', 'type', 'default', 'meaning'), rows)}"


def _render_no_effect() -> str:
    rows = [
        (f"`{f'{section.place}.' if section.place else ''}{key}`", _one_line(field.description))
        for section in SECTIONS
        for key, field in section.fields()
        if NO_EFFECT in field.metadata
    ]
    return f"## Keys without effect\n\n{NO_EFFECT_INTRO}\n\n{_table(('key', 'in the published code'), rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def describe_default(field: FieldInfo) -> str:
    """The value without the key, as in YAML; "required" if there is none."""
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None or default == []:
        return "none"
    if isinstance(default, StrictModel):
        return "its defaults"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default != "" else "`''`"


def describe_type(schema: Mapping[str, Any]) -> str:
    """A field's JSON schema in a few words: "whole number (1 to 100)", "`linear` or `cosine`"."""
    *first, last = _alternatives(schema)
    return f"{', '.join(first)} or {last}" if first else last


def _alternatives(schema: Mapping[str, Any]) -> list[str]:
    if "anyOf" in schema:
        return [each for part in schema["anyOf"] if part.get("type") != "null" for each in _alternatives(part)]
    if "const" in schema or "enum" in schema:
        return [f"`{value}`" for value in schema.get("enum", [schema.get("const")])]
    if "$ref" in schema:
        title = _TITLES[schema["$ref"].rpartition("/")[2]]
        return [f"[keys](#{title.lower().replace(' ', '-')})"]
    if schema["type"] == "boolean":
        return ["`true`", "`false`"]
    if schema["type"] == "array":
        return ["list of " + _PLURAL.sub(r"\g<0>s", describe_type(schema["items"]))]
    if schema.get("format") == "path":
        return ["path"]
    if schema.get("format") == "per cent":
        return ["per cent"]
    return [{"integer": "whole number", "number": "number", "string": "text"}[schema["type"]] + _describe_range(schema)]


def _describe_range(schema: Mapping[str, Any]) -> str:
    """Bounds of a number, if there are any: " (1 to 100)", " (above 0)", " (from 0, below 1)"."""
    lower, upper = schema.get("minimum"), schema.get("maximum")
    if lower is not None and upper is not None:
        return f" ({_show(lower)} to {_show(upper)})"
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to", "exclusiveMaximum": "below"}
    bounds = [f"{word} {_show(schema[key])}" for key, word in words.items() if key in schema]
    return f" ({', '.join(bounds)})" if bounds else ""


def _show(bound: float) -> str:
    """65536 -> "65,536", 2^62 -> "2^62"."""
    exponent = int(bound).bit_length() - 1
    return f"2^{exponent}" if exponent >= 32 and bound == 2**exponent else f"{bound:,}".removesuffix(".0")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the reference, or write it to a file."""
    parser = argparse.ArgumentParser(prog="repaint.config.reference", description="Configuration reference.")
    parser.add_argument("--out", type=Path, help="Markdown file (default: print)")
    args = parser.parse_args(arguments)
    if args.out is None:
        print(render(), end="")
    else:
        args.out.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
