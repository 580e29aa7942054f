"""The manifest of a run: one JSON line per filled picture, which decides what a resumed run has to do.

A picture counts as finished when its manifest line exists and its file too. Files are written first and the line last,
so that whatever a crash leaves behind is done again. Several workers write a part each; they are merged at the end.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from repaint.data import storage
from repaint.errors import ConfigError

MANIFEST = "manifest.jsonl"
PARTS = "manifest_parts"  # folder of the lines of each of several workers
_PART_NAME = re.compile(r"\d{5}\.jsonl")


def manifest_path(log: str, rank: int | None = None) -> str:
    """The manifest in a log folder, or the part of it that worker `rank` writes while several are at work."""
    name = MANIFEST if rank is None else f"{PARTS}/{rank:05d}.jsonl"
    return storage.join(log, name)


def read_manifest(path: str) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest (none if the file is missing), without what a crash cut off.

    Each has a name and a config_digest; all else may be missing in a file that is not of this version.
    """
    if not storage.exists(path):
        return
    for text in storage.read_bytes(path).decode(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("name"), str) and "config_digest" in line:
            yield line


def read_all_lines(log: str) -> Iterator[dict[str, Any]]:
    """The lines of the manifest in a log folder, and of the parts that interrupted workers have left, see above."""
    for path in [manifest_path(log), *_part_files(log)]:
        yield from read_manifest(path)


def _part_files(log: str) -> list[str]:
    parts = storage.join(log, PARTS)
    names = storage.list_files(parts) if storage.exists(parts) else []
    return [storage.join(parts, name) for name in names if _PART_NAME.fullmatch(name)]


def last_batch_size(log: str) -> int | None:
    """Batch size of the last result in the manifest, if there is one."""
    sizes = [line.get("batch_size") for line in read_manifest(manifest_path(log))]
    return sizes[-1] if sizes and isinstance(sizes[-1], int) and sizes[-1] > 0 else None


@dataclass(frozen=True)
class Expected:
    """What the manifest lines of a run must hold to count as its results.

    Attributes:
        digest: fingerprint of what all pictures of the run share.
        targets: for each result name what else decides the picture (its files, its seed ...).
    """

    digest: str
    targets: Mapping[str, Mapping[str, Any]]


def merge_manifest(log: str, inpainted: str, expected: Expected, overwrite: bool = False) -> set[str]:
    """Merge the parts of workers into the manifest, with one line for each picture that is finished.

    A line counts if it is whole, holds what is expected, and its picture still exists.

    Args:
        log: folder of the manifest.
        inpainted: folder of the pictures.
        expected: of the run; results of another configuration are not mixed in.
        overwrite: do all targets of the run again.

    Returns:
        Names of the targets that are finished.

    Raises:
        ConfigError: the folder holds results of another configuration, and `overwrite` is off.
        DataError: the manifest cannot be read or written.
    """
    manifest, part_files = manifest_path(log), _part_files(log)
    lines: dict[str, Mapping[str, Any]] = {}
    for path in [manifest, *part_files]:
        for line in read_manifest(path):
            if _is_ours(line, path, expected, overwrite) and _is_current(line, inpainted, expected, overwrite):
                lines[line["name"]] = line
    text = "".join(json.dumps(line) + "\n" for line in lines.values()).encode()
    if not storage.exists(manifest) or storage.read_bytes(manifest) != text:
        storage.write_bytes(manifest, text)
    for path in part_files:  # only now that all their lines are in the manifest
        storage.remove(path)
    storage.remove_empty_folder(storage.join(log, PARTS))
    return lines.keys() & expected.targets.keys()


def _is_ours(line: Mapping[str, Any], path: str, expected: Expected, overwrite: bool) -> bool:
    """Whether a line is of this configuration; ConfigError if it is not and may not be dropped."""
    if line["config_digest"] == expected.digest:
        return True
    if overwrite:
        return False
    raise ConfigError(
        f"{path}: holds results of another configuration, seed or checkpoint; "
        f"give other paths (paths.log for this file), or --overwrite"
    )


def _is_current(line: Mapping[str, Any], inpainted: str, expected: Expected, overwrite: bool) -> bool:
    """Whether a line's result need not be made again: it is of the same files and seed, or of no target of this run."""
    target = expected.targets.get(line["name"])
    if target is not None and (overwrite or any(line.get(key) != target[key] for key in target)):
        return False
    return storage.exists(storage.join(inpainted, line["name"]))
