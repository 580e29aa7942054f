"""Typed YAML configuration. The only place that knows key names, defaults and which published keys do nothing.

Files are strict: an unknown key, a wrong type or a value out of range is a `ConfigError` that names the file, the key
and the way out. Keys that the published code accepts without using are accepted and reported by `no_effect_keys`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from PIL import ImageColor
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from repaint.errors import ConfigError, suggest
from repaint.schedule import NEVER_LIMITED, PRESETS


def _to_text(value: object) -> object:
    """YAML reads `32` and `[32, 16]` as numbers; guided-diffusion's flags are texts such as '32,16'."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _to_number(value: object) -> object:
    """YAML 1.1 reads `1e-4` as a text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _check_multipliers(text: str) -> str:
    """'1,2,4' or '0.5,1,2': positive numbers; '' stands for the default."""
    try:
        good = all(0 < float(part) < math.inf for part in text.split(",") if text)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{text!r} is not a list of positive numbers such as '1,2,4'")
    return text


def _check_sizes(text: str) -> str:
    """'32,16,8': positive whole numbers; '' for none."""
    if not all(part.strip().isdecimal() and len(part) < 10 and int(part) > 0 for part in text.split(",") if text):
        raise ValueError(f"{text!r} is not a list of sizes such as '32,16,8'")
    return text


def _check_batch_size(value: object) -> object:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65_536):
        raise ValueError(f"should be a number from 1 to 65536, or auto, not {value!r}")
    return value


def _check_compile(value: object) -> object:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"should be true, false or auto, not {value!r}")
    return value


def _check_head_width(value: int) -> int:
    if value == 0:
        raise ValueError("0 heads or channels make no attention; -1 leaves the choice to num_heads")
    return value


def _check_cond_y(value: object) -> object:
    numbers = value if isinstance(value, list) else [value]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if not (value is None or isinstance(value, str) or whole):
        raise ValueError(f"a class number, a list of them, a file with lines name,label, or random; not {value!r}")
    return value


def _check_color(text: str) -> str:
    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise ValueError(f"a colour such as '#00f', '#0000ff' or 'blue', not {text!r}") from None
    return text


def _refuse_true(reason: str) -> AfterValidator:
    """For a published switch that may be named but not switched on."""

    def check(value: bool) -> bool:
        if value:
            raise ValueError(reason)
        return value

    return AfterValidator(check)


_REFUSE_AUGMENTATION = _refuse_true("random cropping and flipping are for training; pictures are inpainted as they are")
_REFUSE_CUMULATIVE_NOISE = _refuse_true(
    "cumulative noise is not offered, as no published experiment uses it; set it to false"
)
_NO_EFFECT = "no effect"
MOST_VALUES = 100_000  # of a configuration file
WAYS = ("schedule_jump_params", "resample", "times")  # to say how often the sampler passes over what
OF_THE_SCHEDULE = ("schedule", "timestep_respacing", *WAYS)

Text = Annotated[str, BeforeValidator(_to_text)]
Multipliers = Annotated[str, BeforeValidator(_to_text), AfterValidator(_check_multipliers)]
Sizes = Annotated[str, BeforeValidator(_to_text), AfterValidator(_check_sizes)]
Real = Annotated[float, BeforeValidator(_to_number), Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
NotNegative = Annotated[int, Field(ge=0, le=1_000_000_000)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Depth = Annotated[int, Field(ge=1, le=100)]
Seed = Annotated[int, Field(ge=0, le=2**62)]
Size = Annotated[int, Field(ge=8, le=65_536)]
HeadWidth = Annotated[int, Field(ge=-1, le=65_536), AfterValidator(_check_head_width)]
BatchSize = Annotated[int | Literal["auto"], BeforeValidator(_check_batch_size)]
Compile = Annotated[bool | Literal["auto"], BeforeValidator(_check_compile)]
Betas = Annotated[list[Annotated[Real, Field(gt=0, lt=1)]], Field(min_length=1, max_length=1_000_000)]
Labels = Annotated[int | list[int] | str | None, BeforeValidator(_check_cond_y)]
ModelFormat = Literal["auto", "guided_diffusion", "diffusers"]
Ignored = Annotated[Any, _NO_EFFECT]  # read by nothing in the published code, or by nothing that changes a picture


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NetworkConfig(_Strict):
    """The UNet, by guided-diffusion's flags. Defaults are those of the published 256x256 face model."""

    image_size: Size = 256
    num_channels: Width = 256
    num_res_blocks: Depth = 2
    channel_mult: Multipliers = ""
    attention_resolutions: Sizes = "32,16,8"
    num_heads: Width = 4
    num_head_channels: HeadWidth = 64
    num_heads_upsample: HeadWidth = -1
    use_scale_shift_norm: bool = True
    resblock_updown: bool = True
    use_new_attention_order: bool = False
    learn_sigma: bool = True
    class_cond: bool = False
    num_classes: Width = 1000
    dropout: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    use_checkpoint: bool = False


