"""Results on disk: four folders of pictures, and the manifest lines of those that are finished."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repaint.data import storage
from repaint.data.decoding import decode
from repaint.data.encoding import encode, encode_png
from repaint.data.examples import Example
from repaint.data.masks import mask_pixels
from repaint.data.pairing import Pair
from repaint.errors import DataError
from repaint.inference.manifest import Expected
from repaint.inference.state import FillState
from repaint.visual.contact_sheets import masked_pixels

CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class ResultFolders:
    """Where the results go; None leaves a kind out. `log` holds the manifest and the contact sheet."""

    inpainted: str
    log: str
    masked: str | None = None
    truth: str | None = None
    keep_mask: str | None = None

    @property
    def of_inputs(self) -> list[str]:
        """Those that are wanted of what the fills of a picture share."""
        return [folder for folder in (self.masked, self.truth, self.keep_mask) if folder is not None]


@dataclass
class Results:
    """The results of a run, as one of its workers sees and writes them.

    Attributes:
        folders: where to write.
        expected: what manifest lines of this run hold.
        finished: names of the pictures that are done.
        manifest: file that takes the lines of this worker.
    """

    folders: ResultFolders
    expected: Expected
    finished: set[str]
    manifest: str
    _inputs_written: set[str] = field(default_factory=set)

    def write(self, state: FillState, record: Mapping[str, Any]) -> None:
        """Write all files of one filled picture, then its manifest line.

        Args:
            state: the finished fill; the ending of its name decides the file format.
            record: further entries of the manifest line.
        """
        if state.example.pair.name not in self._inputs_written:
            self._write_inputs(state.example, self.folders.of_inputs)
            self._inputs_written.add(state.example.pair.name)
        content = encode(state.result(), state.name.rpartition(".")[2])
        storage.write_bytes(storage.join(self.folders.inpainted, state.name), content)
        target = self.expected.targets[state.name]
        line = {"name": state.name, **target, **record, "config_digest": self.expected.digest}
        storage.append_line(self.manifest, json.dumps(line))
        self.finished.add(state.name)

    def write_missing_inputs(self, pairs: Iterable[Pair], load: Callable[[Pair], Example]) -> None:
        """Write what the fills of pictures share where it is not, as in a folder named after they were finished.

        Args:
            pairs: of finished pictures.
            load: reads one; those that it cannot read, as they have changed since, are left out.
        """
        folders = self.folders.of_inputs
        there = {each: set(storage.list_files(each)) if storage.is_folder(each) else set() for each in folders}
        for pair in pairs:
            lacking = [folder for folder, names in there.items() if pair.name not in names]
            if not lacking:
                continue
            try:
                example = load(pair)
            except DataError:
                continue
            self._write_inputs(example, lacking)

    def _write_inputs(self, example: Example, wanted: Iterable[str]) -> None:
        """Write what the fills of a picture share into these of its folders."""
        files = {
            self.folders.masked: masked_pixels(example),
            self.folders.truth: example.pixels,
            self.folders.keep_mask: mask_pixels(example.known),
        }
        for folder in wanted:
            storage.write_bytes(storage.join(folder, example.pair.name), encode_png(files[folder]))

    def read_filled(self, name: str, example: Example) -> NDArray[np.uint8] | None:
        """A finished picture, uint8 [H, W, 3]; None if somebody has changed it since."""
        try:
            picture = decode(storage.join(self.folders.inpainted, name))
        except DataError:
            return None
        pixels = np.asarray(picture.convert("RGB"))
        return pixels if pixels.shape == example.pixels.shape else None


def check_writable(folders: ResultFolders) -> None:
    """Raise DataError if results cannot be written to one of the folders, which are made if needed."""
    for folder in [folders.inpainted, folders.log, *folders.of_inputs]:
        storage.check_writable(folder)


def remove_leftovers(folders: ResultFolders, names: Iterable[str]) -> None:
    """Delete the unfinished files that killed workers have left where the pictures of these names go."""
    roots = [folders.inpainted, *folders.of_inputs]
    subfolders = {name.rpartition("/")[0] for name in names}  # few, where names may be a million
    places = {storage.join(root, subfolder) for root in roots for subfolder in subfolders}
    for folder in {folders.log} | places:
        storage.remove_leftovers(folder)
