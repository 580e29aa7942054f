"""Sampling with a trained model: checkpoint, precision, jump schedule, reverse step, classifier guidance."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import model_validator

from repaint.config.adapting import AdaptConfig
from repaint.config.choices import DEFAULT_METHOD
from repaint.config.fields import (
    Compile,
    Depth,
    Labels,
    NonNegative,
    NonNegativeReal,
    NotFingerprinted,
    Passes,
    PathText,
    Positive,
    Seed,
    Share,
    Sizes,
    Steps,
    StrictModel,
    Text,
    Times,
    Whole,
    Width,
    refuse_true,
)
from repaint.config.methods import MethodConfig
from repaint.config.network import NetworkConfig
from repaint.config.presets import PRESETS, expand
from repaint.config.process import ProcessConfig
from repaint.config.refining import RefineConfig
from repaint.schedule import NEVER_LIMITED

ModelFormat = Literal["auto", "guided_diffusion", "diffusers"]
RESAMPLING_KEYS = ("schedule_jump_params", "resample", "times")  # each specifies the resampling; one at most is set
SCHEDULE_KEYS = ("schedule", "timestep_respacing", *RESAMPLING_KEYS)  # a preset replaces all of them

_REFUSE_CUMULATIVE_NOISE = refuse_true(
    "cumulative noise is not offered, as no published experiment uses it; set it to false"
)
_WEIGHTS_DIGEST = NotFingerprinted("the digest of the weights stands for it")
_RESOLVED_PRECISION = NotFingerprinted("the resolved precision stands for it")


def set_resampling_keys(tree: Mapping[str, Any]) -> list[str]:
    """Which of RESAMPLING_KEYS a configuration sets; a `t_T` alone is a number of steps and specifies no resampling."""
    params = tree.get("schedule_jump_params")
    steps_alone = isinstance(params, Mapping) and params.keys() <= {"t_T"}
    return [
        key
        for key in RESAMPLING_KEYS
        if tree.get(key) is not None and not (key == "schedule_jump_params" and steps_alone)
    ]


class ScheduleJumpParams(StrictModel):
    """RePaint's jump schedule (paper, section 4.2), computed by `repaint.schedule.get_schedule_jump`."""

    t_T: Steps | None = None
    """Number of respaced steps, T in the paper. Fewer than `timestep_respacing` gives respace the process to so many
    even steps; more are an error."""

    n_sample: Whole = 1
    """Passes over each single step: `n_sample` - 1 jumps of one step after each step down. Here and in the other keys
    of passes, 0 or less is 1."""

    jump_length: Positive = 10
    """Steps of a jump, j in the paper."""

    jump_n_sample: Whole = 10
    """Passes over each stretch of `jump_length` steps, r in the paper; so there are r - 1 jumps."""

    jump2_length: Positive = 1
    """Steps of a second level of jumps inside each pass of the first."""

    jump2_n_sample: Whole = 1
    """Passes of the second level."""

    jump3_length: Positive = 1
    """Steps of a third level of jumps inside each pass of the second."""

    jump3_n_sample: Whole = 1
    """Passes of the third level."""

    start_resampling: Whole = NEVER_LIMITED
    """Largest time to which a jump may lead (one above for the jumps of `n_sample`). The default sets no limit; below 0
    there are no jumps."""


