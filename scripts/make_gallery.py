"""Fill and tile the README's gallery: truth, masked and three fills of bundled faces, for the paper's six masks.

python scripts/make_gallery.py --out examples/gallery.png
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from repaint.commands.errors import guard
from repaint.commands.options import add_run_options, path_argument
from repaint.config.loading import load_config, override
from repaint.config.run import Config
from repaint.data.decoding import decode
from repaint.data.encoding import encode_png
from repaint.data.storage import write_bytes
from repaint.errors import DataError
from repaint.inference import runner
from repaint.visual.contact_sheets import contact_sheet
from repaint.workers.devices import pick_device
from repaint.workers.worker import single_worker

KINDS = {  # as the paper calls them
    "genhalf": "Half",
    "thick": "Wide",
    "thin": "Narrow",
    "ex64": "Expand",
    "ev2li": "Alternating lines",
    "nn2": "Super-resolve 2x",
}
CONFS = Path(__file__).resolve().parents[1] / "confs"
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
        config = load_config(Config, CONFS / f"faces64_{kind}.yml", changes)
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


def make_gallery(settings: GallerySettings, faces: list[int], out: str) -> int:
    """Write the gallery; returns 0."""
    rows = [(title, settings.fill_row(kind, face)) for (kind, title), face in zip(KINDS.items(), faces, strict=True)]
    columns = ["Truth", "Masked", *(f"Fill {number + 1}" for number in range(FILLS))]
    write_bytes(out, encode_png(contact_sheet(rows, columns)))
    print(out)
    return 0


def main() -> int:
    """Parse the command line and make the gallery; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=path_argument, default="gallery.png", help="PNG file (default: gallery.png)")
    parser.add_argument("--faces", type=int, nargs=len(KINDS), default=[2, 4, 1, 7, 6, 3], metavar="N",
                        help="which bundled face each line shows, 0 to 7 (default: %(default)s)")  # fmt: skip
    add_run_options(parser)
    args = parser.parse_args()
    return guard(
        lambda: make_gallery(GallerySettings(pick_device(args.device), args.set), args.faces, args.out), args.debug
    )


if __name__ == "__main__":
    raise SystemExit(main())
