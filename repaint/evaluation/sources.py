"""Pictures, masks and fills to evaluate, from the configuration of a run or from folders of any method."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repaint.config.choices import DEFAULT_METHOD, TITLES
from repaint.config.comparison import ComparedConfig
from repaint.config.loading import load_config
from repaint.config.presets import PRESETS
from repaint.config.run import Config
from repaint.data import storage
from repaint.data.conversion import to_rgb
from repaint.data.decoding import decode
from repaint.data.examples import ReadSettings, read_pair
from repaint.data.masks import Mask, MaskRule, wholly_known
from repaint.data.names import stem_of
from repaint.data.pairing import Pair, list_pictures, pair_pictures
from repaint.errors import ConfigError, DataError
from repaint.evaluation.baselines import BASELINES
from repaint.inference.inputs import build_folders, build_pairs, build_reading, result_names
from repaint.inference.manifest import MANIFEST, manifest_path, read_manifest
from repaint.pipeline.process import describe_schedule

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Fill:
    """A filled picture in a file, with its cost in network calls and seconds, None if unknown."""

    path: str
    calls: float | None = None
    seconds: float | None = None

    def read(self, truth: Pixels, _known: Mask) -> Pixels:
        """The picture, uint8 [H, W, 3].

        Raises:
            DataError: it is unreadable, or its shape is not that of the truth.
        """
        shape = truth.shape
        pixels = np.asarray(to_rgb(decode(self.path)))
        if pixels.shape != shape:
            sizes = (f"{width}x{height}" for height, width, _ in (pixels.shape, shape))
            raise DataError(f"{self.path}: {' pixels, but the true picture has '.join(sizes)}")
        return pixels


@dataclass(frozen=True)
class ClassicalFill:
    """A fill by a classical method, computed on reading."""

    method: Callable[[Pixels, Mask], Pixels]
    calls: None = None
    seconds: None = None

    def read(self, truth: Pixels, known: Mask) -> Pixels:
        """The fill, uint8 [H, W, 3].

        Raises:
            ConfigError: the method's library is missing, or it cannot fill such a hole.
        """
        try:
            return self.method(truth, known)
        except ValueError as error:
            raise ConfigError(f"baseline: {error}") from None


AnyFill = Fill | ClassicalFill


@dataclass(frozen=True)
class Source:
    """Fills of a set of pictures by one method under one kind of mask.

    Attributes:
        method, mask: row and column of the tables.
        origin: the path in the comparison, for messages.
        reading: how true pictures and masks are read.
        cases: pictures with their fills.
        missing: expected files of fills that do not exist.
    """

    method: str
    mask: str
    origin: str
    reading: ReadSettings
    cases: Sequence[tuple[Pair, Sequence[AnyFill]]]
    missing: list[str]

    def read(self, pair: Pair) -> tuple[Pixels, Mask]:
        """Truth uint8 [H, W, 3] and mask bool [H, W], True = known, as the method received them."""
        photo, known = read_pair(pair, self.reading)
        return photo.pixels, wholly_known(known)


def find_sources(entries: Sequence[ComparedConfig], overrides: Sequence[str], allow_missing: bool) -> list[Source]:
    """Find the sources of all entries of a comparison.

    Args:
        entries: what to compare.
        overrides: of all configurations, before those of an entry.
        allow_missing: leave out pictures without all their fills.

    Raises:
        RepaintError: files are missing, or two entries have the same place in the tables.
    """
    sources: dict[tuple[str, str], Source] = {}
    for entry in entries:
        source = _from_folders(entry) if entry.conf_path is None else _from_configuration(entry, overrides)
        twin = sources.setdefault((source.method, source.mask), source)
        if twin is not source:
            raise ConfigError(
                f"{twin.origin} and {source.origin} are both named {source.method} under {source.mask}; "
                f"give one another name: NAME={source.origin}"
            )
        _check_found(source, allow_missing)
    return list(sources.values())


def find_places(entries: Sequence[ComparedConfig], overrides: Sequence[str]) -> list[tuple[str, str]]:
    """Method and mask of each entry, its row and column in the tables; the results need not be there yet.

    Raises:
        ConfigError: a configuration is wrong.
    """
    return [_place(entry, None if entry.conf_path is None else load_entry(entry, overrides)) for entry in entries]


def _place(entry: ComparedConfig, config: Config | None) -> tuple[str, str]:
    if config is None:
        mask = PurePosixPath(storage.name_of(str(entry.masks))).stem
        return entry.method or storage.name_of(_result_folders(entry)[0]), entry.mask or mask
    return entry.method or entry.baseline or _describe_method(config), entry.mask or _describe_mask(config)


def load_entry(entry: ComparedConfig, overrides: Sequence[str]) -> Config:
    """The configuration that an entry names, with its changes; ConfigError if it is wrong."""
    return load_config(Config, str(entry.conf_path), [*overrides, *entry.set])


def _result_folders(entry: ComparedConfig) -> list[str]:
    return [entry.results] if isinstance(entry.results, str) else list(entry.results or ())


def _check_found(source: Source, allow_missing: bool) -> None:
    if not source.missing:
        return
    first, more = source.missing[0], len(source.missing) - 1
    if not source.cases:
        raise DataError(f"{source.origin}: nothing is finished yet (looked for {first}{' ...' if more else ''})")
    if not allow_missing:
        others = f" and {more} more" if more else ""
        raise DataError(f"{first}{others}: no such result; finish the run, or leave pictures out with --allow_missing")


def _from_configuration(entry: ComparedConfig, overrides: Sequence[str]) -> Source:
    path, config = str(entry.conf_path), load_entry(entry, overrides)
    if config.eval_data.extend is not None:
        raise ConfigError(f"{path}: extend adds what no true picture shows, so its fills cannot be measured")
    pairs, _ = build_pairs(config)
    method, mask = _place(entry, config)
    if entry.baseline is not None:
        cases = [(pair, [ClassicalFill(BASELINES[entry.baseline])]) for pair in pairs]
        return Source(method, mask, path, build_reading(config), cases, [])
    folders = build_folders(config)
    finished = set(storage.list_files(folders.inpainted)) if storage.exists(folders.inpainted) else set()
    fills = _Found({pair: [] for pair in pairs})
    costs = _read_costs([manifest_path(folders.log)])
    for pair in pairs:
        for name in result_names(config, pair):
            fills.add(pair, storage.join(folders.inpainted, name), name in finished, costs.get(name, {}))
    return Source(method, mask, path, build_reading(config), fills.cases, fills.missing)


def _describe_method(config: Config) -> str:
    """Name of the schedule, in the paper's symbols."""
    chosen = config.schedule is not None and PRESETS[config.schedule].method == config.method
    preset = config.schedule if chosen and not config.has_own_passes else None
    title = TITLES[config.method]
    ddim = "DDIM" if config.method == DEFAULT_METHOD else f"{title} by DDIM"
    name = preset or (ddim if config.use_ddim else title)
    return f"{name} ({describe_schedule(config)})"


