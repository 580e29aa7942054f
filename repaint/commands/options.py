"""Options that several subcommands share."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from repaint.config.paths import expand_path
from repaint.errors import ConfigError

QUICKSTART = "confs/quickstart.yml"  # bundled: see `repaint.data.bundled.locate`


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        self.exit(2, f"{self.prog}: error: {message} (--help lists the options)\n")


def path_argument(text: str) -> str:
    """`type=` of every option that takes a path: expands `~`, `$NAME` and `${NAME}`."""
    try:
        return expand_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole_number(least: int, most: int, hint: str = "") -> Callable[[str], int]:
    """`type=` of an option that takes a whole number.

    Args:
        least: smallest value.
        most: largest value.
        hint: what to do where the text is no such number.
    """

    def parse(text: str) -> int:
        if not (text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most:,}{hint}")
        return int(text)

    return parse


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add `--set`, `--device` and `--debug`: options of every command that runs a configuration."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="override a key; repeatable"
    )
    add_device_option(parser)
    add_debug_option(parser)


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument("--device", metavar="cpu|cuda|cuda:1|mps", help="default: the best one available")


def add_debug_option(parser: argparse.ArgumentParser) -> None:
    """Add `--debug`."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_figure_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add `--out` of a figure, by default `name`, and `--debug`; see `check_figure`."""
    parser.add_argument("--out", type=path_argument, default=name, help=f"PNG file (default: {name})")
    add_debug_option(parser)


def check_figure(path: str, name: str) -> None:
    """Raise ConfigError if `--out` is no PNG file; `name` is the example."""
    if Path(path).suffix.lower() != ".png":
        raise ConfigError(f"--out {path!r}: the figure is a PNG file, name it so ({name})")
