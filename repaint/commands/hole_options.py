"""Options about what of pictures on the command line is filled: masks, their edges, extension."""

import argparse

from repaint.commands.options import path_argument

HOLE_OPTIONS = ("mask", "mask_color", "mask_channel", "mask_polarity", "mask_soft", "mask_feather", "extend")


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
