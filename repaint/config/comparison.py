"""A comparison: sets of results to measure in one table."""

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


class ComparisonConfig(StrictModel):
    """Sets of results in one table: `python scripts/evaluate.py --comparison X.yml`."""

    set: list[str] = Field(default_factory=list)
    """Changes `key.path=value` to all configurations of the entries, before their own."""

    entries: Annotated[list[ComparedConfig], Field(min_length=1)]
    """The sets of results."""
