"""Measure on a GPU machine all that only a GPU can show, in one call.

python scripts/gpu_report.py --out log/gpu_report
python scripts/gpu_report.py --out log/gpu_report --limit 240 --only "CUDA tests" "uncompiled speed"
python scripts/gpu_report.py --out log/gpu_report --tiny --device cpu

It needs a checkout with pytest and no network. Steps that are done stand in report.json and are not repeated; one that
a time limit cut off begins anew in the next call. Each device, and each version of PyTorch, needs a folder of its own.
report.md shows the numbers, and what failed.
"""

import argparse
from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, path_argument

STEPS = (
    "machine", "CUDA tests", "golden parity", "uncompiled speed", "pictures", "batch size", "compiled speed",
    "training", "compiled speed, other formats",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None, prog: str = "gpu_report.py") -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = Parser(prog=prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=path_argument, default="log/gpu_report", metavar="FOLDER", help="of both files")
    parser.add_argument("--limit", type=float, default=520, metavar="SECONDS", help="for all steps (default: 520)")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help=f"of: {', '.join(STEPS)}")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1", help="default: the best one available")
    parser.add_argument("--tiny", action="store_true", help="sizes that a processor gets through: a test of the report")
    args = parser.parse_args(arguments)
    return handle("gpu_report", args)
