"""Results on disk: four folders of pictures, and a manifest with one line per filled picture.

A picture counts as finished when its manifest line is there and its file too. Files come first and the line last, so
that whatever a crash leaves behind is done again.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repaint.data import images, storage
from repaint.data.examples import Example
from repaint.data.fill_state import FillState
from repaint.data.masks import mask_pixels
from repaint.errors import ConfigError, DataError
from repaint.visual.contact_sheets import masked_pixels

MANIFEST = "manifest.jsonl"
_PART_NAME = re.compile(r"\d{5}\.jsonl")
PARTS = "manifest_parts"  # folder of the lines of each of several processes
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class ResultFolders:
    """Where the results go; None leaves a kind out. `log` holds the manifest and the contact sheet."""

    inpainted: str
    log: str
    masked: str | None = None
    truth: str | None = None
    keep_mask: str | None = None


@dataclass
class Results:
    """The results of a run, as one of its processes sees and writes them.

    Attributes:
        folders: where to write.
        digest: fingerprint of what all pictures share.
        wanted: for each picture of the run, by its name, what else determines it (its files, its seed ...); it goes
            into the manifest line.
        finished: names of the pictures that are done.
        manifest: file that takes the lines of this process.
    """

    folders: ResultFolders
    digest: str
    wanted: Mapping[str, Mapping[str, Any]]
    finished: set[str]
    manifest: str
    _inputs_written: set[str] = field(default_factory=set)

    def write(self, name: str, canvas: FillState, record: Mapping[str, Any]) -> None:
        """Write all files of one filled picture, then its manifest line.

        Args:
            name: of the filled picture, relative; its ending tells the format.
            canvas: the finished fill.
            record: what else the manifest line tells.
        """
        self._write_inputs(canvas.example)
        content = images.encode(canvas.result(), name.rpartition(".")[2])
        storage.write_bytes(storage.join(self.folders.inpainted, name), content)
        line = {"name": name, **self.wanted[name], **record, "config_digest": self.digest}
        storage.append_line(self.manifest, json.dumps(line))
        self.finished.add(name)

    def _write_inputs(self, example: Example) -> None:
        """Write what the fills of a picture share, with the first of them that is done."""
        if example.pair.name in self._inputs_written:
            return
        files = {
            self.folders.masked: masked_pixels(example),
            self.folders.truth: example.pixels,
            self.folders.keep_mask: mask_pixels(example.known),
        }
        for folder, pixels in files.items():
            if folder is not None:
                storage.write_bytes(storage.join(folder, example.pair.name), images.encode_png(pixels))
        self._inputs_written.add(example.pair.name)

    def read_filled(self, name: str, example: Example) -> NDArray[np.uint8] | None:
        """A finished picture, uint8 [H, W, 3]; None if somebody has changed it since."""
        try:
            picture = images.decode(storage.join(self.folders.inpainted, name))
        except DataError:
            return None
        pixels = np.asarray(picture.convert("RGB"))
        return pixels if pixels.shape == example.pixels.shape else None


def manifest_path(folders: ResultFolders, rank: int | None = None) -> str:
    """The manifest, or the part of it that process `rank` writes while several are at work."""
    name = MANIFEST if rank is None else f"{PARTS}/{rank:05d}.jsonl"
    return storage.join(folders.log, name)


def check_writable(folders: ResultFolders) -> None:
    """Raise DataError if results cannot be written to one of the folders, which are made if needed."""
    for folder in (folders.inpainted, folders.log, folders.masked, folders.truth, folders.keep_mask):
        if folder is not None:
            storage.check_writable(folder)


def remove_leftovers(folders: ResultFolders, names: Iterable[str]) -> None:
    """Delete the unfinished files that killed processes have left where the pictures of these names go."""
    roots = [folders.inpainted, folders.masked, folders.truth, folders.keep_mask]
    subfolders = {name.rpartition("/")[0] for name in names}  # few, where names may be a million
    places = {storage.join(root, subfolder) for root in roots if root is not None for subfolder in subfolders}
    for folder in {folders.log} | places:
        storage.remove_leftovers(folder)


def collect(
    folders: ResultFolders, digest: str, wanted: Mapping[str, Mapping[str, Any]], overwrite: bool = False
) -> set[str]:
    """Put the manifest in order, with one line for each picture that is done, and take in the parts of processes.

    A line counts if it is whole, tells what is wanted now, and its picture is still there.

    Args:
        folders: of the results.
        digest: fingerprint of what all pictures share; results of another one are not mixed in.
        wanted: see `Results`.
        overwrite: do all of `wanted` again.

    Returns:
        Names of the wanted pictures that are done.

    Raises:
        ConfigError: the folder holds results of another configuration, and `overwrite` is off.
        DataError: the manifest cannot be read or written.
    """
    manifest, parts = manifest_path(folders), storage.join(folders.log, PARTS)
    names = storage.list_files(parts) if storage.exists(parts) else []
    part_files = [storage.join(parts, name) for name in names if _PART_NAME.fullmatch(name)]
    lines: dict[str, Mapping[str, Any]] = {}
    for path in [manifest, *part_files]:
        for line in read_manifest(path):
            if _counts(line, path, folders, digest, wanted, overwrite):
                lines[line["name"]] = line
    text = "".join(json.dumps(line) + "\n" for line in lines.values()).encode()
    if not storage.exists(manifest) or storage.read_bytes(manifest) != text:
        storage.write_bytes(manifest, text)
    for path in part_files:  # only now, as whatever is in them stands in the manifest
        storage.remove(path)
    storage.remove_empty_folder(parts)
    return lines.keys() & wanted.keys()


def batch_size_before(folders: ResultFolders) -> int | None:
    """The size of the batches of the last result in the manifest, if there is one."""
    sizes = [line.get("batch_size") for line in read_manifest(manifest_path(folders))]
    return sizes[-1] if sizes and isinstance(sizes[-1], int) and sizes[-1] > 0 else None


def read_manifest(path: str) -> Iterator[dict[str, Any]]:
    """The whole lines of a manifest (none if it is not there); what a crash cut off is left out.

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


def _counts(
    line: Mapping[str, Any],
    path: str,
    folders: ResultFolders,
    digest: str,
    wanted: Mapping[str, Mapping[str, Any]],
    overwrite: bool,
) -> bool:
    if line["config_digest"] != digest:
        if overwrite:
            return False
        raise ConfigError(
            f"{path}: tells of results of another configuration, seed or checkpoint; "
            f"give other paths (paths.log for this file), or --overwrite"
        )
    own = wanted.get(line["name"])
    if own is not None and (overwrite or any(line.get(key) != own[key] for key in own)):
        return False
    return storage.exists(storage.join(folders.inpainted, line["name"]))
