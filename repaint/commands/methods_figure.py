"""Figure of the conditioning methods: exact distance to the true fill against network calls."""

from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_figure_options
from repaint.config.choices import MASK_KINDS

FIGURE = "methods.png"
CALLS, MASKS, MOST_MASKS = (30, 60, 120, 240), ("genhalf", "nn2", "ex64", "box"), 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, compute, draw, print; returns the exit code."""
    parser = Parser(prog="plot_methods.py", description="Draw the exact errors of all methods.")
    texts = f"network calls, the points of a line (default: {' '.join(map(str, CALLS))})"
    parser.add_argument("--calls", type=int, nargs="+", default=list(CALLS), metavar="N", help=texts)
    texts = f"kinds of mask, at most {MOST_MASKS} (default: {' '.join(MASKS)})"
    parser.add_argument("--masks", nargs="+", default=list(MASKS), choices=MASK_KINDS, metavar="KIND", help=texts)
    add_figure_options(parser, FIGURE)
    args = parser.parse_args(arguments)
    return handle("methods_figure", args)