def _describe_mask(config: Config) -> str:
    data = config.eval_data
    if data.mask is not None:
        return data.mask.kind
    return "painted" if data.mask_path is None else PurePosixPath(storage.name_of(data.mask_path)).stem


def _from_folders(entry: ComparedConfig) -> Source:
    truth, masks = str(entry.truth), str(entry.masks)
    folders = _result_folders(entry)
    reading = ReadSettings(0, fit="resize", rule=MaskRule(entry.mask_polarity == "hole_white"))  # in full resolution
    pairs, _ = pair_pictures(truth, masks)
    fills = _Found({pair: [] for pair in pairs})
    for folder in folders:
        names = {stem_of(name): name for name in list_pictures(folder)}
        costs = _read_costs([storage.join(place, MANIFEST) for place in (storage.parent(folder), folder)])
        for pair, found in _names_of(pairs, names, folder).items():
            for name in found or [pair.name]:
                cost = {"nfe": entry.calls, "seconds": entry.seconds, **costs.get(name, {})}
                fills.add(pair, storage.join(folder, name), stem_of(name) in names, cost)
    method, mask = _place(entry, None)
    return Source(method, mask, folders[0], reading, fills.cases, fills.missing)


def _names_of(pairs: Sequence[Pair], names: Mapping[str, str], folder: str) -> dict[Pair, list[str]]:
    """Names of the fills of each picture: `photo`, or `photo_0`, `photo_1` ... among the names by their stems.

    A picture may itself be called `photo_0`: where that is a fill of `photo`, its own fills are `photo_0_0` ...

    Raises:
        DataError: the only file that can be a picture's fill is another picture's, too.
    """
    found: dict[Pair, list[str]] = {}
    takers: dict[str, str] = {}  # stems of pictures by the stems of their numbered fills
    for pair in sorted(pairs, key=lambda pair: len(pair.name)):  # a numbered fill's name is longer than its picture's
        stem = stem_of(pair.name)
        keys = [stem] if stem in names and stem not in takers else _numbered(stem, names)
        if stem in takers and not keys:
            raise DataError(
                f"{storage.join(folder, names[stem])}: the fill of {stem}, or one of several of {takers[stem]}? "
                f"call the fills of these pictures {takers[stem]}_0, {stem}_0 ..., or rename one picture"
            )
        takers |= {key: stem for key in keys if key != stem}
        found[pair] = [names[key] for key in keys]
    return {pair: found[pair] for pair in pairs}


def _numbered(stem: str, names: Container[str]) -> list[str]:
    return list(takewhile(names.__contains__, (f"{stem}_{sample}" for sample in count())))


@dataclass
class _Found:
    """Fills of pictures, and the expected files that do not exist."""

    fills: dict[Pair, list[Fill]]
    missing: list[str] = field(default_factory=list)
    _incomplete: set[Pair] = field(default_factory=set)

    def add(self, pair: Pair, path: str, exists: bool, cost: Mapping[str, Any]) -> None:
        """Register a fill that is expected at `path`."""
        if exists:
            self.fills[pair].append(Fill(path, cost.get("nfe"), cost.get("seconds")))
        else:
            self.missing.append(path)
            self._incomplete.add(pair)

    @property
    def cases(self) -> list[tuple[Pair, list[Fill]]]:
        """The pictures with all their fills."""
        return [(pair, fills) for pair, fills in self.fills.items() if pair not in self._incomplete]


def _read_costs(manifests: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Network calls and seconds by the name of the result, where manifests specify them."""
    return {
        line["name"]: {key: line[key] for key in ("nfe", "seconds") if isinstance(line.get(key), int | float)}
        for manifest in manifests
        for line in read_manifest(manifest)
    }
