"""Names and numbers that the command line offers and the configuration checks; no library, as `--help` shows them."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

Method = Literal["repaint", "replace", "ddnm", "langevin", "dps", "pigdm"]
DEFAULT_METHOD: Method = "repaint"
TITLES: Mapping[str, str] = {
    "repaint": "RePaint",
    "replace": "replacement",
    "ddnm": "DDNM",
    "langevin": "Langevin",
    "dps": "DPS",
    "pigdm": "PiGDM",
}
JUMPING = ("repaint", "ddnm")  # the others go straight down

MaskKind = Literal["thin", "medium", "thick", "ev2li", "nn2", "ex64", "genhalf", "box", "text"]
MASK_KINDS: tuple[str, ...] = get_args(MaskKind)

ADAPT_STEPS = 300  # by default, of the adaptation of a model to a picture


def jumps(tree: Mapping[str, Any]) -> bool:
    """Whether the method of a configuration, valid or not, reads jump schedules."""
    return tree.get("method", DEFAULT_METHOD) in JUMPING
