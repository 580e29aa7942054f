"""Fill holes in the browser: python scripts/demo.py, after pip install -e '.[demo]'"""

from collections.abc import Sequence
from pathlib import Path

from repaint.commands.launch import handle
from repaint.commands.options import Parser, path_argument


def main(arguments: Sequence[str] | None = None, prog: str = "demo.py") -> int:
    """Parse the arguments and serve the page until Ctrl-C."""
    parser = Parser(prog=prog, description="Fill holes in the browser; only this machine can see the page.")
    parser.add_argument(
        "--model",
        type=lambda text: Path(path_argument(text)),
        nargs="+",
        help="weights files or folders to choose from (default: the bundled)",
    )
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1|mps", help="default: the best one available")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(arguments)
    return handle("demo", args)
