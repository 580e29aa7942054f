"""Fill bundled faces and tile them to the README's gallery."""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from repaint.commands.gallery import KINDS
from repaint.config.loading import load_config, override
from repaint.config.run import Config
from repaint.data.bundled import locate
from repaint.data.decoding import decode
from repaint.data.encoding import encode_png
from repaint.data.storage import write_bytes
from repaint.errors import DataError
from repaint.inference import runner
from repaint.visual.contact_sheets import contact_sheet
from repaint.workers.devices import pick_device
from repaint.workers.worker import single_worker

FILLS = 3
SEED_STEP = 1000  # between the fills of one face


@dataclass
class GallerySettings:
    """How the faces are filled: the device, and overrides `key.path=value` of the configurations."""

    device: torch.device
    overrides: list[str]

    def fill(self, kind: str, face: int, number: int, folder: Path) -> list[NDArray[np.uint8]]:
        """Truth, masked picture and fill number `number` of a bundled face, uint8 [64, 64, 3] each."""
        keys = ("gts", "lrs", "srs")
        changes = [override(f"data.eval.faces.paths.{key}", folder / key) for key in keys]
        changes += ["data.eval.faces.paths.gt_keep_masks=null", f"data.eval.faces.offset={face}"]
        changes += ["data.eval.faces.max_len=1", f"seed={number * SEED_STEP}", *self.overrides]
        config = load_config(Config, locate(f"confs/faces64_{kind}.yml"), changes)
        if runner.run(config, single_worker(self.device)) != runner.EXIT_OK:
            raise DataError(f"{kind}: the face could not be filled")
        return [np.asarray(decode(str(next((folder / key).glob("*.png"))))) for key in keys]

    def fill_row(self, kind: str, face: int) -> list[NDArray[np.uint8]]:
        """One line of the gallery."""
        results = []
        for number in range(FILLS):
            with tempfile.TemporaryDirectory() as folder:
                results.append(self.fill(kind, face, number, Path(folder)))
        truth, masked, _ = results[0]
        return [truth, masked, *(filled for *_, filled in results)]


def handle(args: argparse.Namespace) -> int:
    """Fill the faces and write the gallery; returns the exit code."""
    settings = GallerySettings(pick_device(args.device), args.set)
    lines = zip(KINDS.items(), args.faces, strict=True)
    rows = [(title, settings.fill_row(kind, face)) for (kind, title), face in lines]
    columns = ["Truth", "Masked", *(f"Fill {number + 1}" for number in range(FILLS))]
    write_bytes(args.out, encode_png(contact_sheet(rows, columns)))
    print(args.out)
    return 0
