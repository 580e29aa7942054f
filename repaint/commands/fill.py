"""`repaint fill` and `test.py`: fill the holes in pictures, by a configuration or straight from the command line."""

import argparse
from collections.abc import Sequence
from typing import Final

from repaint.commands.hole_options import add_hole_options
from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_run_options, path_argument, whole_number
from repaint.config.choices import ADAPT_STEPS, TITLES
from repaint.config.presets import PRESETS

MODEL: Final = "photos64"
SCHEDULE: Final = "fast"
FIT: Final = "window"
DESCRIPTION = """Fill the holes in pictures with RePaint.

  test.py photo.jpg --mask mask.png           a picture and its mask (white is known): photo_filled.png beside it
  test.py photos --mask masks --out filled    whole folders
  test.py --conf_path confs/face_example.yml  a configuration file
  test.py                                     the bundled example"""


def main(arguments: Sequence[str] | None = None, prog: str = "test.py") -> int:
    """Parse the command line and fill; returns the exit code."""
    parser = Parser(prog=prog, description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conf_path", type=path_argument, help="YAML configuration (default: the bundled quickstart)")
    parser.add_argument("--dry_run", action="store_true", help="check everything and print the plan, run nothing")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    _add_picture_options(parser)
    add_run_options(parser)
    args = parser.parse_args(arguments)
    return handle("fill", args)


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add the pictures and their options."""
    parser.add_argument("pictures", nargs="*", type=path_argument, metavar="PICTURE", help="picture files or folders")
    group = parser.add_argument_group("pictures without a configuration")
    add_hole_options(group)
    texts = "result file of one picture, or folder of the results"
    group.add_argument("--out", type=path_argument, metavar="FILE|DIR", help=texts)
    group.add_argument(
        "--fills", type=whole_number(1, 100_000), metavar="N", help="fills of each picture to choose from (default: 1)"
    )
    texts = f"bundled model, weights file or folder (default: {MODEL})"
    group.add_argument("--model", type=path_argument, metavar="NAME|PATH", help=texts)
    group.add_argument("--method", choices=list(TITLES), help="conditioning method (default: the schedule's)")
    steps = whole_number(1, 1_000_000, "; name pictures before --adapt, or after --adapt STEPS")
    texts = f"first train the model so many steps on each picture's own known pixels ({ADAPT_STEPS} without a number)"
    group.add_argument("--adapt", type=steps, nargs="?", const=ADAPT_STEPS, metavar="STEPS", help=texts)
    texts = f"refine enlarged fills: auto, none, or a number of levels at most (default: auto with {MODEL}, else none)"
    group.add_argument("--refine", type=_levels, metavar="auto|none|N", help=texts)
    group.add_argument("--schedule", choices=list(PRESETS), help=f"default: {SCHEDULE}")
    group.add_argument("--fit", choices=["window", "pad", "resize", "crop"], help=f"default: {FIT}")
    group.add_argument("--seed", type=whole_number(0, 2**62), metavar="N", help="of the noise (default: 0)")


def _levels(text: str) -> int | str:
    """A number of levels, or a word; the configuration checks both."""
    return int(text) if text.isdecimal() else text
