"""`repaint train`: train or fine-tune a diffusion model on a folder of pictures."""

from collections.abc import Sequence

from repaint.commands.launch import handle
from repaint.commands.options import Parser, add_run_options, path_argument


def main(arguments: Sequence[str] | None = None, prog: str = "train.py") -> int:
    """Parse the command line and train; returns the exit code."""
    parser = Parser(prog=prog, description="Train a diffusion model on a folder of pictures.")
    parser.add_argument("--conf_path", type=path_argument, required=True, help="YAML configuration")
    parser.add_argument("--stop", type=int, metavar="STEP", help="stop at this step, to be resumed later")
    add_run_options(parser)
    args = parser.parse_args(arguments)
    return handle("train", args)
