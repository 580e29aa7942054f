"""Find a schedule of a given cost that suits your pictures and masks, without running the network.

python scripts/design_schedule.py --calls 240 --pictures photos --mask half thick --out my_schedule.yml
python test.py --conf_path my_schedule.yml

What is made small is the exact distance to the truth for normally distributed pictures and a perfect network. A trained
network needs smaller steps, and passes at all noise levels: --fewest_steps and --evenness see to that, and with their
defaults leave little to choose but how the steps are spread. For a perfect network: --fewest_steps 4 --evenness 0.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import QUICKSTART, Parser, path_argument
from repaint.config.choices import MASK_KINDS
from repaint.theory.choices import SHORT_NAMES

SPECTRUM = 3.0
MASKS = ("half", "nn2", "ex64", "box")
# What a trained network needs, chosen on held-out faces (docs/findings.md): steps at least, passes on average at most.
STEPS, PASSES, EVENNESS = 20, 7, 1.0


def main(arguments: Sequence[str] | None = None, prog: str = "design_schedule.py") -> int:
    """Parse the command line, search, write; returns the exit code."""
    parser = Parser(prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=240, help="network calls that it costs (default: 240)")
    texts = "of which the schedule is: RePaint's resampling, or Langevin's inner steps, step size and strength"
    parser.add_argument("--method", choices=["repaint", "langevin"], default="repaint", help=texts)
    texts = f"model and data to run it on (default: {QUICKSTART})"
    parser.add_argument("--conf_path", type=path_argument, help=texts)
    parser.add_argument("--pictures", type=path_argument, metavar="DIR", help="pictures like those to be filled")
    spectrum = f"without pictures: their power falls with frequency f as 1 / f^P (default: {SPECTRUM:g})"
    parser.add_argument("--spectrum", type=float, metavar="P", help=spectrum)
    kinds = f"{', '.join([*SHORT_NAMES, *MASK_KINDS])}, or mask files or folders (default: {' '.join(MASKS)})"
    parser.add_argument("--mask", nargs="+", type=path_argument, default=MASKS, metavar="KIND|PATH", help=kinds)
    parser.add_argument("--size", type=int, help="side of the pictures (default: the network's)")
    parser.add_argument("--fewest_steps", type=int, help=f"T at least (default: {STEPS}, or a {PASSES}th of the calls)")
    shared = f"share of the calls that all noise levels get alike, from 0 to 1 (default: {EVENNESS:g})"
    parser.add_argument("--evenness", type=float, default=EVENNESS, help=shared)
    parser.add_argument("--eta", type=float, nargs="+", default=[], help="try DDIM's steps of these eta too")
    parser.add_argument("--trials", type=int, default=200, help="designs drawn at random (default: 200)")
    parser.add_argument("--rounds", type=int, default=6, help="of small changes to the best (default: 6)")
    parser.add_argument("--seed", type=int, default=0, help="of the search and of random masks (default: 0)")
    texts = "configuration to write; the figure is put beside it"
    parser.add_argument("--out", type=path_argument, default="schedule.yml", help=texts)
    parser.add_argument("--overwrite", action="store_true", help="replace both if they are there")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    args.command = shlex.join(["python", "scripts/design_schedule.py", *words])
    return handle("schedule_design", args)
