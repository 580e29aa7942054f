"""Reading YAML configurations: `base` files, overrides from the command line, strict validation.

An unknown key, a wrong type or a value out of range is a `ConfigError` that names the file, the key and the way out.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from pydantic import ValidationError

from repaint.config.choices import jumps
from repaint.config.fields import StrictModel
from repaint.config.messages import explain
from repaint.config.methods import METHOD_KEYS
from repaint.config.paths import expand_path
from repaint.config.refining import refining_replaced
from repaint.config.sampling import RESAMPLING_KEYS, SCHEDULE_KEYS, set_resampling_keys
from repaint.errors import ConfigError

MOST_VALUES = 100_000  # of a configuration file

ConfigType = TypeVar("ConfigType", bound=StrictModel)


def load_config(kind: type[ConfigType], path: str | Path, overrides: Sequence[str] = ()) -> ConfigType:
    """Read, merge and validate a configuration.

    Args:
        kind: `Config`, `TrainConfig` or `ComparisonConfig`.
        path: YAML file; its `base: other.yml` (relative to the file) is merged under it.
        overrides: texts `key.path=value` from the command line, values in YAML.

    Raises:
        ConfigError: anything wrong, in one line.
    """
    tree = _read_tree(_expand(path), ())
    changes: dict[str, Any] = {}
    for text in overrides:
        apply_override(changes, text)
    tree = without_replaced(tree, changes)
    for text in overrides:
        apply_override(tree, text)
    return make_config(kind, tree, str(path))


def files_of(path: Path) -> list[Path]:
    """A valid configuration's file and all files that it is based on, resolved."""
    tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    base = tree.get("base")
    return [path.resolve(), *(files_of(path.parent / expand_path(base)) if base else [])]


def make_config(kind: type[ConfigType], tree: Mapping[str, Any], source: str) -> ConfigType:
    """Validate a configuration in memory.

    Args:
        kind: class of the configuration.
        tree: values by key, nested like the YAML files; NumPy's numbers and arrays are taken as Python's.
        source: its name in error messages.

    Raises:
        ConfigError: anything wrong, in one line.
    """
    try:
        return kind.model_validate(_without_numpy(tree))
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(kind, error)}") from None


def _without_numpy(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _without_numpy(each) for key, each in value.items()}
    return [_without_numpy(each) for each in value] if isinstance(value, list) else value


def override(key: str, value: object) -> str:
    """A text `key.path=value` for `load_config`, quoted so that any path stays one.

    Args:
        key: names joined by dots.
        value: None, a number, a bool or a text; anything else is converted to text.
    """
    plain = value is None or isinstance(value, int | float)
    text = yaml.safe_dump(value if plain else str(value), width=math.inf).removesuffix("...\n")
    return f"{key}={text.rstrip()}"


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set a key of a tree in place.

    Args:
        tree: values by key, nested like the YAML files.
        override: text `key.path=value`, the value in YAML.

    Raises:
        ConfigError: the text has another form, or the path leads through a value.
    """
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {override}: write it as key.path=value")
    try:
        value = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    *parents, last = path.strip().split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {key} holds a value, not further keys")
    tree[last] = value


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where plain YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(None, None, "a key must be a word", key_node.start_mark)
            if key_node.tag == "tag:yaml.org,2002:merge":  # chains of them grow without bounds
                raise yaml.MarkedYAMLError(None, None, "merge keys (<<) are not read; use base:", key_node.start_mark)
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"key {key_node.value!r} is given twice", key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _read_tree(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """A file's values merged over those of its base; `seen` are the files that led here."""
    if path.resolve() in seen:
        raise ConfigError(f"{path}: 'base' leads back to the file itself")
    tree = _parse(path)
    _check_size(path, tree)
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError(f"{path}: a configuration is a list of 'key: value' lines, this file is not")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str) or "\0" in base:
        raise ConfigError(f"{path}: base must name a YAML file, not {base!r}")
    under = _read_tree(path.parent / _expand(base, f"{path}: base: "), (*seen, path.resolve()))
    return _merge(without_replaced(under, tree), tree)


def _expand(path: str | Path, where: str = "") -> Path:
    try:
        return Path(expand_path(str(path)))
    except ValueError as error:
        raise ConfigError(f"{where}{error}") from None


def _parse(path: Path) -> object:
    try:
        # The loader is a SafeLoader: plain data only, no Python objects.
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a text file ({error})") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _check_size(path: Path, tree: object) -> None:
    """Raise ConfigError if aliases expand a small file to more values than can be visited."""
    count, rest = 0, [tree]
    while rest:
        value = rest.pop()
        count += 1
        if count > MOST_VALUES:
            raise ConfigError(f"{path}: more than {MOST_VALUES:,} values; an alias is repeated too often")
        if isinstance(value, dict):
            rest += value.values()
        elif isinstance(value, list):
            rest += value


def without_replaced(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the keys that another one replaces as a group when it is merged over it.

    A preset replaces the whole schedule below it, one key that specifies the resampling replaces the others, and a
    method the parameters of another. Of a resampling and a method that has none the upper one replaces the other.
    Details of a refinement, of windows or of animations go with what they are about.
    """
    resampling = set_resampling_keys(over)
    replaced: set[str] = set()
    if over.get("schedule") is not None:
        replaced = set(SCHEDULE_KEYS)
    elif resampling:
        replaced = set(RESAMPLING_KEYS) - set(resampling)
    if "method" in over:
        replaced |= {key for key in METHOD_KEYS if key != over["method"]}
        replaced |= set() if jumps(over) else set(RESAMPLING_KEYS)
    elif resampling and not jumps(under):
        replaced |= set(METHOD_KEYS)
    if "animation" in over and over["animation"] is None:
        replaced.add("animation_frames")
    replaced |= refining_replaced({"method": under.get("method"), **over})
    return _without_context({key: value for key, value in under.items() if key not in replaced}, over)


def _without_context(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the `window_context` of data sets that another one gives another `fit`."""
    kept = dict(under)
    if over.get("fit", "window") != "window":
        kept.pop("window_context", None)
    for key in over.keys() & kept.keys():
        if isinstance(kept[key], Mapping) and isinstance(over[key], Mapping):
            kept[key] = _without_context(kept[key], over[key])
    return kept


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    # A data set of another name replaces the one of the base file, as there can be only one.
    if isinstance(over.get("eval"), dict) and over["eval"]:
        merged["eval"] = {name: merged["eval"][name] for name in over["eval"]}
    return merged
