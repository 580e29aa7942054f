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
from PIL import Image, ImageDraw, ImageFont

from repaint.data import images, storage
from repaint.data.dataset import Example
from repaint.data.masks import mask_pixels
from repaint.errors import ConfigError, DataError

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
            self.folders.keep_mask: mask_pixels(example.known),
            self.folders.inpainted: filled,
        }
        for folder, pixels in files.items():
            if folder is not None:
                storage.write_bytes(storage.join(folder, name), images.encode_png(pixels))
        line = {"name": name, **self.wanted[name], **record, "config_digest": self.digest}
        storage.append_line(self.manifest, json.dumps(line))
        self.finished.add(name)

    def _read_filled(self, example: Example) -> NDArray[np.uint8] | None:
        """A finished picture, uint8 [size, size, 3]; None if somebody has changed it since."""
        try:
            picture = images.decode(storage.join(self.folders.inpainted, example.pair.name))
        except DataError:
            return None
        pixels = np.asarray(picture.convert("RGB"))
        return pixels if pixels.shape == example.pixels.shape else None

    def write_contact_sheet(self, examples: Sequence[Example]) -> str | None:
        """Write `gt | masked | inpainted` of finished examples as one picture; returns its path, None if empty."""
        rows = []
        for example in examples:
            filled = self._read_filled(example)
            if filled is not None:
                triple = [example.pixels, masked_pixels(example), filled]
                rows.append(tile([enlarge(pixels) for pixels in triple], columns=3))
        if not rows:
            return None
        sheet = tile(rows, columns=max(1, round((len(rows) / 3) ** 0.5)), gap=4)
        path = storage.join(self.folders.log, CONTACT_SHEET)
        storage.write_bytes(path, images.encode_png(sheet))
        return path


def _parse_line(text: str) -> dict[str, Any] | None:
    """A whole manifest line; None for what a crash cut off: its picture is done again."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(line, dict) and isinstance(line.get("name"), str) and "config_digest" in line
    return line if whole else None


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


def labelled_sheet(
    rows: Sequence[Sequence[NDArray[np.uint8]]], row_labels: Sequence[str], column_labels: Sequence[str]
) -> NDArray[np.uint8]:
    """Rows of pictures of one size, with a word before each row and over each column.

    Args:
        rows: uint8 [H, W, 3] each, equally many in each row; small ones are enlarged.
        row_labels: one for each row.
        column_labels: one for each column.

    Returns:
        uint8 [H', W', 3].
    """
    gap = 4
    sheet = tile([enlarge(pixels) for row in rows for pixels in row], columns=len(column_labels), gap=gap)
    font = ImageFont.load_default(size=15)
    left = gap + round(max(font.getlength(label) for label in row_labels)) + 8
    top = 24
    canvas = Image.new("RGB", (left + sheet.shape[1], top + sheet.shape[0]), "white")
    canvas.paste(Image.fromarray(sheet), (left, top))
    draw = ImageDraw.Draw(canvas)
    height, width = (sheet.shape[0] - gap) / len(rows), (sheet.shape[1] - gap) / len(column_labels)
    for i, label in enumerate(column_labels):
        draw.text((left + gap / 2 + (i + 0.5) * width, top - 2), label, fill="black", font=font, anchor="mb")
    for i, label in enumerate(row_labels):
        draw.text((gap, top + gap / 2 + (i + 0.5) * height), label, fill="black", font=font, anchor="lm")
    return np.asarray(canvas)
