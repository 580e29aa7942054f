"""Results on disk: four folders of pictures, and a manifest with one line per filled picture.

A picture counts as finished when its manifest line is there and its file too. Files come first and the line last, so
that whatever a crash leaves behind is done again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repaint.data import images, storage
from repaint.data.canvas import Canvas
from repaint.data.dataset import Example
from repaint.data.masks import mask_pixels
from repaint.errors import ConfigError, DataError
from repaint.sheets import masked_pixels

MANIFEST = "manifest.jsonl"
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class ResultFolders:
    """Where the results go; None leaves a kind out. `log` holds the manifest and the contact sheet."""

    inpainted: str
    log: str
    masked: str | None = None
    truth: str | None = None
    keep_mask: str | None = None


class Results:
    """The results of one run, resumable.

    Args:
        folders: where to write.
        digest: fingerprint of what all pictures share; results of another one are not mixed in.
        wanted: for each picture of the run, by its name, what else determines it (its files, its seed ...); it goes
            into the manifest line, and a line that tells otherwise is done again.
        overwrite: do all of `wanted` again.

    Raises:
        DataError: a folder cannot be written to.
        ConfigError: the folder holds results of another configuration, and `overwrite` is off.
    """

    def __init__(
        self,
        folders: ResultFolders,
        digest: str,
        wanted: Mapping[str, Mapping[str, Any]],
        overwrite: bool = False,
    ) -> None:
        self.folders = folders
        self.digest = digest
        self.wanted = wanted
        self.manifest = storage.join(folders.log, MANIFEST)
        self._inputs_written: set[str] = set()
        for folder in (folders.inpainted, folders.log, folders.masked, folders.truth, folders.keep_mask):
            if folder is not None:
                storage.check_writable(folder)
        lines = self._valid_lines(overwrite)
        self.finished = set(lines) & set(wanted)
        text = "".join(json.dumps(line) + "\n" for line in lines.values())
        if not storage.exists(self.manifest) or storage.read_bytes(self.manifest) != text.encode():
            storage.write_bytes(self.manifest, text.encode())

    def _valid_lines(self, overwrite: bool) -> dict[str, Mapping[str, Any]]:
        """Manifest lines by picture name: whole, as wanted now, and with the picture still there."""
        if not storage.exists(self.manifest):
            return {}
        lines: dict[str, Mapping[str, Any]] = {}
        for text in storage.read_bytes(self.manifest).decode(errors="replace").splitlines():
            line = _parse_line(text)
            if line is None:
                continue
            if line["config_digest"] != self.digest:
                if overwrite:
                    continue
                raise ConfigError(
                    f"{self.manifest}: tells of results of another configuration, seed or checkpoint; "
                    f"give other paths (paths.log for this file), or --overwrite"
                )
            name = line["name"]
            wanted = self.wanted.get(name)
            stale = wanted is not None and (overwrite or any(line.get(key) != wanted[key] for key in wanted))
            if not stale and storage.exists(storage.join(self.folders.inpainted, name)):
                lines[name] = line
        return lines

    def write(self, name: str, canvas: Canvas, record: Mapping[str, Any]) -> None:
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


def _parse_line(text: str) -> dict[str, Any] | None:
    """A whole manifest line; None for what a crash cut off: its picture is done again."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(line, dict) and isinstance(line.get("name"), str) and "config_digest" in line
    return line if whole else None
