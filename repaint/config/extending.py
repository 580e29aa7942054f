"""Outpainting: how far a picture is extended beyond its sides."""

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from repaint.config.fields import StrictModel

SIDES = ("left", "right", "top", "bottom")
MOST_PIXELS = 65_536
MOST_PER_CENT = 1000
_PER_CENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?%", re.ASCII)


def _check_extent(value: object) -> object:
    """A number of pixels, or per cent in one spelling: '25.0 %' -> '25%'."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_PIXELS):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"\d{1,5}", text, re.ASCII) and 1 <= int(text) <= MOST_PIXELS:
        return int(text)
    per_cent = _PER_CENT.fullmatch(text)
    if per_cent is None or not 0 < float(per_cent[1]) <= MOST_PER_CENT:
        raise ValueError(
            f"a number of pixels from 1 to {MOST_PIXELS:,}, or per cent such as 25%, up to {MOST_PER_CENT}%, "
            f"not {value!r}"
        )
    return f"{float(per_cent[1])!r}".removesuffix(".0") + "%"


Extent = Annotated[
    Annotated[int, Field(ge=1, le=MOST_PIXELS)]
    | Annotated[str, Field(json_schema_extra={"format": "per cent"})]
    | None,
    BeforeValidator(_check_extent),
]


class ExtendConfig(StrictModel):
    """Outpainting: what is added beyond each side of the upright picture, in pixels (`100`) or in per cent of its width
    (`left`, `right`) or height (`top`, `bottom`), such as `25%`. One value in place of the keys (`extend: 25%`) is for
    all four sides."""

    left: Extent = None
    """Beyond the left side."""

    right: Extent = None
    """Beyond the right side."""

    top: Extent = None
    """Above the picture."""

    bottom: Extent = None
    """Below the picture."""

    @model_validator(mode="before")
    @classmethod
    def _same_for_all_sides(cls, value: Any) -> Any:
        if value is None or isinstance(value, dict | ExtendConfig):
            return value
        return dict.fromkeys(SIDES, _check_extent(value))

    @model_validator(mode="after")
    def _some_side(self) -> Self:
        if not self.lengths:
            raise ValueError(f"no side to extend; give one of {', '.join(SIDES)}, or one value for all, such as 25%")
        return self

    @property
    def lengths(self) -> dict[str, int | float]:
        """Of each side that is extended: whole numbers are pixels, floats shares of the width or height."""
        given = self.model_dump(exclude_none=True)
        return {side: value if isinstance(value, int) else float(value[:-1]) / 100 for side, value in given.items()}
