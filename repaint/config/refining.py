"""Keys of the refinement of enlarged fills, from coarse to fine."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from repaint.config.fields import Candidates, PatchSize, PositiveReal, References, Share, Spacing, StrictModel
from repaint.config.presets import PRESETS

MOST_LEVELS = 16  # a factor of 65,536


def _check_refine(value: object) -> object:
    number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_LEVELS
    if value not in ("auto", "none") and not number:
        raise ValueError(f"should be auto, none, or a number of levels from 1 to {MOST_LEVELS}, not {value!r}")
    return value


Levels = Annotated[
    Annotated[int, Field(ge=1, le=MOST_LEVELS)] | Literal["auto", "none"], BeforeValidator(_check_refine)
]


class RefineConfig(StrictModel):
    """Refinement of fills larger than the network's size, see [large holes](masks_and_sizes.md#large-holes)."""

    refine: Levels = "none"
    """How a fill that has to be enlarged becomes sharp: `auto` enlarges it in levels of about a factor of two, and at
    each level gives it texture from around the hole (`refine_patch_size`), samples it again (`refine_from`), or both; a
    number refines so many levels at most and enlarges the rest; `none` only enlarges. Not with `fit: crop`, which
    enlarges nothing."""

    refine_from: Share = 0.0
    """Whether and where each level is sampled again, in overlapping tiles, as a share of the trained process's steps:
    the noise of the schedule's last step below it is put on the enlarged fill. Larger shares invent more, smaller ones
    keep more of the fill; 1 is the whole schedule, 0 leaves sampling out. It takes a model that has seen crops of every
    scale, such as the bundled one of photographs: one of whole faces paints small faces into the tiles. Only with
    `refine`."""

    refine_spacing: Spacing = 1.5
    """Where the schedule's steps lie as a fill is sampled again: the i-th of n at (i / (n - 1)) to the power of this
    number of the way to the noisiest. With 1 they are even, larger numbers put more of them where there is little
    noise, which decides textures. Only with `refine_from`."""

    refine_step_size: PositiveReal = 0.1
    """`langevin.step_size` where a fill is sampled again: smaller steps paint more texture, larger ones are nearer to
    the true pixels. Only with `refine_from` and `method: langevin`."""

    refine_references: References = 0
    """Squares of a refined hole's surroundings, those with most known pixels, that all its tiles attend to beside
    themselves, in the network's attention layers: textures and colours of the picture reach the middle of the hole.
    Each takes as many network calls as a tile. Copied texture (`refine_patch_size`) does more for less. 0 for none; not
    with the methods `dps` and `pigdm` nor with networks of diffusers. Only with `refine_from`."""

    refine_candidates: Candidates = 4
    """First fills of each window that is refined, from noise of their own. The most central of them, that nearest to
    their mean, goes on: fewer holes get what is possible but unlikely there, and fills of several seeds differ less.
    Each takes the schedule's network calls, a batch at a time. 1 for none to choose from, otherwise at least 3. Only
    with `refine`."""

    refine_patch_size: PatchSize = 5
    """At the network's size and at each level a fill is put together anew from patches of its surroundings that
    resemble it: their size in pixels, odd. So large holes get the picture's own texture, laid out as the model filled
    it. Patches come from as far away as the hole is wide, at least 32 pixels. Where a window's holes have known pixels
    all around, they are looked for at half the network's size first. 0 for none, which takes a `refine_from` above 0.
    Only with `refine`."""

    @model_validator(mode="after")
    def _keys_of_a_refinement(self) -> Self:
        for key in REFINE_KEYS[1:]:
            if key in self.model_fields_set and self.refine == "none":
                raise ValueError(f"{key} has no meaning with refine: none; leave one out")
        if self.refine != "none" and not self.refine_from:
            for key in sorted(self.model_fields_set & SAMPLING_KEYS):
                raise ValueError(f"{key} has no meaning without refine_from, which is 0; leave it out")
            if not self.refine_patch_size:
                raise ValueError(
                    "refine_patch_size: 0 and refine_from: 0 refine nothing; give one of them a value above 0, or set "
                    "refine: none"
                )
        return self

    @property
    def most_levels(self) -> int | None:
        """Levels to refine at most; None for as many as are needed."""
        if isinstance(self.refine, int):
            return self.refine
        return 0 if self.refine == "none" else None


REFINE_KEYS = tuple(RefineConfig.model_fields)
SAMPLING_KEYS = {"refine_spacing", "refine_step_size", "refine_references"}  # of levels that are sampled again


def refining_replaced(over: Mapping[str, Any]) -> set[str]:
    """Keys of a configuration that lose their meaning when these are merged over it."""
    replaced = set(REFINE_KEYS[1:]) if over.get("refine") == "none" else set()
    replaced |= SAMPLING_KEYS if over.get("refine_from") == 0 else set()
    schedule = over.get("schedule")
    preset = PRESETS.get(schedule) if isinstance(schedule, str) else None
    method = over.get("method") or ("langevin" if preset is None else preset.method)
    return replaced | ({"refine_step_size"} if method != "langevin" else set())
