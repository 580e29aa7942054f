"""Expansion of `~` and variables in paths of configurations and command lines."""

import os
import re

_HOME = re.compile(r"~[^/\\]*(?=[/\\])")  # what stays of `~user/` without such a user
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*|\{[A-Za-z_]\w*\})")


def expand_path(text: str) -> str:
    """Expand `~`, `~user`, `$NAME` and `${NAME}` in a path; ValueError where there is no such user or variable.

    A file whose name really has such characters is taken as it is.
    """
    expanded = os.path.expanduser(os.path.expandvars(text))  # noqa: PTH111 - a Path would make gs:// into gs:/
    left = _HOME.match(expanded) or _VARIABLE.search(expanded)
    if left is None or os.path.lexists(expanded):
        return expanded
    kind = "user" if left[0].startswith("~") else "environment variable"
    raise ValueError(f"{text!r} cannot be expanded, as there is no {kind} {left[0].strip('~${}')!r}")
