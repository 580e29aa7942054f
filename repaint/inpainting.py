"""RePaint from Python: a picture and a mask in, its fills out."""

from dataclasses import replace
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from repaint import build
from repaint.batching import largest_batch
from repaint.config import SamplingConfig, make_config
from repaint.data import images, windows
from repaint.data.canvas import Canvas
from repaint.data.dataset import Example, Pair, Reading, make_example
from repaint.data.masks import MaskRule, mask_pixels
from repaint.distributed import pick_device
from repaint.engine import build_engine
from repaint.errors import ConfigError, DataError
from repaint.sampler import Callback, Step
from repaint.watch import FiniteWatch

Picture = Image.Image | NDArray[np.uint8] | NDArray[np.bool_] | str | PathLike[str]


class Inpainter:
    """A model that is ready to fill holes, any number of times.

    Args:
        model: weights file of a guided-diffusion network, `.pt` or `.safetensors`, or folder of a model of diffusers
            (with `model_format="diffusers"` also its name on the Hugging Face hub); the architecture is read off it.
        schedule: "paper", "best", "fast" or "preview"; None if `timestep_respacing` and `schedule_jump_params` are
            among the settings.
        device: "cpu", "cuda", "cuda:1" or "mps"; None for the best one at hand.
        fit: what of a picture is filled: through windows around its holes ("window"), the whole reduced inside a square
            ("pad") or squeezed to one ("resize"), or only its middle ("crop", as the published code does).
        window_context: known surroundings of a hole that its window shows, relative to the hole's longer side.
        mask_polarity: "known_white", or "hole_white" if white marks the hole.
        settings: any other key of a configuration file that is about model, schedule or sampling, by its name, such as
            `precision="auto"`, `timestep_respacing="20"`, `schedule_jump_params={"jump_length": 1}`.

    Attributes:
        engine: network, diffusion process and list of times, for use with `p_sample_loop`.

    Raises:
        ConfigError: a setting is unknown, wrong, or contradicts the model.
        CheckpointError: the weights file is missing, damaged, unsafe, or not a diffusion model's.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        schedule: str | None = "fast",
        device: str | None = None,
        fit: Literal["window", "pad", "resize", "crop"] = "window",
        window_context: float = windows.CONTEXT,
        mask_polarity: Literal["known_white", "hole_white"] = "known_white",
        **settings: Any,
    ) -> None:
        tree = {"model_path": str(model), "model": "auto", "schedule": schedule} | settings
        config = make_config(SamplingConfig, tree, "inpaint")
        weights = build.read_weights(config.model_path, config.model_format)
        config = build.apply_weights_to_config(config, weights)
        build.check_sampling(config)
        classifier = build.read_classifier_weights(config)
        self.engine = build_engine(config, weights, classifier, pick_device(device))
        self._reading = Reading(config.image_size, fit, window_context, MaskRule(mask_polarity == "hole_white"))

    def __call__(
        self,
        image: Picture,
        mask: Picture | None,
        *,
        seed: int = 0,
        num_samples: int = 1,
        y: int | None = None,
        callback: Callback | None = None,
    ) -> list[Image.Image]:
        """Fill the hole in a picture.

        Args:
            image: Pillow picture of any mode and size, taken as it is; array uint8 [H, W], [H, W, 3] or [H, W, 4]; or
                path, whose picture is turned upright as its EXIF data say.
            mask: the same, or an array bool [H, W] with True = known; in the picture's aspect ratio. 255 is known,
                0 is the hole, cut at 128. None takes what is transparent in the picture for the hole.
            seed: of the noise: the same seed gives the same fills.
            num_samples: fills to make.
            y: class for a class-conditional model; None draws one from the seed.
            callback: is called after each transition of the sampler, with the batch of windows being filled at the
                network's size. An exception that it raises ends the work at once.

        Returns:
            Pictures in full resolution (with `fit="crop"`: the middle at the network's size), RGB, or RGBA if the
            picture has transparency. Known pixels are the picture's own.

        Raises:
            DataError: the picture or its mask is unreadable, they do not fit together, or a fill is not finite.
            ConfigError: `seed`, `num_samples` or `y` is out of range.
        """
        if num_samples < 1:
            raise ConfigError(f"num_samples must be at least 1, not {num_samples}")
        engine = replace(self.engine, config=_with(self.engine.config, seed, y))
        example = self._read(image, mask)
        labels = build.build_labels(engine.config, [example.pair])[0]
        label = None if labels is None else labels[0]
        canvases = [Canvas(example, sample) for sample in range(num_samples)]
        size = self._batch_size(num_samples)
        for first in range(0, num_samples, size):
            batch = canvases[first : first + size]
            for _ in example.windows:
                watch = FiniteWatch()
                filled = engine.fill(batch, [label] * len(batch), size, _both(watch, callback, len(batch)))
                for number, (canvas, x) in enumerate(zip(batch, filled, strict=True)):
                    trouble = watch.report(number)
                    if trouble is not None:
                        raise DataError(f"fill {canvas.sample}: {trouble}")
                    canvas.take(images.to_uint8(x))
        return [images.to_picture(canvas.result()) for canvas in canvases]

    def count_calls(self, image: Picture, mask: Picture | None, num_samples: int = 1) -> int:
        """Network calls that filling takes; a batch of fills shares its calls. Arguments are those of `__call__`."""
        batches = -(-num_samples // self._batch_size(num_samples))
        return batches * len(self._read(image, mask).windows) * self.engine.nfe

    def _batch_size(self, num_samples: int) -> int:
        return min(num_samples, largest_batch(self.engine, 2 * num_samples))

    def _read(self, image: Picture, mask: Picture | None) -> Example:
        rule = replace(self._reading.rule, channel="alpha" if mask is None else "grey")
        reading = replace(self._reading, rule=rule)
        pair = Pair(0, "image", "image", None if mask is None else "mask")
        return make_example(pair, _open(image, "image"), None if mask is None else _open(mask, "mask"), reading)


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
        schedule: "paper", "best", "fast" or "preview", see the README.
        seed: of the noise.
        num_samples: fills to make.
        settings: see `Inpainter`.

    Returns:
        `num_samples` pictures of the picture's size; its known pixels are unchanged.

    Raises:
        RepaintError: see `Inpainter`.
    """
    return Inpainter(model, schedule=schedule, **settings)(image, mask, seed=seed, num_samples=num_samples)


def _with(config: SamplingConfig, seed: int, y: int | None) -> SamplingConfig:
    changes = {"seed": seed} if y is None else {"seed": seed, "cond_y": y}
    given = config.model_dump(include=config.model_fields_set)
    return make_config(SamplingConfig, given | changes, "inpaint")


def _both(watch: FiniteWatch, callback: Callback | None, count: int) -> Callback:
    """Let both see the steps, the caller's without what the last batch is filled up with."""

    def see(step: Step) -> None:
        watch(step)
        if callback is not None:
            callback(replace(step, x=step.x[:count], pred_xstart=step.pred_xstart[:count]))

    return see


def _open(picture: Picture, name: str) -> Image.Image:
    if isinstance(picture, str | PathLike):
        return images.decode(str(picture))
    if isinstance(picture, Image.Image):
        return images.refuse_floats(picture, name)
    if picture.dtype == bool:
        return Image.fromarray(mask_pixels(picture.astype(bool)))
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,), (4,)):
        raise DataError(
            f"{name}: an array must be uint8 [H, W], [H, W, 3] or [H, W, 4] (a mask also bool [H, W]), "
            f"not {picture.dtype} {list(picture.shape)}"
        )
    return Image.fromarray(picture)
