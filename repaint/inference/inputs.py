"""Inputs of a run from its configuration: pictures with masks, class labels, result names and folders."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

import torch

from repaint.checkpoints.architecture import CLASSIFIER_CLASSES
from repaint.checkpoints.formats import is_available
from repaint.checkpoints.weights import Weights
from repaint.config.data import EvalDataConfig, FitConfig
from repaint.config.fingerprint import fingerprint
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig
from repaint.data import storage
from repaint.data.bundled import locate, locate_model
from repaint.data.downloads import explain_missing
from repaint.data.examples import ReadSettings
from repaint.data.extending import Extension
from repaint.data.labels import read_labels
from repaint.data.mask_generators import make_generator
from repaint.data.masks import MaskRule
from repaint.data.names import fit_stem
from repaint.data.pairing import Pair, check_ratios, find_other_ratios, name_some, pair_pictures
from repaint.errors import ConfigError, DataError
from repaint.inference.results import ResultFolders
from repaint.noise import draw_class, picture_seed
from repaint.pipeline.methods import count_references
from repaint.pipeline.precision import pick_precision


def locate_inputs(config: Config) -> Config:
    """The configuration with its bundled model, pictures and masks found from any folder, see `locate`."""
    (name, data), *_ = config.data.eval.items()
    changes = {"gt_path": locate(data.gt_path)} | (
        {} if data.mask_path is None else {"mask_path": locate(data.mask_path)}
    )
    found = config.data.model_copy(update={"eval": {name: data.model_copy(update=changes)}})
    return config.model_copy(update={"model_path": locate_model(config.model_path), "data": found})


def find_missing(config: Config) -> list[str]:
    """Paths of the model, the pictures and the masks of a run that do not exist."""
    data = config.eval_data
    inputs = [config.classifier_path if config.guided else None, data.gt_path, data.mask_path]
    missing = [path for path in inputs if path and not storage.exists(path)]
    if not is_available(config.model_path, config.model_format):
        missing.insert(0, config.model_path)
    return missing


def require_published(paths: Sequence[str]) -> None:
    """Raise DataError with the way to get them if published files are among these missing paths."""
    if (message := explain_missing(paths)) is not None:
        raise DataError(message)


def build_pairs(config: Config) -> tuple[list[Pair], str | None]:
    """Pictures with their masks, and notes about them, one a line, or None.

    With `drop_last` the last pictures are left out that would not make full batches with all their fills.

    Raises:
        DataError: pictures and masks do not fit together.
        ConfigError: `drop_last` leaves no picture.
    """
    data = config.eval_data
    require_published([path for path in (data.gt_path, data.mask_path) if path and not storage.exists(path)])
    pairs, note = pair_pictures(data.gt_path, _mask_path(data), data.offset, data.max_len)
    if data.drop_last and isinstance(data.batch_size, int):
        group = data.batch_size // math.gcd(data.batch_size, config.num_samples_per_image)
        pairs = pairs[: len(pairs) // group * group]
        if not pairs:
            raise ConfigError(
                f"drop_last: there are fewer than {group} pictures, which full batches of batch_size {data.batch_size} "
                f"need; leave it out or lower batch_size"
            )
    pairs, shortened = _fit_names(config, pairs)
    notes = [note, shortened, _check_ratios(data, pairs)]
    return pairs, "\n".join(filter(None, notes)) or None


def _mask_path(data: EvalDataConfig) -> str | None:
    """Where mask files are; a copy of the pictures that is the pictures themselves is no such place."""
    itself = data.masks_in_pictures and data.mask_path is not None and storage.same(data.mask_path, data.gt_path)
    return None if itself else data.mask_path


def _check_ratios(data: EvalDataConfig, pairs: Sequence[Pair]) -> str | None:
    """A note about masks that `fit: crop` crops otherwise than their pictures; other fits raise DataError."""
    if data.fit != "crop":
        check_ratios(pairs)
        return None
    others = sum(1 for _ in find_other_ratios(pairs))
    if not others:
        return None
    return f"masks of another aspect ratio than their picture: {others}; fit: crop takes the middle of each"


def _fit_names(config: Config, pairs: Sequence[Pair]) -> tuple[list[Pair], str | None]:
    """Pairs whose results have names that the disk takes, and a note about those that were shortened."""
    folders = build_folders(config)
    limit = min(storage.name_limit(place) for place in [folders.inpainted, folders.log, *folders.of_inputs])
    number = f"_{config.num_samples_per_image - 1}" if config.num_samples_per_image > 1 else ""
    endings = [".png", f"{number}.{config.eval_data.format}", f"{number}.{config.animation or ''}"]
    longest = max(endings, key=len)
    renamed = []
    for pair in pairs:
        stem = pair.name.removesuffix(".png")
        fitting = fit_stem(stem, longest, limit)
        relative = str(PurePosixPath(pair.name).with_name(storage.name_of(pair.picture)))
        renamed.append(pair if fitting == stem else replace(pair, name=f"{fitting}.png", source=relative))
    changed = [pair.name for pair, before in zip(renamed, pairs, strict=True) if pair is not before]
    note = f"names of results over {limit} bytes are shortened: {name_some(changed)}" if changed else None
    return renamed, note


def read_settings(
    config: SamplingConfig, data: FitConfig, channel: Literal["grey", "alpha"], file_format: str = "png"
) -> ReadSettings:
    """How pictures and mask files are read.

    Args:
        config: size of the network's input, and how fills are refined.
        data: how they meet the network.
        channel: of `MaskRule`.
        file_format: of the results.
    """
    return ReadSettings(
        config.image_size,
        data.fit,
        data.window_context,
        config.most_levels,
        config.refine_from > 0,
        count_references(config),
        config.refine_candidates,
        config.refine_patch_size,
        MaskRule(data.mask_polarity == "hole_white", channel, data.mask_color, data.mask_soft),
        file_format=file_format,
        extension=Extension() if data.extend is None else Extension(**data.extend.lengths),
        feather=data.mask_feather,
    )


def build_reading(config: Config) -> ReadSettings:
    """How pictures and masks are read.

    Raises:
        ConfigError: the kind of mask lacks an option that was set.
    """
    data = config.eval_data
    reading = read_settings(config, data, data.mask_channel, data.format)
    if data.mask is None:
        return reading
    try:
        generator = make_generator(data.mask.kind, **data.mask.options)
    except DataError as error:
        raise ConfigError(f"mask: {error}") from None
    return replace(reading, generator=generator, mask_seed=data.mask.seed)


def describe_mask(config: Config) -> str:
    """Where masks come from that are not files of their own; without masks what extends the pictures."""
    data = config.eval_data
    if not data.has_masks:
        assert data.extend is not None
        return ", ".join(f"{side} {length}" for side, length in data.extend.model_dump(exclude_none=True).items())
    if data.mask is not None:
        return f"mask {data.mask.kind}"
    return "its alpha channel" if data.mask_channel == "alpha" else f"its parts in {data.mask_color}"


def result_names(config: Config, pair: Pair) -> list[str]:
    """Of the fills of a picture: `photo.png`, or if there are several `photo_0.png`, `photo_1.png` ..."""
    count, ending = config.num_samples_per_image, config.eval_data.format
    stem = pair.name.removesuffix(".png")
    return [f"{stem}_{sample}.{ending}" if count > 1 else f"{stem}.{ending}" for sample in range(count)]


def build_labels(config: SamplingConfig, pairs: Sequence[Pair]) -> tuple[list[int] | None, str | None]:
    """A class label for each pair where one is needed, and a note about them or None.

    Raises:
        ConfigError, DataError: labels out of range or not one for each picture.
    """
    if not config.needs_class:
        return None, None
    classes = config.num_classes if config.class_cond else CLASSIFIER_CLASSES
    wanted = config.cond_y
    if wanted is None or wanted == "random":
        labels = [draw_class(picture_seed(config.seed, pair.index), classes) for pair in pairs]
        return labels, f"classes: random (cond_y), drawn for each picture from its seed: {_some_of(labels)}"
    if isinstance(wanted, int):
        labels = [wanted] * len(pairs)
    elif isinstance(wanted, str):
        labels = read_labels(wanted, pairs)
    elif len(wanted) < (count := max((pair.index + 1 for pair in pairs), default=0)):
        raise ConfigError(f"cond_y lists {len(wanted)} classes for {count} pictures")
    else:
        labels = [wanted[pair.index] for pair in pairs]
    for label in labels:
        if not 0 <= label < classes:
            raise ConfigError(f"cond_y: class {label} is not in 0..{classes - 1}")
    return labels, f"classes: {_some_of(labels)}"


def _some_of(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:8])) + (", ..." if len(labels) > 8 else "")


def build_folders(config: Config) -> ResultFolders:
    """Where the results go."""
    paths = config.eval_data.paths
    log = storage.parent(paths.srs) if paths.log is None else paths.log
    return ResultFolders(paths.srs, log, paths.lrs, paths.gts, paths.gt_keep_masks)


def config_digest(config: Config, weights: Weights, classifier: Weights | None, device: torch.device) -> str:
    """Resume fingerprint of a run, see `repaint.config.fingerprint`. Of the device only its random numbers count."""
    resolved = {
        "weights": weights.digest,
        "classifier": classifier and classifier.digest,
        "random_numbers": config.noise_device or device.type,
        "precision": pick_precision(config, device),
    }
    return fingerprint(config, resolved)
