"""What the options about holes ask for, checked: settings of an `Inpainter`."""

import argparse
from typing import Any

from repaint.config.extending import SIDES
from repaint.errors import ConfigError, suggest

_MASKS = ("mask", "mask_color", "mask_channel")
_ABOUT_MASKS = ("mask_soft", "mask_feather")


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
