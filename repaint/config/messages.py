"""Validation errors as one line: which key, what is wrong, and the nearest known key."""

from typing import Any

from pydantic import ValidationError

from repaint.config.fields import StrictModel, nested_keys
from repaint.errors import suggest

_MOST_PROBLEMS = 3  # of one message


def explain(kind: type[StrictModel], error: ValidationError) -> str:
    """All problems of a configuration in one line, the first few in full."""
    problems = [_explain_one(kind, details) for details in error.errors()]
    more = f"; and {len(problems) - _MOST_PROBLEMS} more problems" if len(problems) > _MOST_PROBLEMS else ""
    return "; ".join(problems[:_MOST_PROBLEMS]) + more


def _explain_one(kind: type[StrictModel], details: Any) -> str:
    location = [str(part) for part in details["loc"]]
    key = ".".join(location)
    if details["type"] == "extra_forbidden":
        paths = {path.rpartition(".")[2]: path for path in nested_keys(kind)}
        if location[-1] in paths:  # known, but not here
            return f"unknown key {key!r}; did you mean {paths[location[-1]]!r}?"
        return f"unknown key {key!r}{suggest(location[-1], paths)}"
    if details["type"] == "missing":
        return f"key {key!r} is missing"
    message = details["msg"].removeprefix("Value error, ")
    value = details["input"]
    shown = f", not {value!r}" if not isinstance(value, dict) and details["type"] != "value_error" else ""
    return f"{key}{': ' if key else ''}{message[0].lower()}{message[1:]}{shown}"
