"""An inpainting run: a model, how it samples, and the pictures that it fills."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from repaint.config.data import DataConfig, EvalDataConfig
from repaint.config.fields import NO_EFFECT, Ignored, NonNegative, NotFingerprinted
from repaint.config.network import FLAGS_OF_DIFFUSERS, NetworkConfig
from repaint.config.process import describe_betas
from repaint.config.refining import REFINE_KEYS, SAMPLING_KEYS
from repaint.config.sampling import SamplingConfig

_BESIDE_PICTURES = NotFingerprinted("it adds files beside the pictures")


class Config(SamplingConfig):
    """An inpainting run: `python test.py --conf_path X.yml`."""

    name: Annotated[str | None, NotFingerprinted("a label")] = None
    """Name of the run in its summary line."""

    num_samples_per_image: Annotated[
        int, Field(ge=1, le=100_000), NotFingerprinted("each fill has a file and a seed of its own")
    ] = 1
    """Fills of each picture. Several are called `photo_0.png`, `photo_1.png` ... and are shown in one picture in
    `sheets/`."""

    animation: Annotated[Literal["gif", "webp", "mp4"] | None, _BESIDE_PICTURES] = None
    """Film of each fill's state and prediction over the schedule, in `animations/`; mp4 needs
    `pip install '.[video]'`."""

    animation_frames: Annotated[int, Field(ge=2, le=10_000), _BESIDE_PICTURES] = 60
    """Frames of an animation at most. Only with `animation`."""

    snapshot_interval: Annotated[NonNegative, _BESIDE_PICTURES] = 0
    """Keep state and prediction in `snapshots/` after every so many network calls; 0 is never."""

    show_progress: Annotated[bool, NotFingerprinted("it is about the display")] = True
    """Show a progress bar."""

    data: Annotated[DataConfig, NotFingerprinted("its one data set counts field by field")]
    """Its key `eval` holds the data set: `data.eval.NAME`, exactly one, under a name of your choice."""

    lr_kernel_n_std: Ignored = None
    """Width of a blur kernel for low-resolution pictures."""

    num_samples: Ignored = None
    """Number of pictures to sample; `max_len` limits the pictures that are filled."""

    use_kl: Ignored = None
    """Kind of training loss."""

    rescale_learned_sigmas: Ignored = None
    """Scale of the training loss for a learned variance."""

    latex_name: Ignored = None
    """Label for the paper's tables."""

    method_name: Ignored = None
    """Label for the paper's tables."""

    n_jobs: Ignored = None
    """Number of parallel jobs; `torchrun` starts several processes."""

    print_estimated_vars: Ignored = None
    """Debugging output."""

    debug: Ignored = None
    """Debugging output; the option `--debug` shows tracebacks."""

    device: Ignored = None
    """Where to run; the option `--device` chooses it."""

    @model_validator(mode="after")
    def _frames_of_animation(self) -> Self:
        if "animation_frames" in self.model_fields_set and self.animation is None:
            raise ValueError("animation_frames has no meaning without animation")
        return self

    @property
    def eval_data(self) -> EvalDataConfig:
        """The one data set of the run."""
        return next(iter(self.data.eval.values()))

    @property
    def has_parts(self) -> bool:
        """Whether a picture may be filled in several parts, windows or tiles, whose number its mask decides."""
        fit = self.eval_data.fit
        return fit == "window" or (fit != "crop" and self.refine != "none")

    @property
    def idle_refine_keys(self) -> set[str]:
        """Keys without effect: with `fit: crop` no fill is enlarged, and with `refine: none` none is refined."""
        if self.eval_data.fit == "crop":
            return set(REFINE_KEYS)
        if self.refine == "none":
            return set(REFINE_KEYS[1:])
        if not self.refine_from:
            return set(SAMPLING_KEYS)
        idle = {"refine_step_size"} if self.langevin is None else set()
        return idle if self.dps is None and self.pigdm is None else idle | {"refine_references"}


def no_effect_keys(config: SamplingConfig) -> list[str]:
    """Keys that the configuration, of a run or of a model alone, sets although they change nothing."""
    found = [
        key
        for part in ((config, config.eval_data) if isinstance(config, Config) else (config,))
        for key, field in type(part).model_fields.items()
        if key in part.model_fields_set and NO_EFFECT in field.metadata
    ]
    if config.cond_y is not None and not config.needs_class:
        found.append("cond_y")  # as in the published code: neither network nor classifier needs a class
    return list(dict.fromkeys(found))


def no_effect_note(config: SamplingConfig) -> str | None:
    """The message about the keys without effect; None if there are none."""
    idle = no_effect_keys(config)
    return f"keys without effect: {', '.join(idle)}" if idle else None


def describe(config: Config) -> dict[str, Any]:
    """The resolved configuration to show to a user: keys that have a value and an effect, betas in a few words."""
    unused = NetworkConfig.model_fields.keys() - FLAGS_OF_DIFFUSERS if config.model_format == "diffusers" else set()
    if config.has_own_passes or not config.jumps:
        unused |= {"schedule_jump_params"}
    unused |= config.idle_refine_keys
    if config.betas is None:
        return config.model_dump(exclude_none=True, exclude=unused)
    tree = config.model_dump(exclude_none=True, exclude={*unused, "noise_schedule"})
    return tree | {"betas": describe_betas(config.betas)}
