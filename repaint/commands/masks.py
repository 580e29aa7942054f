"""Write mask files (255 = known, 0 = hole) made by rule: square ones, or one for each picture of a folder.

python scripts/make_masks.py thick --size 256 --count 100 --seed 0 --out data/masks/thick
python scripts/make_masks.py genhalf --side bottom --width 0.3 --pictures photos --out masks
"""

import argparse
from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, path_argument
from repaint.config.choices import MASK_KINDS

SIZE = 256


def main(arguments: Sequence[str] | None = None, prog: str = "make_masks.py") -> int:
    """Parse arguments and write the masks; returns the exit code."""
    parser = Parser(prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=MASK_KINDS)
    parser.add_argument("--size", type=int, help=f"height and width (default {SIZE})")
    parser.add_argument("--count", type=int, help="number of masks (default 1)")
    texts = "a mask for each picture instead, of its size and name"
    parser.add_argument("--pictures", type=path_argument, metavar="FOLDER", help=texts)
    parser.add_argument("--seed", type=int, default=0, help="mask number i is drawn from seed + i (default 0)")
    parser.add_argument("--side", choices=["left", "right", "top", "bottom"], help="of genhalf: where the hole is")
    parser.add_argument("--width", type=float, help="of genhalf and box: share of the picture's side")
    parser.add_argument("--text", help="of text: the letters")
    parser.add_argument("--out", type=path_argument, required=True, help="folder of the masks")
    args = parser.parse_args(arguments)
    return handle("masks", args)
