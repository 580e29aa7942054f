"""Inpainting from Python: picture and mask in, filled pictures out."""

import warnings
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from numbers import Integral
from os import PathLike
from typing import Any, Literal

from PIL import Image

from repaint.checkpoints.formats import read_classifier_weights, read_model
from repaint.checkpoints.resolve import resolve
from repaint.config.data import FitConfig
from repaint.config.loading import make_config, without_replaced
from repaint.config.methods import METHOD_KEYS
from repaint.config.refining import REFINE_KEYS, refining_replaced
from repaint.config.run import no_effect_note
from repaint.config.sampling import SCHEDULE_KEYS, SamplingConfig
from repaint.data.conversion import to_picture
from repaint.data.examples import Example, make_example
from repaint.data.in_memory import Picture, name_of, open_picture
from repaint.data.pairing import Pair
from repaint.data.window_order import MOST_WINDOWS, count_batches, widest_round
from repaint.errors import ConfigError
from repaint.inference.adapted_models import ModelAdapter
from repaint.inference.batch_loop import BatchLoop
from repaint.inference.batch_size import BatchSizes
from repaint.inference.checks import check_fit_mode, check_mask_channel, check_maskless, check_sampling
from repaint.inference.inputs import build_labels, read_settings
from repaint.inference.raising import RaisingObserver
from repaint.inference.state import FillState
from repaint.pipeline.notes import sampling_notes
from repaint.pipeline.pipeline import Pipeline, build_pipeline, reschedule
from repaint.pipeline.precision_choice import resolve_precision
from repaint.sampler import Callback
from repaint.workers.devices import pick_device


