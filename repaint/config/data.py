"""Pictures, their masks, and where the results go."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from repaint.config.choices import MaskKind
from repaint.config.extending import ExtendConfig
from repaint.config.fields import (
    BatchSize,
    Color,
    Context,
    Feather,
    Ignored,
    NonNegative,
    NotFingerprinted,
    PathText,
    Positive,
    PositiveShare,
    Seed,
    Size,
    StrictModel,
    refuse_true,
)

_REFUSE_AUGMENTATION = refuse_true("random cropping and flipping are for training; pictures are inpainted as they are")
_IN_MANIFEST = NotFingerprinted("each picture's line of the manifest has it")
_SELECTION = NotFingerprinted("it selects pictures; each has its number and seed in its line of the manifest")
_ALWAYS_FALSE = NotFingerprinted("always false")


class OutputPaths(StrictModel):
    """Folders of the results, local or any that blobfile writes; only `srs` is needed. They differ from each other and
    lie outside `gt_path` and `mask_path`."""

    srs: PathText
    """Filled pictures."""

    lrs: PathText | None = None
    """Pictures with the hole painted over; without the key they are not written."""

    gts: PathText | None = None
    """Pictures as read: cropped to the network's size with `fit: crop`, else upright in full resolution; without the
    key they are not written."""

    gt_keep_masks: PathText | None = None
    """Their masks, 255 = known; without the key they are not written."""

    log: PathText | None = None
    """Manifest, contact sheet, animations and snapshots; by default the folder that holds `srs`."""


class MaskConfig(StrictModel):
    """Masks made by rule, see `repaint.data.mask_generators`."""

    kind: MaskKind
    """`thin`, `medium` and `thick` are LaMa's random strokes and boxes. Known is every second row (`ev2li`), every
    second pixel of every second row (`nn2`) or the middle quarter of each side (`ex64`). The hole is a stripe along one
    side (`genhalf`), a rectangle in the middle (`box`) or letters (`text`)."""

    seed: Seed = 0
    """Picture number *i* has the mask of seed `seed` + *i*."""

    side: Literal["left", "right", "top", "bottom"] | None = None
    """Of `genhalf`: the side of the hole; `right` without the key."""

    width: PositiveShare | None = None
    """Of `genhalf` and `box`: share of the picture's side that is hole; 0.5 for `genhalf` and 0.375 for `box` without
    the key."""

    text: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] | None = None
    """Of `text`: one line of letters; `RePaint` without the key."""

    @property
    def options(self) -> dict[str, object]:
        """Options of the kind of mask that were set."""
        return self.model_dump(include={"side", "width", "text"}, exclude_none=True)


class FitConfig(StrictModel):
    """How pictures of any size, and their masks, meet the network."""

    fit: Literal["crop", "window", "pad", "resize"] = "crop"
    """How pictures of another size than the network's are filled: `crop` resizes the shorter side and crops the middle,
    as the published code does; `window` fills each hole through a square around it; `pad` shows the network the whole
    picture reduced inside a square, `resize` squeezed to one. All but `crop` give the picture back at its size."""

    window_context: Context = 0.5
    """Known surroundings of a hole that its window shows, relative to the hole's longer side. A window is at most as
    wide as the network's input or six times the hole's depth (the largest distance in it to the known part), whatever
    the context. Only with `fit: window`."""

    mask_polarity: Literal["known_white", "hole_white"] = "known_white"
    """Meaning of white in grey mask files: the known part or the hole. Only with masks from files."""

    mask_color: Color | None = None
    """What is painted in this colour is the hole, in the picture or in a copy of it at `mask_path`: up to 64 levels off
    in each channel, and 2 pixels around. In quotes, as # begins a comment: `"#00f"`."""

    mask_soft: bool = False
    """Grey levels of the masks blend fill and picture: those from 240 on are known, those up to 15 hole, and between
    them the picture's share of the result grows. Without it masks are cut at 128. Not with `fit: crop`,
    `mask_feather`, `mask_color` or `mask`."""

    mask_feather: Feather = 0
    """Width in pixels of a rim around the holes in which the fill fades into the picture; the rim lies outside the
    holes, whose own pixels are all replaced. Not with `fit: crop`."""

    extend: ExtendConfig | None = None
    """Fill beyond the sides of the pictures, with masks or without. Not with `fit: crop`."""

    @model_validator(mode="after")
    def _context_of_windows(self) -> Self:
        if "window_context" in self.model_fields_set and self.fit != "window":
            raise ValueError("window_context has no meaning without fit: window")
        return self

    @model_validator(mode="after")
    def _soft_or_hard(self) -> Self:
        wanted = [key for key in ("mask_soft", "mask_feather", "extend") if getattr(self, key)]
        if wanted and self.fit == "crop":
            raise ValueError(
                f"{wanted[0]} is about the whole picture, but fit: crop gives its middle at the network's size; use "
                f"fit: window, pad or resize"
            )
        if self.mask_soft and self.mask_feather:
            raise ValueError("mask_soft and mask_feather exclude each other: a soft mask has its own rim")
        if self.mask_soft and self.mask_color is not None:
            raise ValueError("mask_soft is about grey levels, which mask_color has not; mask_feather softens its holes")
        if self.mask_polarity == "hole_white" and self.mask_color is not None:
            raise ValueError("mask_polarity: hole_white is about grey mask files, not mask_color; leave one out")
        return self


