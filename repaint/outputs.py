"""Results on disk: four folders of pictures, a manifest with one line per picture, a contact sheet.

A picture counts as finished when its manifest line is there and its file too. Files come first and the line last, so
that whatever a crash leaves behind is done again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repaint.data import images, storage
from repaint.data.dataset import Example
from repaint.errors import ConfigError

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
        digest: fingerprint of everything that determines the pictures; results of another one are not mixed in.
        overwrite: forget what earlier runs left.

    Raises:
        DataError: a folder cannot be written to.
        ConfigError: the folder holds results of another configuration, and `overwrite` is off.
    """

    def __init__(self, folders: ResultFolders, digest: str, overwrite: bool = False) -> None:
        self.folders = folders
        self.digest = digest
        self.manifest = storage.join(folders.log, MANIFEST)
        for folder in (folders.inpainted, folders.log, folders.masked, folders.truth, folders.keep_mask):
            if folder is not None:
                storage.check_writable(folder)
        lines = {} if overwrite else self._valid_lines()
        self.finished = set(lines)
        text = "".join(json.dumps(line) + "\n" for line in lines.values())
        if not storage.exists(self.manifest) or storage.read_bytes(self.manifest) != text.encode():
            storage.write_bytes(self.manifest, text.encode())

    def _valid_lines(self) -> dict[str, Mapping[str, Any]]:
        """Manifest lines by picture name: whole, of this configuration, and with the picture still there."""
        if not storage.exists(self.manifest):
            return {}
        lines = {}
        for text in storage.read_bytes(self.manifest).decode(errors="replace").splitlines():
            try:
                line = json.loads(text)
                name, digest = line["name"], line["config_digest"]
            except (ValueError, KeyError, TypeError):
                continue  # cut off by a crash: its picture is done again
            if digest != self.digest:
                raise ConfigError(
                    f"{self.folders.log}: holds results of another configuration, seed or checkpoint; "
                    f"give other output paths, or --overwrite"
                )
            if storage.exists(storage.join(self.folders.inpainted, name)):
                lines[name] = line
        return lines

    def write(self, example: Example, filled: NDArray[np.uint8], record: Mapping[str, Any]) -> None:
        """Write all files of one picture, then its manifest line.

        Args:
            example: picture and mask.
            filled: uint8 [size, size, 3].
            record: what else the manifest line tells.
        """
        name = example.pair.name
        files = {
            self.folders.masked: masked_pixels(example),
            self.folders.truth: example.pixels,
            self.folders.keep_mask: np.where(example.known, 255, 0).astype(np.uint8),
            self.folders.inpainted: filled,
        }
        for folder, pixels in files.items():
            if folder is not None:
                storage.write_bytes(storage.join(folder, name), images.encode_png(pixels))
        line = {"name": name, "picture": example.pair.picture, "mask": example.pair.mask, **record}
        storage.append_line(self.manifest, json.dumps(line | {"config_digest": self.digest}))
        self.finished.add(name)

    def read_filled(self, name: str) -> NDArray[np.uint8]:
        """A finished picture, uint8 [size, size, 3]."""
        return np.asarray(images.decode(storage.join(self.folders.inpainted, name)).convert("RGB"))

    def write_contact_sheet(self, examples: Sequence[Example]) -> str:
        """Write `gt | masked | inpainted` of finished examples as one picture; returns its path."""
        rows = []
        for example in examples:
            triple = [example.pixels, masked_pixels(example), self.read_filled(example.pair.name)]
            rows.append(tile([enlarge(pixels) for pixels in triple], columns=3))
        sheet = tile(rows, columns=max(1, round((len(rows) / 3) ** 0.5)), gap=4)
        path = storage.join(self.folders.log, CONTACT_SHEET)
        storage.write_bytes(path, images.encode_png(sheet))
        return path


def masked_pixels(example: Example) -> NDArray[np.uint8]:
    """The picture with its hole in black."""
    return np.where(example.known[:, :, None], example.pixels, 0).astype(np.uint8)


def enlarge(pixels: NDArray[np.uint8], least: int = 128) -> NDArray[np.uint8]:
    """Repeat the pixels of a small picture so that people can see it: at least `least` pixels wide."""
    factor = -(-least // pixels.shape[1])
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def tile(pictures: Sequence[NDArray[np.uint8]], columns: int, gap: int = 2) -> NDArray[np.uint8]:
    """Arrange pictures of one size in rows on white.

    Args:
        pictures: uint8 [H, W, 3] each, at least one.
        columns: pictures per row.
        gap: pixels between and around them.

    Returns:
        uint8 [rows * (H + gap) + gap, columns * (W + gap) + gap, 3].
    """
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet
