"""The page in the browser: models, examples, port."""

import argparse
from pathlib import Path

from repaint.data.bundled import MODELS, locate, locate_model
from repaint.data.downloads import explain_missing
from repaint.errors import ConfigError, missing_extra

PORTS = range(1024, 65536)


def handle(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; returns the exit code.

    Raises:
        RepaintError: gradio or a model is missing, the first model cannot be loaded, or the port is taken.
    """
    try:
        from repaint.demo.page import ExamplePictures, make_page, serve
    except ImportError:
        raise missing_extra("the page", "gradio", "demo") from None
    models: list[Path] = args.model or [Path(locate_model(name)) for name in MODELS]
    port: int | None = args.port
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
    page = make_page(offered, examples, args.device)
    try:
        serve(page, port)
    except OSError:
        taken = f"--port {port}: taken" if port else "no port is free"
        raise ConfigError(f"{taken}; name another with --port") from None
    return 0