class Inpainter:
    """A diffusion model loaded for inpainting, for any number of pictures.

    It changes no setting of the process; a program that fills on a CPU may call `repaint.optimize_process` first.

    Args:
        model: weights file of a guided-diffusion network, `.pt` or `.safetensors`, or folder of a model of diffusers
            (with `model_format="diffusers"` also its name on the Hugging Face hub); it decides the architecture.
        schedule: "paper", "best", "fast" or "preview"; None if `timestep_respacing` and `schedule_jump_params` are
            among the settings.
        device: "cpu", "cuda", "cuda:1" or "mps"; None for the best one available.
        fit: what of a picture is filled: through windows around its holes ("window"), the whole reduced inside a square
            ("pad") or squeezed to one ("resize"), or only its middle ("crop", as the published code does).
        window_context: with "window", the known surroundings of a hole that it shows, relative to the hole's longer
            side; None for 0.5.
        mask_polarity: "known_white", or "hole_white" if white (True in arrays) marks the hole; it needs masks.
        mask_color: the hole is what is painted in this colour, such as "#f0f", in the mask, or without a mask in the
            picture itself; None for masks of grey levels.
        mask_channel: "alpha" takes what is transparent in a picture without a mask for the hole. So does None, but with
            `extend`, where a picture without a mask is known everywhere.
        mask_soft: whether grey levels of masks blend fill and picture; without it masks are cut at 128.
        mask_feather: width in pixels of a rim outside the hole in which the fill fades into the picture.
        extend: what to add beyond the sides, in pixels or per cent of the width or height: 100, "25%", or
            {"left": "25%", "right": 100}.
        adapted_models: with the setting `adapt`, the folder where adapted models are kept, to be found again by later
            calls; None keeps the last one in memory only.
        settings: any other key of a configuration file that is about model, schedule or sampling, by its name, such as
            `precision="auto"`, `timestep_respacing="20"`, `schedule_jump_params={"jump_length": 1}`.

    Attributes:
        pipeline: its `reverse_step()`, `diffusion`, `times` and `device` are what `p_sample_loop` takes.
        precision: with `precision="auto"` what it stands for, on CPUs with the measured rates; None without.
        note: message listing the values assumed for the model, because its file does not specify them, keys without
            effect, and what else may surprise about model and schedule; None if there is nothing. It is a warning, too.

    Raises:
        ConfigError: a setting is unknown, wrong, or contradicts the model.
        CheckpointError, DataError: the model is missing, damaged, unsafe, or not a diffusion model's.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        schedule: str | None = "fast",
        device: str | None = None,
        fit: Literal["window", "pad", "resize", "crop"] = "window",
        window_context: float | None = None,
        mask_polarity: Literal["known_white", "hole_white"] = "known_white",
        mask_color: str | None = None,
        mask_channel: Literal["alpha"] | None = None,
        mask_soft: bool = False,
        mask_feather: int = 0,
        extend: int | str | Mapping[str, int | str] | None = None,
        adapted_models: str | PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        check_mask_channel(mask_channel, mask_color, mask_polarity)
        for key in sorted({"seed", "model_path"} & settings.keys()):
            raise ConfigError(f"inpaint: {key} is not a setting; give the {key.removesuffix('_path')} by that name")
        self._settings = settings
        tree = {"model_path": str(model), "model": "auto", "schedule": schedule} | settings
        config = make_config(SamplingConfig, tree, "inpaint")
        context = {} if window_context is None else {"window_context": window_context}
        masks = {"mask_polarity": mask_polarity, "mask_color": mask_color, "mask_soft": mask_soft}
        tree = {"fit": fit, "mask_feather": mask_feather, "extend": extend} | masks | context
        fitting = make_config(FitConfig, tree, "inpaint")
        chosen_device = pick_device(device)
        weights = read_model(config)
        config, assumptions = resolve(config, weights)
        check_sampling(config)
        check_fit_mode(config, fit)
        config, self.precision = resolve_precision(config, weights, chosen_device)
        self.pipeline = build_pipeline(config, weights, read_classifier_weights(config), chosen_device)
        self._adapted_models = None if adapted_models is None else str(adapted_models)
        self._adapter = None if config.adapt is None else ModelAdapter(self.pipeline, self._adapted_models)
        self._mask_channel, self._fitting = mask_channel, fitting
        self._batch_sizes = BatchSizes()
        self._shrink = chosen_device.type == "cpu" and config.compile is not True  # elsewhere each size costs a start
        notes = [*sampling_notes(config, weights), assumptions, no_effect_note(config)]
        self.note = "; ".join(filter(None, notes)) or None
        if self.note is not None:
            warnings.warn(self.note, stacklevel=2)

    def with_schedule(self, schedule: str, method: str | None = None) -> "Inpainter":
        """The same model, not loaded again, with another schedule by name.

        Args:
            schedule: "paper", "best", "fast" or "preview"; ConfigError for others.
            method: conditioning method; None for that of the settings, or else of the schedule.
        """
        own = {key: value for key, value in self._settings.items() if key in METHOD_KEYS}
        own = own if method is None else {"method": method}
        others = {*SCHEDULE_KEYS, *METHOD_KEYS, *refining_replaced(own | {"schedule": schedule})}  # left to the preset
        given = {key: value for key, value in self.pipeline.config.given().items() if key not in others}
        tree = given | own | {"schedule": schedule}
        other = copy(self)
        other._batch_sizes = BatchSizes()  # methods with gradients need more memory
        config = make_config(SamplingConfig, tree, "inpaint")
        check_sampling(config)
        other.pipeline = reschedule(self.pipeline, config)
        return other

    def with_settings(self, **settings: Any) -> "Inpainter":
        """The same model, not loaded again, with other settings.

        Args:
            settings: any of `adapt`, `refine` and its details, `fit`, `window_context`, `mask_polarity`, `mask_color`,
                `mask_soft`, `mask_feather` and `extend`; ConfigError for others. Variants with one `adapt` share the
                adapted model.
        """
        other = copy(self)
        changes = {key: settings.pop(key) for key in ("adapt", *REFINE_KEYS) if key in settings}
        given = without_replaced(self.pipeline.config.given(), changes)
        config = make_config(SamplingConfig, given | changes, "inpaint")
        check_sampling(config)
        other.pipeline = replace(self.pipeline, config=config)
        if "adapt" in changes:
            other._adapter = None if config.adapt is None else ModelAdapter(other.pipeline, self._adapted_models)
        other._fitting = make_config(FitConfig, without_replaced(self._fitting.given(), settings) | settings, "inpaint")
        check_fit_mode(other.pipeline.config, other._fitting.fit)
        check_mask_channel(self._mask_channel, other._fitting.mask_color, other._fitting.mask_polarity)
        return other

    def __call__(
        self,
        image: Picture | Example,
        mask: Picture | None = None,
        *,
        seed: int = 0,
        num_samples: int = 1,
        y: int | None = None,
        callback: Callback | None = None,
    ) -> list[Image.Image]:
        """Fill the hole in a picture.

        Args:
            image: Pillow picture of any mode and size, taken as it is; array uint8 [H, W], [H, W, 3] or [H, W, 4]; or
                path, whose picture is turned upright as its EXIF data say. Or what `read` made of one and its mask.
            mask: the same, or an array bool [H, W]; in the picture's aspect ratio. 255 (True) is known, 0 (False) is
                the hole, cut at 128. None takes what is transparent in the picture, or painted in `mask_color`, for the
                hole; with `extend` see `mask_channel`. What `read` made has its own.
            seed: of the noise: the same seed gives the same fills, up to a grey level here and there if they are made
                in batches of another size.
            num_samples: fills to make.
            y: class for a class-conditional model; None draws one from the seed.
            callback: is called after each transition of the sampler, with the batch being filled: windows at the
                network's size, or areas padded to the largest. An exception that it raises ends the work at once.

        Returns:
            Pictures of the picture's size (with `extend` larger, with `fit="crop"` its middle at the network's size),
            RGB, or RGBA if the picture has transparency. Known pixels are the picture's own, unless `paste_known=False`
            was set.

        Raises:
            DataError: the picture or its mask is unreadable, they do not fit together, or a fill is not finite.
            ConfigError: `seed`, `num_samples` or `y` is out of range, memory is too small, or a mask is missing.
        """
        example = self._example(image, mask)
        config, size = self._for(seed, y), self._batch_size(example, num_samples)  # wrong ones end before the work
        pipeline = replace(self.adapt(example), config=config)
        labels = build_labels(pipeline.config, [example.pair])[0]
        label = None if labels is None else labels[0]
        states = [FillState(example, sample, label) for sample in range(num_samples)]
        loop = BatchLoop(pipeline, states, size, RaisingObserver(callback, pipeline.device), self._shrink)
        loop.run()
        if loop.batch_size < size:
            self._batch_sizes.limit(loop.batch_size)
        return [to_picture(state.result()) for state in states]

    def adapt(self, example: Example, on_step: Callable[[], object] = lambda: None) -> Pipeline:
        """Fine-tune the model on a picture, as the setting `adapt` says; a call for the picture does it by itself.

        Args:
            example: the picture and its mask, see `read`.
            on_step: called after each training step.

        Returns:
            The pipeline with the adapted model, which is kept for the next call; without the setting `pipeline`.

        Raises:
            DataError: the loss is not finite.
        """
        if self._adapter is None:
            return self.pipeline
        return replace(self.pipeline, model=self._adapter(example, on_step).model)

    def count_calls(self, image: Picture | Example, mask: Picture | None = None, num_samples: int = 1) -> int:
        """Network calls that filling takes; a batch of fills shares its calls. Arguments and errors: `__call__`."""
        example = self._example(image, mask)
        if not self.pipeline.has_to_fill(example.known):
            return 0
        size = self._batch_size(example, num_samples)  # refuses wrong numbers
        coarse, refined = count_batches([example] * num_samples, size)
        return coarse * self.pipeline.nfe + refined * self.pipeline.count_calls(refined=True)

    def _batch_size(self, example: Example, num_samples: int) -> int:
        """How many windows to fill at a time."""
        if not isinstance(num_samples, Integral) or num_samples < 1:
            raise ConfigError(f"num_samples must be a whole number from 1 on, not {num_samples}")
        num_samples = int(num_samples)
        widest = widest_round(example)
        return self._batch_sizes.pick(self.pipeline, min(num_samples * widest, max(num_samples, MOST_WINDOWS)))

    def _for(self, seed: int, y: int | None) -> SamplingConfig:
        config = self.pipeline.config
        if y is not None and not config.needs_class:
            raise ConfigError(f"y={y}: neither the network nor a classifier asks for a class; leave it out")
        changes = {"seed": seed} if y is None else {"seed": seed, "cond_y": y}
        return make_config(SamplingConfig, config.given() | changes, "inpaint")

    def _example(self, image: Picture | Example, mask: Picture | None) -> Example:
        if isinstance(image, Example) and mask is not None:
            raise ConfigError("mask: the picture was read with its own; leave it out")
        return image if isinstance(image, Example) else self.read(image, mask)

    def read(self, image: Picture, mask: Picture | None) -> Example:
        """Decode a picture and its mask, and plan the windows, once for several calls; see `__call__`."""
        # A picture without a mask is known everywhere only if it is extended.
        all_known = self._mask_channel is None and self._fitting.extend is not None
        if mask is None:
            check_maskless(self._fitting, all_known)
        grey = mask is not None or all_known or self._fitting.mask_color is not None
        reading = read_settings(self.pipeline.config, self._fitting, "grey" if grey else "alpha")
        pair = Pair(0, "image", name_of(image, "image"), None if mask is None else name_of(mask, "mask"))
        return make_example(
            pair, open_picture(image, "image"), None if mask is None else open_picture(mask, "mask"), reading
        )


def inpaint(
    image: Picture,
    mask: Picture | None,
    *,
    model: str | PathLike[str],
    schedule: str | None = "fast",
    seed: int = 0,
    num_samples: int = 1,
    **settings: Any,
) -> list[Image.Image]:
    """Fill the hole in a picture. For many pictures an `Inpainter` loads the model only once.

    Args:
        image: picture, see `Inpainter.__call__`.
        mask: 255 is known, 0 is the hole.
        model: weights file, or folder of a model of diffusers.
        schedule: "paper", "best", "fast" or "preview", see docs/schedules.md.
        seed: of the noise.
        num_samples: fills to make.
        settings: see `Inpainter`.

    Returns:
        `num_samples` pictures, see `Inpainter.__call__`.

    Raises:
        RepaintError: see `Inpainter`.
    """
    return Inpainter(model, schedule=schedule, **settings)(image, mask, seed=seed, num_samples=num_samples)
