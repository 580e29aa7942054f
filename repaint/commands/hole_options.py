"""Options about what of pictures on the command line is filled: masks, their edges, extension."""

import argparse
from typing import Any

from repaint.commands.options import path_argument
from repaint.config.extending import SIDES
from repaint.errors import ConfigError, suggest

HOLE_OPTIONS = ("mask", "mask_color", "mask_channel", "mask_polarity", "mask_soft", "mask_feather", "extend")
_MASKS = ("mask", "mask_color", "mask_channel")
_ABOUT_MASKS = ("mask_soft", "mask_feather")


def add_hole_options(group: argparse._ArgumentGroup) -> None:
    """Add the options; each is None unless it is given."""
    texts = "mask of all pictures, or folder of masks of their names"
    group.add_argument("--mask", type=path_argument, metavar="FILE|DIR", help=texts)
    group.add_argument("--mask_color", metavar="COLOR", help="the hole is what is painted in this colour, as '#f0f'")
    group.add_argument("--mask_channel", choices=["alpha"], help="the hole is what is transparent")
    group.add_argument("--mask_polarity", choices=["known_white", "hole_white"], help="default: known_white")
    texts = "grey levels of masks blend fill and picture"
    group.add_argument("--mask_soft", action="store_const", const=True, help=texts)
    texts = "rim outside the hole in which the fill fades into the picture (default: 0)"
    group.add_argument("--mask_feather", type=int, metavar="PIXELS", help=texts)
    texts = "fill beyond all sides (25%% or 100 pixels), or beyond some (left=25%%,right=100)"
    group.add_argument("--extend", metavar="LENGTH", help=texts)


def check_hole_options(args: argparse.Namespace) -> None:
    """Raise ConfigError unless the options specify the hole, and only once."""
    given = [name for name in _MASKS if getattr(args, name) is not None]
    if not given and args.extend is None:
        raise ConfigError(
            "where is the hole? give --mask FILE (white is known), --mask_color '#f0f' (painted in the picture), "
            "--mask_channel alpha (transparent), or --extend 25% (beyond the sides)"
        )
    if len(given) > 1:
        raise ConfigError(f"--{given[0]} and --{given[1]} both specify the hole; leave one out")
    if args.mask_polarity is not None and args.mask is None:
        raise ConfigError("--mask_polarity is about mask files; leave it out")
    unused = [name for name in _ABOUT_MASKS if not given and getattr(args, name) is not None]
    if unused:
        raise ConfigError(f"--{unused[0]} is about masks, but there are none beside --extend; leave it out")


def hole_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Settings of an `Inpainter`; ConfigError if `--extend` cannot be parsed."""
    return {
        "mask_polarity": args.mask_polarity or "known_white",
        "mask_color": args.mask_color,
        "mask_channel": args.mask_channel,
        "mask_soft": bool(args.mask_soft),
        "mask_feather": args.mask_feather or 0,
        "extend": None if args.extend is None else parse_extend(args.extend),
    }


def parse_extend(text: str) -> str | dict[str, str]:
    """Parse `25%`, the same for all sides, or `left=25%,right=100`; the lengths stay texts, for `ExtendConfig`."""
    if "=" not in text:
        return text
    lengths: dict[str, str] = {}
    for part in text.split(","):
        side, _, length = (word.strip() for word in part.partition("="))
        if side not in SIDES:
            raise ConfigError(f"--extend {text}: {side!r} is no side ({', '.join(SIDES)}){suggest(side, SIDES)}")
        if side in lengths:
            raise ConfigError(f"--extend {text}: {side} is given twice")
        lengths[side] = length
    return lengths