FLAGS_OF_DIFFUSERS = {"image_size", "class_cond", "num_classes", "learn_sigma"}  # its networks have these alone


class ProcessConfig(_Strict):
    """The diffusion process the network was trained for.

    Attributes:
        betas: of all steps, in place of a named `noise_schedule`; there are `diffusion_steps` of them.
    """

    diffusion_steps: Steps = 1000
    noise_schedule: Literal["linear", "cosine"] = "linear"
    betas: Betas | None = None
    predict_xstart: bool = False
    predict_v: bool = False
    sigma_small: bool = False
    rescale_timesteps: bool = False

    @field_validator("predict_v")
    @classmethod
    def _one_prediction(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("predict_xstart"):
            raise ValueError("the network predicts either x0 or v; set predict_xstart or predict_v to false")
        return value

    @model_validator(mode="before")
    @classmethod
    def _count_betas(cls, tree: object) -> object:
        """As many steps as betas, where only they are given."""
        betas = tree.get("betas") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(betas, list) or not betas:
            return tree
        return {"diffusion_steps": len(betas)} | tree

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.betas is None:
            return self
        if "noise_schedule" in self.model_fields_set:
            raise ValueError("betas and noise_schedule exclude each other; leave one out")
        if self.diffusion_steps != len(self.betas):
            raise ValueError(
                f"diffusion_steps is {self.diffusion_steps}, but there are {len(self.betas)} betas; leave it out"
            )
        return self


class ScheduleJumpParams(_Strict):
    """Arguments of `repaint.schedule.get_schedule_jump`; `t_T` defaults to the number of respaced steps."""

    t_T: Steps | None = None
    n_sample: Positive = 1
    jump_length: Positive = 10
    jump_n_sample: Positive = 10
    jump2_length: Positive = 1
    jump2_n_sample: Positive = 1
    jump3_length: Positive = 1
    jump3_n_sample: Positive = 1
    start_resampling: NotNegative = NEVER_LIMITED


class BellPasses(_Strict):
    """Passes per level by a bell curve, see `repaint.schedule.bell_passes`."""

    center: Annotated[Real, Field(ge=-1, le=2)]
    width: Annotated[Real, Field(gt=0, le=100)]
    height: Annotated[Real, Field(ge=0, le=1_000_000)]


def _kind_of_resample(value: object) -> str | None:
    if isinstance(value, list):
        return "list"
    return "curve" if isinstance(value, dict | BellPasses) else None


Resample = Annotated[
    Annotated[list[Positive], Field(min_length=1), Tag("list")] | Annotated[BellPasses, Tag("curve")],
    Discriminator(
        _kind_of_resample,
        custom_error_type="resample",
        custom_error_message="should be a list of passes such as [38, 62, 47], or a curve: center, width and height",
    ),
]


class OutputPaths(_Strict):
    """Folders (or blobfile paths) of the results; only `srs` is needed.

    Attributes:
        srs: filled pictures.
        lrs: pictures with the hole painted over.
        gts: pictures as read: cropped to the network's size with `fit: crop`, else upright in full resolution.
        gt_keep_masks: their masks, 255 = known.
        log: contact sheet and manifest (default: the folder that holds `srs`).
    """

    srs: str
    lrs: str | None = None
    gts: str | None = None
    gt_keep_masks: str | None = None
    log: str | None = None


class MaskConfig(_Strict):
    """A mask made by rule, see `repaint.data.mask_generators.GENERATORS`."""

    kind: Literal["thin", "medium", "thick", "ev2li", "nn2", "ex64", "genhalf", "box", "text"]
    seed: Seed = 0
    side: Literal["left", "right", "top", "bottom"] | None = None
    width: Annotated[Real, Field(gt=0, le=1)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] | None = None

    @property
    def options(self) -> dict[str, object]:
        """What was set beside kind and seed."""
        return self.model_dump(include={"side", "width", "text"}, exclude_none=True)


class FitConfig(_Strict):
    """How pictures of any size, and their masks, meet the network.

    Attributes:
        fit, window_context: how a picture of another size than the network's is filled, see `data.dataset.Reading`.
        mask_polarity: what white means in grey mask files.
    """

    fit: Literal["crop", "window", "pad", "resize"] = "crop"
    window_context: Annotated[Real, Field(ge=0, le=10)] = 0.5
    mask_polarity: Literal["known_white", "hole_white"] = "known_white"

    @model_validator(mode="after")
    def _context_of_windows(self) -> Self:
        if "window_context" in self.model_fields_set and self.fit != "window":
            raise ValueError("window_context has no meaning without fit: window")
        return self


class EvalDataConfig(FitConfig):
    """A folder of pictures, their masks, and where the results go.

    Attributes:
        mask_path, mask: where the masks come from; with `mask_channel: alpha` or `mask_color` and neither of them,
            from the pictures themselves.
        format: of the filled pictures.
    """

    gt_path: str
    mask_path: str | None = None
    mask: MaskConfig | None = None
    mask_channel: Literal["grey", "alpha"] = "grey"
    mask_color: Annotated[str, AfterValidator(_check_color)] | None = None
    format: Literal["png", "jpg", "webp"] = "png"
    paths: OutputPaths
    image_size: Size | None = None
    batch_size: BatchSize = 1
    offset: NotNegative = 0
    max_len: Positive | None = None
    drop_last: bool = False
    random_crop: Annotated[bool, _REFUSE_AUGMENTATION] = False
    random_flip: Annotated[bool, _REFUSE_AUGMENTATION] = False
    mask_loader: Ignored = None
    class_cond: Ignored = None
    deterministic: Ignored = None
    return_dict: Ignored = None
    return_dataloader: Ignored = None
    ds_conf: Ignored = None

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        in_picture = self.mask_channel == "alpha" or self.mask_color is not None
        if self.mask is not None and (in_picture or self.mask_path is not None):
            raise ValueError("the masks come from 'mask' and from elsewhere too; leave all but one out")
        if "mask_color" in self.model_fields_set and self.mask_color is None:
            raise ValueError('mask_color is empty; in YAML a colour needs quotes, as # begins a comment: "#00f"')
        if self.mask_channel == "alpha" and self.mask_color is not None:
            raise ValueError("mask_channel: alpha and mask_color exclude each other; leave one out")
        if self.mask_polarity == "hole_white" and (self.mask is not None or in_picture):
            raise ValueError("mask_polarity: hole_white is about grey mask files; leave it out")
        if self.mask is None and self.mask_path is None and not in_picture:
            raise ValueError(
                "there are no masks; give mask_path (files), mask: {kind: thick} (by rule), mask_channel: alpha or "
                "mask_color (in the pictures)"
            )
        return self


class DataConfig(_Strict):
    """`data.eval.NAME`: exactly one named data set."""

    eval: Annotated[dict[str, EvalDataConfig], Field(min_length=1, max_length=1)]


class SamplingConfig(NetworkConfig, ProcessConfig):
    """A trained model and how it fills holes: all that decides a fill, but the picture."""

    model_path: str
    model: Literal["flags", "auto"] = "flags"
    model_format: ModelFormat = "auto"
    use_fp16: bool = False
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16"] | None = None
    compile: Compile = "auto"

    schedule: Literal["paper", "best", "fast", "preview"] | None = None
    timestep_respacing: Text = "250"
    schedule_jump_params: ScheduleJumpParams = ScheduleJumpParams()
    resample: Resample | None = None
    times: Annotated[list[int], Field(min_length=2)] | None = None
    clip_denoised: bool = True
    use_ddim: bool = False
    ddim_eta: Annotated[Real, Field(ge=0, le=1)] = 0.0
    merge_forward: bool = False
    inpa_inj_sched_prev: bool = True
    inpa_inj_sched_prev_cumnoise: Annotated[bool, _REFUSE_CUMULATIVE_NOISE] = False
    paste_known: bool = True

    cond_y: Labels = None
    classifier_path: str | None = None
    classifier_scale: Annotated[Real, Field(ge=0)] = 0.0
    classifier_use_fp16: bool = False
    classifier_width: Width = 128
    classifier_depth: Depth = 2
    classifier_attention_resolutions: Sizes = "32,16,8"
    classifier_use_scale_shift_norm: bool = True
    classifier_resblock_updown: bool = True
    classifier_pool: Literal["attention"] = "attention"

    seed: Seed = 0
    noise_device: Literal["cpu"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, tree: object) -> object:
        """Let `schedule` fill in what `timestep_respacing` and `schedule_jump_params` leave open."""
        preset = tree.get("schedule") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(preset, str) or preset not in PRESETS:
            return tree
        steps, length, samples = PRESETS[preset]
        params = tree.get("schedule_jump_params", {})
        if not isinstance(params, dict):
            return tree
        filled = {"timestep_respacing": str(params.get("t_T") or steps)} | tree
        if any(tree.get(key) is not None for key in ("resample", "times")):
            return filled
        return filled | {"schedule_jump_params": {"jump_length": length, "jump_n_sample": samples} | params}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = _ways_said(self.model_dump(include=set(WAYS), exclude_unset=True))
        if len(said) > 1:
            raise ValueError(f"{' and '.join(said)} both say how often to resample; leave out all but one")
        return self

    @model_validator(mode="after")
    def _one_precision(self) -> Self:
        if self.use_fp16 and self.precision not in (None, "fp16"):
            raise ValueError(f"use_fp16: true and precision: {self.precision} contradict each other; leave one out")
        return self

    @property
    def has_own_passes(self) -> bool:
        """Whether `resample` or `times` stand in place of `schedule_jump_params`."""
        return self.resample is not None or self.times is not None

    @property
    def guided(self) -> bool:
        """Whether a classifier steers the sampling."""
        return self.classifier_path is not None and self.classifier_scale > 0

    @property
    def needs_class(self) -> bool:
        """Whether the network or the classifier wants a class label for each picture."""
        return self.class_cond or self.guided


class Config(SamplingConfig):
    """Configuration of an inpainting run (`test.py`)."""

    name: str | None = None
    num_samples_per_image: Annotated[int, Field(ge=1, le=100_000)] = 1
    animation: Literal["gif", "webp", "mp4"] | None = None
    animation_frames: Annotated[int, Field(ge=2, le=10_000)] = 60
    snapshot_interval: NotNegative = 0
    show_progress: bool = True
    data: DataConfig

    lr_kernel_n_std: Ignored = None
    num_samples: Ignored = None
    use_kl: Ignored = None
    rescale_learned_sigmas: Ignored = None
    latex_name: Ignored = None
    method_name: Ignored = None
    n_jobs: Ignored = None
    print_estimated_vars: Ignored = None

    @model_validator(mode="after")
    def _frames_of_something(self) -> Self:
        if "animation_frames" in self.model_fields_set and self.animation is None:
            raise ValueError("animation_frames has no meaning without animation")
        return self

    @property
    def eval_data(self) -> EvalDataConfig:
        """The one data set of the run."""
        return next(iter(self.data.eval.values()))


class TrainConfig(NetworkConfig, ProcessConfig):
    """Configuration of a training run (`scripts/train.py`).

    Attributes:
        data_path: folder of pictures, searched with sub-folders.
        out: folder of the results: resume state, exported model, sample sheets, log.
        init_path: checkpoint to fine-tune (its weights are loaded at step 0).
        steps, batch_size: optimiser steps, and pictures per step over all processes.
        lr, lr_decay, warmup_steps: peak learning rate, its course after the linear warm-up.
        ema_rate: decay of the moving average of the weights that is exported.
        precision: "bf16" runs the network under autocast; weights stay float32.
        channels_last: memory layout of the convolutions, faster on most devices.
        export_precision: type of the weights in the exported model file.
        sample_steps, sample_count: length of the sampling process and number of pictures of a sample sheet.
        log_interval, sample_interval, save_interval: in steps.
    """

    data_path: str
    out: str
    init_path: str | None = None
    random_flip: bool = True
    steps: Positive
    batch_size: Width = 32
    lr: Annotated[Real, Field(gt=0)] = 1e-4
    lr_decay: Literal["constant", "cosine"] = "constant"
    warmup_steps: NotNegative = 0
    weight_decay: Annotated[Real, Field(ge=0)] = 0.0
    grad_clip: Annotated[Real, Field(gt=0)] | None = None
    ema_rate: Annotated[Real, Field(ge=0, lt=1)] = 0.9999
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = True
    export_precision: Literal["fp32", "fp16"] = "fp32"
    sample_steps: Steps = 50
    sample_count: Width = 16
    log_interval: Positive = 50
    sample_interval: Positive = 1000
    save_interval: Positive = 500
    seed: Seed = 0


class ComparedConfig(_Strict):
    """Results to measure: of a configuration, or folders of any method.

    Attributes:
        method, mask: row and column of the tables (defaults: the schedule or the folder; the mask's kind or folder).
        conf_path, set: configuration of a run, and what it was changed by.
        baseline: fill the configuration's pictures by a classical method, when they are measured.
        truth, masks, mask_polarity: folder of true pictures, and mask file or folder.
        results: folder of filled pictures of the same names and sizes (`photo.png`, or `photo_0.png`, `photo_1.png` ...
            for several fills), or a list of folders, each with other fills of the same pictures.
        calls, seconds: network calls and seconds a picture, if no manifest tells them.
    """

    method: str | None = None
    mask: str | None = None
    conf_path: str | None = None
    set: list[str] = []
    baseline: Literal["telea", "biharmonic", "bicubic"] | None = None
    truth: str | None = None
    masks: str | None = None
    mask_polarity: Literal["known_white", "hole_white"] = "known_white"
    results: str | Annotated[list[str], Field(min_length=1)] | None = None
    calls: Annotated[Real, Field(ge=0)] | None = None
    seconds: Annotated[Real, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        folders = {"truth": self.truth, "masks": self.masks, "results": self.results}
        given = [key for key, value in folders.items() if value is not None]
        if (self.conf_path is None) == (not given):
            raise ValueError("give either conf_path, or the folders truth, masks and results")
        if given and len(given) < len(folders):
            raise ValueError(f"{' and '.join(folders.keys() - given)} is missing beside {' and '.join(given)}")
        idle = self.model_fields_set & ({"set", "baseline"} if given else {"mask_polarity", "calls", "seconds"})
        if idle:
            raise ValueError(f"{' and '.join(sorted(idle))} has no meaning with {'folders' if given else 'conf_path'}")
        return self


class ComparisonConfig(_Strict):
    """Whole sets of results in one table (`scripts/evaluate.py --comparison`).

    Attributes:
        set: what all configurations of runs are changed by, before their own `set`.
    """

    set: list[str] = []
    entries: Annotated[list[ComparedConfig], Field(min_length=1)]


def no_effect_keys(config: Config) -> list[str]:
    """Keys of the configuration that were set but change nothing, for one line to the user."""
    found = [
        key
        for part in (config, config.eval_data)
        for key, field in type(part).model_fields.items()
        if key in part.model_fields_set and _NO_EFFECT in field.metadata
    ]
    if config.cond_y is not None and not config.needs_class:
        found.append("cond_y")  # as in the published code: neither network nor classifier asks for a class
    return list(dict.fromkeys(found))


def describe_betas(betas: Sequence[float]) -> str:
    """Betas in a few words: '1000 numbers from 0.0001 to 0.02'; they need not rise in between."""
    return f"{len(betas)} numbers from {betas[0]:.4g} to {betas[-1]:.4g}"


def describe(config: Config) -> dict[str, Any]:
    """The keys that have a value and a meaning, for showing them: betas in a few words."""
    idle = NetworkConfig.model_fields.keys() - FLAGS_OF_DIFFUSERS if config.model_format == "diffusers" else set()
    if config.has_own_passes:
        idle |= {"schedule_jump_params"}
    if config.betas is None:
        return config.model_dump(exclude_none=True, exclude=idle)
    tree = config.model_dump(exclude_none=True, exclude={*idle, "noise_schedule"})
    return tree | {"betas": describe_betas(config.betas)}


ConfigType = TypeVar("ConfigType", FitConfig, SamplingConfig, Config, TrainConfig, ComparisonConfig)


def load_config(kind: type[ConfigType], path: str | Path, overrides: Sequence[str] = ()) -> ConfigType:
    """Read, merge and check a configuration.

    Args:
        kind: `Config`, `TrainConfig` or `ComparisonConfig`.
        path: YAML file; its `base: other.yml` (relative to the file) is merged under it.
        overrides: texts `key.path=value` from the command line, values in YAML.

    Raises:
        ConfigError: anything wrong, in one line.
    """
    tree = _read_tree(Path(path), ())
    said: dict[str, Any] = {}
    for text in overrides:
        _apply_override(said, text)
    tree = _make_room(tree, said)
    for text in overrides:
        _apply_override(tree, text)
    return make_config(kind, tree, str(path))


def files_of(path: Path) -> list[Path]:
    """The file of a configuration that could be loaded, and all that it is based on, resolved."""
    tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    base = tree.get("base")
    return [path.resolve(), *(files_of(path.parent / base) if base else [])]


def make_config(kind: type[ConfigType], tree: Mapping[str, Any], source: str) -> ConfigType:
    """Check a configuration that is in memory.

    Args:
        kind: what it shall be.
        tree: values by key, nested like the YAML files.
        source: what to call it in errors.

    Raises:
        ConfigError: anything wrong, in one line.
    """
    try:
        return kind.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(kind, error)}") from None


def override(key: str, value: object) -> str:
    """A text `key.path=value` for `load_config`, quoted so that any path stays one.

    Args:
        key: names joined by dots.
        value: None, a number, a bool or a text; other things count as their text.
    """
    plain = value is None or isinstance(value, int | float)
    text = yaml.safe_dump(value if plain else str(value), width=math.inf).removesuffix("...\n")
    return f"{key}={text.rstrip()}"


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where plain YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(None, None, "a key must be a word", key_node.start_mark)
            if key_node.tag == "tag:yaml.org,2002:merge":  # chains of them grow without bounds
                raise yaml.MarkedYAMLError(None, None, "merge keys (<<) are not read; use base:", key_node.start_mark)
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"key {key_node.value!r} is given twice", key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _read_tree(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in seen:
        raise ConfigError(f"{path}: 'base' leads back to the file itself")
    try:
        # The loader is a SafeLoader: plain data only, no Python objects.
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a text file ({error})") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    _check_size(path, tree)
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError(f"{path}: a configuration is a list of 'key: value' lines, this file is not")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str) or "\0" in base:
        raise ConfigError(f"{path}: base must name a YAML file, not {base!r}")
    return _merge(_make_room(_read_tree(path.parent / base, (*seen, path.resolve())), tree), tree)


def _check_size(path: Path, tree: object) -> None:
    """Raise ConfigError if aliases blow a small file up to something that cannot be gone through."""
    count, rest = 0, [tree]
    while rest:
        value = rest.pop()
        count += 1
        if count > MOST_VALUES:
            raise ConfigError(f"{path}: more than {MOST_VALUES:,} values; an alias is repeated too often")
        if isinstance(value, dict):
            rest += value.values()
        elif isinstance(value, list):
            rest += value


def _make_room(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of a configuration when another is laid over it, before the two are merged.

    A preset replaces the whole schedule below it, and a way to say how often to resample every other way.
    """
    said = _ways_said(over)
    gone: set[str] = set()
    if over.get("schedule") is not None:
        gone = set(OF_THE_SCHEDULE)
    elif said:
        gone = set(WAYS) - set(said)
    return {key: value for key, value in under.items() if key not in gone}


def _ways_said(tree: Mapping[str, Any]) -> list[str]:
    """Which of WAYS a configuration uses; the number of steps, `t_T` alone, is none."""
    params = tree.get("schedule_jump_params")
    steps_alone = isinstance(params, Mapping) and params.keys() <= {"t_T"}
    return [key for key in WAYS if tree.get(key) is not None and not (key == "schedule_jump_params" and steps_alone)]


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    # A data set of another name replaces the one of the base file, as there can be only one.
    if isinstance(over.get("eval"), dict) and over["eval"]:
        merged["eval"] = {name: merged["eval"][name] for name in over["eval"]}
    return merged


def _apply_override(tree: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {override}: write it as key.path=value")
    try:
        value = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    *parents, last = path.strip().split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {key} holds a value, not further keys")
    tree[last] = value


def _explain(kind: type[BaseModel], error: ValidationError) -> str:
    """All problems of a configuration in one line, the first few in full."""
    problems = [_explain_one(kind, details) for details in error.errors()]
    more = f"; and {len(problems) - 3} more problems" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more


def _explain_one(kind: type[BaseModel], details: Any) -> str:
    parts = details["loc"]
    if parts[:1] == ("resample",):
        parts = (parts[0], *parts[2:])  # the second is the tag of its kind
    location = [str(part) for part in parts]
    key = ".".join(location)
    if details["type"] == "extra_forbidden":
        return f"unknown key {key!r}{suggest(location[-1], _all_keys(kind))}"
    if details["type"] == "missing":
        return f"key {key!r} is missing"
    message = details["msg"].removeprefix("Value error, ")
    value = details["input"]
    shown = f", not {value!r}" if not isinstance(value, dict) and details["type"] != "value_error" else ""
    return f"{key}{': ' if key else ''}{message[0].lower()}{message[1:]}{shown}"


def _all_keys(kind: type[BaseModel]) -> Iterator[str]:
    models: list[type[BaseModel]] = [kind]
    if issubclass(kind, SamplingConfig):
        models += [ScheduleJumpParams, BellPasses]
    if kind is Config:
        models += [DataConfig, EvalDataConfig, OutputPaths]
    if kind is ComparisonConfig:
        models.append(ComparedConfig)
    for model in models:
        yield from model.model_fields