class SamplingConfig(NetworkConfig, ProcessConfig, MethodConfig, RefineConfig):
    """A trained model and how it fills holes."""

    model_path: Annotated[PathText, _WEIGHTS_DIGEST]
    """Weights: a file `.pt` or `.safetensors` of guided-diffusion, a folder of diffusers, or with
    `model_format: diffusers` a name `owner/model` on the Hugging Face hub."""

    model: Annotated[Literal["flags", "auto"], _WEIGHTS_DIGEST] = "flags"
    """Source of the architecture: `flags` takes the keys of the network, `auto` reads it off the weights. With `auto`
    a message lists the values that the weights leave open and that are assumed; keys that are set win over them.
    Models of diffusers always specify their own architecture."""

    model_format: Annotated[ModelFormat, _WEIGHTS_DIGEST] = "auto"
    """Format of the weights; `auto` takes a local folder for a model of diffusers and everything else for a file of
    guided-diffusion."""

    model_entry: str | None = None
    """Which of several states in a weights file to take, such as `ema` or `model`: the name of its entry, or for a
    model of diffusers that of the network's folder. Without it the moving average (EMA), if there is one."""

    use_fp16: Annotated[bool, _RESOLVED_PRECISION] = False
    """The published name of `precision: fp16`; it must not contradict `precision`."""

    precision: Annotated[Literal["auto", "fp32", "tf32", "bf16", "fp16"] | None, _RESOLVED_PRECISION] = None
    """Number format of the convolutions: `tf32` exists on NVIDIA GPUs only, and `auto` takes the fastest of the device,
    which is measured on CPUs and kept by a resumed run. Without it float32 as PyTorch is set, by which GPUs may round
    to TF32."""

    compile: Annotated[Compile, NotFingerprinted("the same computation, up to rounding")] = "auto"
    """Compile the network's blocks, and on a GPU replay its launches as a CUDA graph. `auto` does so on a GPU if a
    `precision` other than `fp32` is set and the run takes 2,000 network calls or more."""

    adapt: AdaptConfig | None = None
    """Fine-tune the model on each picture's own known pixels before the picture is filled, see
    [photographs](photos.md); `adapt: {}` takes the defaults. Without the key the model stays as it is."""

    schedule: Annotated[
        Literal["paper", "best", "fast", "preview"] | None,
        NotFingerprinted("the keys that it fills in stand for it"),
    ] = None
    """Preset for the method and its steps: `paper` is RePaint with T=250, j=10, r=10; `best`, `fast` and `preview` are
    Langevin sampling with 20 levels of 5 inner steps, 15 of 3, and 11 of 2. Beside keys of resampling, another method
    that jumps, or a classifier that guides, `best`, `fast` and `preview` stand for T, j and r of 250, 5, 15; 34, 1, 7;
    and 20, 1, 3. It replaces the schedule of the files below; keys beside it win over it. A method that goes straight
    down takes T alone."""

    timestep_respacing: Text = "250"
    """Steps of the trained process that sampling visits: `'250'` so many, evenly spaced; `'10,0,20'` so many of each
    of three equal sections; `'ddim50'` so many with one fixed stride; `''` all; `'power30:1.25'` 30, the *i*-th at
    (*i* / 29)^1.25 of the way, so denser at low noise; `'at:0,7,40,999'` these."""

    schedule_jump_params: ScheduleJumpParams = ScheduleJumpParams()
    """Jump schedule. Without effect beside `resample` or `times`, but for `t_T`."""

    resample: Passes | None = None
    """Instead of jumps of a fixed length: passes over the step that lands at t = 0, 1, 2 ..., such as `[38, 62, 47]`;
    steps above those listed get one pass. It lists at most T - 1 steps, and excludes `schedule_jump_params` and
    `times`."""

    times: Times | None = None
    """Instead of jumps: all times that the sampler visits, such as `[3, 2, 3, 2, 1, 0, -1]`, from T - 1 to -1. Steps
    down are by one; steps up may be longer, and are one draw of noise each. It excludes `schedule_jump_params` and
    `resample`."""

    clip_denoised: bool = True
    """Clamp the estimate of x0 to [-1, 1] in each step."""

    use_ddim: bool = False
    """Take DDIM's reverse step inside the same schedule. A classifier cannot guide it."""

    ddim_eta: Share = 0.0
    """Noise of DDIM's reverse step: 0 is deterministic, 1 has the variance of DDPM's. Without effect unless `use_ddim`
    is true."""

    inpa_inj_sched_prev: bool = True
    """Merge the known pixels into each step; false is plain unconditional sampling, which only `fit: crop` allows."""

    inpa_inj_time_shift: NonNegative = 1
    """A step up from t to t + 1 adds the noise of the step at t + `inpa_inj_time_shift`: 1 as in the paper, other
    values as in the published code. It excludes `times` unless it is 1."""

    inpa_inj_sched_prev_cumnoise: Annotated[bool, _REFUSE_CUMULATIVE_NOISE, NotFingerprinted("always false")] = False
    """Cumulative noise of the published code; true is refused."""

    paste_known: bool = True
    """End with the known pixels themselves (Algorithm 1 at t = 1; the published code leaves it out). False gives the
    network's raw picture, which only `fit: crop` allows."""

    cond_y: Annotated[Labels, NotFingerprinted("the manifest has the class of each picture")] = None
    """Classes, where the network or a classifier needs them: a number, a list with one for each picture, a file with
    lines `name,label`, or `random`, as without the key: drawn from each picture's seed. Where nothing needs a class it
    is ignored with a note."""

    classifier_path: PathText | None = None
    """Weights of a noised classifier for guidance."""

    classifier_scale: NonNegativeReal = 0.0
    """Factor of the classifier's gradient; 0, or no `classifier_path`, is no guidance."""

    classifier_use_fp16: bool = False
    """Run the classifier in fp16."""

    classifier_width: Width = 128
    """Base width of the classifier."""

    classifier_depth: Depth = 2
    """Residual blocks per resolution of the classifier."""

    classifier_attention_resolutions: Sizes = "32,16,8"
    """Feature-map sizes of the classifier with self-attention."""

    classifier_use_scale_shift_norm: bool = True
    """As `use_scale_shift_norm`, for the classifier."""

    classifier_resblock_updown: bool = True
    """As `resblock_updown`, for the classifier."""

    classifier_pool: Literal["attention"] = "attention"
    """Pooling at the classifier's end."""

    seed: Seed = 0
    """Picture number *i* (of the sorted list, after `offset`) draws its noise from a generator of its own, seeded
    `seed` + *i*; fill *k* of it from `seed` + *i* + 1,000,003 *k*; part *n* (windows, then refined areas, then further
    first fills) adds 1,000,000,000,039 *n*."""

    noise_device: Annotated[Literal["cpu"] | None, NotFingerprinted("the kind of random numbers stands for it")] = None
    """Where the noise is drawn: `cpu` gives a CPU run's noise on a GPU; without it on the sampling device."""

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, tree: object) -> object:
        """Let `schedule` fill in what the keys of method and steps leave open."""
        preset = tree.get("schedule") if isinstance(tree, dict) else None
        if not isinstance(tree, dict) or not isinstance(preset, str) or preset not in PRESETS:
            return tree
        if not isinstance(tree.get("schedule_jump_params", {}), dict):
            return tree
        return expand(tree, resampling=bool(set_resampling_keys(tree)))

    def _resampling_keys(self) -> list[str]:
        """The keys of resampling that are set."""
        return set_resampling_keys(self.model_dump(include=set(RESAMPLING_KEYS), exclude_unset=True))

    @model_validator(mode="after")
    def _keys_of_the_method(self) -> Self:
        """Refuse what the method does not read."""
        method = self.method
        jumping = self._resampling_keys()
        if self.inpa_inj_time_shift != 1:
            jumping.append("inpa_inj_time_shift")
        if jumping and not self.jumps:
            raise ValueError(
                f"{jumping[0]} has no meaning with method: {method}, which goes straight down; leave it out"
            )
        if "refine_step_size" in self.model_fields_set and self.langevin is None:
            raise ValueError(f"refine_step_size has no meaning with method: {method}, only with langevin; leave it out")
        if not self.inpa_inj_sched_prev and method != DEFAULT_METHOD:
            raise ValueError(f"inpa_inj_sched_prev: false and method: {method} contradict each other; leave one out")
        return self

    @model_validator(mode="after")
    def _one_resampling(self) -> Self:
        keys = self._resampling_keys()
        if len(keys) > 1:
            raise ValueError(f"{' and '.join(keys)} both specify the resampling; leave out all but one")
        return self

    @model_validator(mode="after")
    def _no_shift_of_longer_steps(self) -> Self:
        if self.times is not None and self.inpa_inj_time_shift != 1:
            raise ValueError("inpa_inj_time_shift has no meaning for times, whose steps up may be long; leave it out")
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
        """Whether a classifier guides the sampling."""
        return self.classifier_path is not None and self.classifier_scale > 0

    @property
    def needs_class(self) -> bool:
        """Whether the network or the classifier needs a class label for each picture."""
        return self.class_cond or self.guided
