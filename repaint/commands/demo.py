"""Fill holes in the browser: python scripts/demo.py, after pip install -e '.[demo]'"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from repaint.commands.errors import guard
from repaint.commands.options import path_argument
from repaint.data.bundled import MODELS, locate, locate_model
from repaint.data.downloads import explain_missing
from repaint.errors import ConfigError, missing_extra

PORTS = range(1024, 65536)


def main(arguments: Sequence[str] | None = None, prog: str = "demo.py") -> int:
    """Parse the arguments and serve the page until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Fill holes in the browser; only this machine can see the page."
    )
    parser.add_argument(
        "--model",
        type=lambda text: Path(path_argument(text)),
        nargs="+",
        default=[Path(locate_model(name)) for name in MODELS],
        help="weights files or folders to choose from (default: the bundled)",
    )
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1|mps", help="default: the best one available")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(arguments)
    return guard(lambda: run(args.model, args.port, args.device), args.debug)


def run(models: list[Path], port: int | None, device: str | None) -> int:
    """Serve the page.

    Raises:
        RepaintError: gradio or a model is missing, the first model cannot be loaded, or the port is taken.
    """
    try:
        from repaint.demo.page import ExamplePictures, make_page, serve
    except ImportError:
        raise missing_extra("the page", "gradio", "demo") from None
    missing = [str(path) for path in models if not path.exists()]
    if missing:
        raise ConfigError(explain_missing(missing) or f"--model {missing[0]}: there is no such file or folder")
    if port is not None and port not in PORTS:
        raise ConfigError(f"--port {port}: not a port; those from {PORTS.start} to {PORTS.stop - 1} are free for all")
    names = [path.name for path in models]
    offered = {path.name if names.count(path.name) == 1 else str(path): path for path in models}
    faces = sorted(Path(locate("examples/pictures")).glob("*.png"))
    examples = [
        ExamplePictures("Example photograph", [Path(locate("examples/photo.jpg"))], Path(locate_model("photos64"))),
        ExamplePictures("Example faces, rendered", faces, Path(locate_model("faces64"))),
    ]
    page = make_page(offered, examples, device)
    try:
        serve(page, port)
    except OSError:
        taken = f"--port {port}: taken" if port else "no port is free"
        raise ConfigError(f"{taken}; name another with --port") from None
    return 0
