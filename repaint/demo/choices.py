"""What a visitor chooses on the page for a job."""

from typing import NamedTuple

SCHEDULES_OWN = "the schedule's own"  # method


class Choices(NamedTuple):
    """Values of the page's controls, by the names that `make_page` gives them.

    Attributes:
        model: name.
        schedule: name of a preset.
        method: conditioning method, or SCHEDULES_OWN.
        fills: number of fills, as it was typed.
        seed: of the noise, as it was typed; None if its field is empty.
        mask_file: path of an uploaded mask, or None.
        hole_white: whether white marks the hole in it.
        soft: whether its grey levels blend fill and picture.
        feather: `mask_feather` of `Inpainter`.
        sides: those beyond which the picture is extended.
        length: how far, in pixels ("100") or per cent of its width or height ("25%").
        refine: `refine` of `Inpainter`.
        adapt: whether the model is fine-tuned on the picture first.
    """

    model: str
    schedule: str
    method: str = SCHEDULES_OWN
    fills: float = 1
    seed: float | None = 0
    mask_file: str | None = None
    hole_white: bool = False
    soft: bool = False
    feather: int = 0
    sides: list[str] = []  # noqa: RUF012 - never changed
    length: str = "25%"
    refine: str | int = "none"
    adapt: bool = False

    @property
    def extend(self) -> dict[str, str] | None:
        """`extend` of `Inpainter`."""
        return dict.fromkeys(self.sides, self.length) or None