class EvalDataConfig(FitConfig):
    """Pictures to fill, their masks and the results, under a name of your choice; exactly one data set. Masks come from
    files (`mask_path`), from the pictures (`mask_channel: alpha` or `mask_color`) or from a rule (`mask`); with
    `extend` none are needed."""

    gt_path: Annotated[PathText, _IN_MANIFEST]
    """Folder of pictures, searched with its sub-folders, or one picture; local or any path that blobfile reads."""

    mask_path: Annotated[PathText | None, _IN_MANIFEST] = None
    """Folder of masks with the pictures' names, or one mask for all pictures; 255 is known, 0 is the hole, cut at
    128."""

    mask: MaskConfig | None = None
    """Masks made by rule; it excludes all other sources of masks."""

    mask_channel: Literal["grey", "alpha"] = "grey"
    """`alpha`: the transparent part is the hole, in the picture or in a copy of it at `mask_path`. It excludes
    `mask_color`."""

    format: Literal["png", "jpg", "webp"] = "png"
    """File format of the filled pictures. `png` and `webp` are lossless; `jpg` is not, and has no transparency."""

    paths: Annotated[OutputPaths, NotFingerprinted("where the results lie")]
    """Folders of the results."""

    image_size: Annotated[Size | None, NotFingerprinted("equal to the network's")] = None
    """Size of the pictures in published files; it must be equal to the network's `image_size`."""

    batch_size: Annotated[BatchSize, NotFingerprinted("pictures do not depend on it, up to rounding")] = 1
    """Pictures (fills, windows) at a time. `auto` takes the largest power of two that fits into memory."""

    offset: Annotated[NonNegative, _SELECTION] = 0
    """Pictures to leave out at the start of the sorted list."""

    max_len: Annotated[Positive | None, _SELECTION] = None
    """Pictures to fill at most; without the key all."""

    drop_last: Annotated[bool, _SELECTION] = False
    """Leave out the last pictures that would not fill a batch. Not with `fit: window` or `batch_size: auto`."""

    random_crop: Annotated[bool, _REFUSE_AUGMENTATION, _ALWAYS_FALSE] = False
    """Augmentation of the published code; true is refused."""

    random_flip: Annotated[bool, _REFUSE_AUGMENTATION, _ALWAYS_FALSE] = False
    """Augmentation of the published code; true is refused."""

    mask_loader: Ignored = None
    """Whether the data set has masks; it always has."""

    class_cond: Ignored = None
    """Whether the data set has classes; `cond_y` gives them."""

    deterministic: Ignored = None
    """Whether pictures come in sorted order; they always do."""

    return_dict: Ignored = None
    """Form of the data loader's items."""

    return_dataloader: Ignored = None
    """Form of the data loader itself."""

    ds_conf: Ignored = None
    """Name of the data set."""

    @model_validator(mode="after")
    def _one_source_of_masks(self) -> Self:
        if self.mask is not None and (self.masks_in_pictures or self.mask_path is not None):
            raise ValueError("the masks come from 'mask' and from elsewhere too; leave all but one out")
        if "mask_color" in self.model_fields_set and self.mask_color is None:
            raise ValueError('mask_color is empty; in YAML a colour needs quotes, as # begins a comment: "#00f"')
        if self.mask_channel == "alpha" and self.mask_color is not None:
            raise ValueError("mask_channel: alpha and mask_color exclude each other; leave one out")
        if self.mask_polarity == "hole_white" and (self.mask is not None or self.mask_channel == "alpha"):
            raise ValueError("mask_polarity: hole_white is about grey mask files; leave it out")
        if self.mask is not None and self.mask_soft:
            raise ValueError("mask_soft is about grey levels, which masks by rule have not; use mask_feather")
        if self.has_masks:
            return self
        if self.extend is None:
            raise ValueError(
                "there are no masks; give mask_path (files), mask: {kind: thick} (by rule), mask_channel: alpha or "
                "mask_color (in the pictures)"
            )
        for key in ("mask_feather", "mask_polarity", "mask_soft"):  # one of a base file can be set to its default
            if getattr(self, key) != EvalDataConfig.model_fields[key].default:
                raise ValueError(f"{key} is about masks, but there are none beside extend; leave it out")
        return self

    @property
    def masks_in_pictures(self) -> bool:
        """Whether the holes are what is transparent, or painted in a colour."""
        return self.mask_channel == "alpha" or self.mask_color is not None

    @property
    def has_masks(self) -> bool:
        """Whether there are holes in the pictures; without masks they are only extended."""
        return self.masks_in_pictures or self.mask is not None or self.mask_path is not None


class DataConfig(StrictModel):
    """The data set of a run, at `data.eval.NAME`."""

    eval: Annotated[dict[str, EvalDataConfig], Field(min_length=1, max_length=1)]
    """Exactly one data set under a name of your choice. One of another name replaces that of the base file."""
