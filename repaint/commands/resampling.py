"""Figure of what resampling is worth: exact distance to the true fill against network calls."""

from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_figure_options

FIGURE = "resampling.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, compute, draw, print; returns the exit code."""
    parser = Parser(prog="plot_resampling.py", description="Draw why RePaint resamples.")
    texts = "steps of resampling schedules, a line each, at most 3 (default: 50 250)"
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 250], metavar="T", help=texts)
    parser.add_argument("--length", type=int, default=10, metavar="J", help="steps of a jump (default: 10)")
    texts = "passes, the points of a line (default: 1 2 5 10 20)"
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 2, 5, 10, 20], metavar="R", help=texts)
    add_figure_options(parser, FIGURE)
    args = parser.parse_args(arguments)
    return handle("resampling", args)
