"""A comparison: sets of results to measure in one table."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from repaint.config.fields import NonNegativeReal, PathText, StrictModel


class ComparedConfig(StrictModel):
    """One set of results to measure: of a configuration (`conf_path`), or folders of any method (`truth`, `masks` and
    `results`)."""

    method: str | None = None
    """Row of the tables; by default the schedule of the configuration, or the name of the folder."""

    mask: str | None = None
    """Column of the tables; by default the kind or the folder of the masks."""

    conf_path: PathText | None = None
    """Configuration of a run whose results are measured. It excludes folders."""

    set: list[str] = Field(default_factory=list)
    """Changes `key.path=value` to the configuration, after those of the whole comparison. Only with `conf_path`."""

    baseline: Literal["telea", "biharmonic", "bicubic", "patchmatch"] | None = None
    """Fill the configuration's pictures by a classical method when they are measured, instead of reading results. Only
    with `conf_path`."""

    truth: PathText | None = None
    """Folder of true pictures."""

    masks: PathText | None = None
    """Mask file for all pictures, or folder of masks."""

    mask_polarity: Literal["known_white", "hole_white"] = "known_white"
    """Meaning of white in `masks`: the known part or the hole. Only with folders."""

    results: PathText | Annotated[list[PathText], Field(min_length=1)] | None = None
    """Folder of filled pictures of the true pictures' names and sizes (`photo.png`, or `photo_0.png`, `photo_1.png` ...
    for several fills), or a list of folders, each with other fills of the same pictures."""

    calls: NonNegativeReal | None = None
    """Network calls per picture, if no manifest lists them. Only with folders."""

    seconds: NonNegativeReal | None = None
    """Seconds per picture, if no manifest lists them. Only with folders."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        folders = {"truth": self.truth, "masks": self.masks, "results": self.results}
        given = [key for key, value in folders.items() if value is not None]
        if (self.conf_path is None) == (not given):
            raise ValueError("give either conf_path, or the folders truth, masks and results")
        if given and len(given) < len(folders):
            raise ValueError(f"{' and '.join(folders.keys() - given)} is missing beside {' and '.join(given)}")
        unused = self.model_fields_set & ({"set", "baseline"} if given else {"mask_polarity", "calls", "seconds"})
        if unused:
            kind = "folders" if given else "conf_path"
            raise ValueError(f"{' and '.join(sorted(unused))} has no meaning with {kind}")
        return self


class ComparedMaskConfig(StrictModel):
    """Masks of a comparison."""

    mask: str
    """Column of the tables."""

    set: list[str] = Field(default_factory=list)
    """Changes `key.path=value` to a configuration that is measured under them."""


class ComparisonConfig(StrictModel):
    """Sets of results in one table: `python scripts/evaluate.py --comparison X.yml`."""

    set: list[str] = Field(default_factory=list)
    """Changes `key.path=value` to all configurations of the entries, before their own. `{method}` and `{mask}` stand
    for an entry's names, as they suit a path: `repaint_232_calls` for "RePaint, 232 calls"."""

    masks: Annotated[list[ComparedMaskConfig], Field(min_length=1)] | None = None
    """Each configuration without a `mask` of its own is an entry under each of these."""

    entries: Annotated[list[ComparedConfig], Field(min_length=1)]
    """The sets of results."""

    def expanded(self) -> list[ComparedConfig]:
        """All entries, each with all its changes; those under all `masks` come first, mask by mask."""
        under_all = [each for each in self.entries if self.masks and each.conf_path is not None and each.mask is None]
        expanded = [
            self._with_changes(entry.model_copy(update={"mask": each.mask}), each.set)
            for each in self.masks or []
            for entry in under_all
        ]
        return expanded + [self._with_changes(entry, []) for entry in self.entries if entry not in under_all]

    def _with_changes(self, entry: ComparedConfig, of_mask: Sequence[str]) -> ComparedConfig:
        if entry.conf_path is None:
            return entry
        method, mask = (_in_path(name or "") for name in (entry.method, entry.mask))
        common = [text.replace("{method}", method).replace("{mask}", mask) for text in self.set]
        return entry.model_copy(update={"set": [*common, *of_mask, *entry.set]})


def _in_path(name: str) -> str:
    return re.sub(r"[^\w.=-]+", "_", name.lower()).strip("_")
