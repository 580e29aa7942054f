"""Fill and tile the README's gallery: truth, masked and three fills of bundled faces, for the paper's six masks.

python scripts/make_gallery.py --out examples/gallery.png
"""

import argparse
from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_run_options, path_argument

KINDS = {  # as the paper calls them
    "genhalf": "Half",
    "thick": "Wide",
    "thin": "Narrow",
    "ex64": "Expand",
    "ev2li": "Alternating lines",
    "nn2": "Super-resolve 2x",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and make the gallery; returns the exit code."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=path_argument, default="gallery.png", help="PNG file (default: gallery.png)")
    parser.add_argument("--faces", type=int, nargs=len(KINDS), default=[2, 4, 1, 7, 6, 3], metavar="N",
                        help="which bundled face each line shows, 0 to 7 (default: %(default)s)")  # fmt: skip
    add_run_options(parser)
    return handle("gallery", parser.parse_args(arguments))
