"""Checks of a configuration and its result paths, before anything is written."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import torch

from repaint.config.data import FitConfig
from repaint.config.run import Config
from repaint.config.sampling import SamplingConfig
from repaint.data import storage
from repaint.data.pairing import Pair
from repaint.errors import ConfigError
from repaint.inference.adapted_models import check_adaptable
from repaint.inference.inputs import build_folders, build_reading
from repaint.inference.manifest import PARTS
from repaint.inference.results import CONTACT_SHEET
from repaint.pipeline.methods import check_method
from repaint.pipeline.network import check_architecture
from repaint.pipeline.precision import check_precision
from repaint.pipeline.process import build_times
from repaint.visual.animation import require_codec


def check_run(config: Config, device: torch.device) -> None:
    """Raise ConfigError for anything in the configuration, on this device, or not installed that prevents the run."""
    check_config(config)
    check_precision(config, device)
    if config.animation:
        require_codec(config.animation)


def check_sampling(config: SamplingConfig) -> None:
    """Raise ConfigError for anything about model and schedule that cannot work, without touching any file."""
    build_times(config)
    check_adaptable(config)
    check_architecture(config)
    check_method(config)
    if config.use_ddim and config.guided:
        raise ConfigError("use_ddim cannot be combined with a classifier; set classifier_scale: 0 or use_ddim: false")
    if config.ddim_eta and not config.use_ddim:
        raise ConfigError("ddim_eta has no meaning without use_ddim: true")


def check_config(config: Config) -> None:
    """Raise ConfigError for anything in the configuration that cannot work, without touching any file."""
    check_sampling(config)
    build_reading(config)
    data_size = config.eval_data.image_size
    if data_size not in (None, config.image_size):
        raise ConfigError(
            f"image_size is {config.image_size}, but the data set's image_size is {data_size}; make them equal"
        )
    if config.eval_data.drop_last and config.eval_data.batch_size == "auto":
        raise ConfigError("drop_last needs to know the batch_size; give a number instead of auto, or leave it out")
    check_fit_mode(config, config.eval_data.fit)
    if config.eval_data.drop_last and config.eval_data.fit == "window":
        raise ConfigError("drop_last: how many windows there are, and so the last batch, is not known; leave it out")
    _check_paths(config)


def check_fit_mode(config: SamplingConfig, fit: str) -> None:
    """Raise ConfigError for settings that only the cropped picture can show, or that it cannot."""
    if config.refine != "none" and fit == "crop":
        raise ConfigError("refine has no meaning with fit: crop, which enlarges no fill; leave it out")
    if not config.paste_known and fit != "crop":
        raise ConfigError("paste_known: false gives the network's raw picture; only fit: crop can show it")
    if not config.inpa_inj_sched_prev and fit != "crop":
        raise ConfigError(
            "inpa_inj_sched_prev: false ignores the picture that is to be filled; only fit: crop allows it"
        )


def _check_paths(config: Config) -> None:
    """Results must not land on the inputs, nor on each other."""
    data = config.eval_data
    inputs = data.model_dump(include={"gt_path", "mask_path"}, exclude_none=True)
    folders = data.paths.model_dump(exclude={"log"}, exclude_none=True)
    outputs = {f"paths.{key}": path for key, path in folders.items()}
    log = build_folders(config).log
    for key, path in (outputs | {"paths.log": log}).items():
        for source, place in inputs.items():
            if storage.lists(place, path):
                raise ConfigError(f"{key} {path} is or lies inside {source}; results would be taken for inputs")
        for other, place in outputs.items():
            if key not in (other, "paths.log") and storage.same(path, place):
                raise ConfigError(f"{key} and {other} are the same folder {path}; give each its own")
    for name in _extras(config):
        path = storage.join(log, name)
        for key, place in (inputs | outputs).items():
            if storage.same(path, place) or (key in inputs and storage.contains(path, place)):
                raise ConfigError(f"{name} would go to {path}, where {key} {place} is; give them another paths.log")


def _extras(config: Config) -> list[str]:
    """The folders that a run makes in its log folder."""
    wanted = {
        PARTS: True,
        "sheets": config.num_samples_per_image > 1,
        "animations": config.animation is not None,
        "snapshots": config.snapshot_interval > 0,
    }
    return [name for name, on in wanted.items() if on]


def check_results(config: Config, pairs: Sequence[Pair], names: Sequence[str]) -> None:
    """Raise ConfigError if a result would replace a picture or mask of the run, or the contact sheet a result.

    Folders alone do not show it: a single file lies in one that may well receive results, and names can lead into
    sub-folders.

    Args:
        config: of the run.
        pairs: its pictures and masks.
        names: of the filled pictures.
    """
    folders = build_folders(config)
    inputs: dict[str, set[str]] = {}
    for path in (path for pair in pairs for path in (pair.picture, pair.mask) if path is not None):
        inputs.setdefault(storage.name_of(path), set()).add(path)
    copies = [pair.name for pair in pairs]
    written = dict.fromkeys(folders.of_inputs, copies)
    outputs = [*written.items(), (folders.inpainted, names)]
    sheet = storage.join(folders.log, CONTACT_SHEET)
    for folder, results in outputs:
        for result in (storage.join(folder, name) for name in results if name.endswith(CONTACT_SHEET)):
            if storage.same(result, sheet):
                raise ConfigError(f"{result}: the contact sheet would replace this result; give another paths.log")
    for folder, results in [*outputs, (folders.log, [CONTACT_SHEET])]:
        sources = (config.eval_data.gt_path, config.eval_data.mask_path)
        if not any(storage.lists(folder, source) for source in sources if source is not None):
            continue
        for result in (storage.join(folder, name) for name in results):
            for path in inputs.get(PurePosixPath(result).name, ()):
                if storage.same(path, result):
                    raise ConfigError(f"{path}: a result would replace this input; give the results another folder")


def check_mask_channel(channel: object, color: str | None, polarity: str) -> None:
    """Raise ConfigError if an `Inpainter`'s hole is what is transparent, and something else, too."""
    if channel not in (None, "alpha"):
        raise ConfigError(f"inpaint: mask_channel should be 'alpha' or None, not {channel!r}")
    others = {"mask_color": color is not None, "mask_polarity: hole_white": polarity == "hole_white"}
    for other in (name for name, given in others.items() if given and channel == "alpha"):
        raise ConfigError(f"inpaint: mask_channel: alpha and {other} exclude each other; leave one out")


def check_maskless(fitting: FitConfig, all_known: bool) -> None:
    """Raise ConfigError for settings about masks where a picture has none of its own.

    Args:
        fitting: the settings.
        all_known: whether the picture is only extended if it has no hole in `mask_color`.
    """
    if fitting.mask_polarity == "hole_white":
        raise ConfigError("mask_polarity: hole_white is about masks, but there is none; give one or leave it out")
    if all_known and fitting.mask_color is None and (fitting.mask_soft or fitting.mask_feather):
        key = "mask_soft" if fitting.mask_soft else "mask_feather"
        raise ConfigError(f"{key} is about masks, but there is none beside extend; leave it out")
