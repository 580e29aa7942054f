"""Preparing a run: resolved configuration, checkpoint, pictures with masks and result names, all of it checked.

`run` and `dry_run` start from the same plan; only a dry run goes on without files that are missing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from repaint.checkpoints.formats import holds_architecture, read_model
from repaint.checkpoints.resolve import resolve
from repaint.checkpoints.weights import Weights
from repaint.config.choices import TITLES
from repaint.config.run import Config, no_effect_note
from repaint.data.examples import Example, load_example
from repaint.data.pairing import Pair
from repaint.data.window_order import count_batches
from repaint.errors import DataError
from repaint.inference.adapted_models import describe_adaptation
from repaint.inference.checks import check_results, check_run
from repaint.inference.inputs import build_labels, build_pairs, build_reading, find_missing, require_published
from repaint.inference.targets import Target, build_targets
from repaint.pipeline.methods import count_calls
from repaint.pipeline.notes import sampling_notes
from repaint.pipeline.process import build_refine_times, build_times, describe_schedule, refining


@dataclass(frozen=True)
class Plan:
    """What a run is going to do, as far as it is known before its model is built.

    Attributes:
        config: checked, and resolved with the checkpoint's metadata.
        weights: the checkpoint; None in a dry run that misses it.
        targets: fills to make; empty in a dry run that misses pictures or masks.
        notes: messages for the user: choices, assumed values, pairing, classes, precision.
        record: entries of all manifest lines that are known from the plan on.
    """

    config: Config
    weights: Weights | None
    targets: list[Target]
    notes: list[str]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """Number of pictures; each has one or several targets."""
        return len(self.targets) // self.config.num_samples_per_image


def prepare(config: Config, device: torch.device, missing: Collection[str] | None = None) -> Plan:
    """Read and check everything that a run starts from; nothing is written, no network is called.

    Args:
        config: as loaded from its file.
        device: where to run.
        missing: inputs that do not exist and can be done without, in a dry run; None if all are needed.

    Raises:
        RepaintError: the configuration cannot work, or an input is missing, damaged or does not fit.
    """
    if missing is None:
        missing = ()
        require_published(find_missing(config))
    architecture_from_weights = holds_architecture(config) and config.model_path not in missing
    if not architecture_from_weights:
        check_run(config, device)  # before gigabytes are read
    pairs, pairing_note = _find_pairs(config, missing)
    weights, assumptions = None, None
    if config.model_path not in missing:
        weights = read_model(config)
        config, assumptions = resolve(config, weights)
    if architecture_from_weights:
        check_run(config, device)
    labels, labels_note = build_labels(config, pairs) if pairs else (None, None)
    targets = build_targets(config, pairs, labels)
    check_results(config, pairs, [target.name for target in targets])
    notes = [assumptions, pairing_note, labels_note, describe_adaptation(config), _refinement_note(config)]
    return Plan(config, weights, targets, sampling_notes(config, weights) + [note for note in notes if note])


def _find_pairs(config: Config, missing: Collection[str]) -> tuple[list[Pair], str | None]:
    data = config.eval_data
    return ([], None) if {data.gt_path, data.mask_path} & set(missing) else build_pairs(config)


def _refinement_note(config: Config) -> str | None:
    if config.refine == "none" or not config.has_parts:
        return None
    size = f"{config.image_size}x{config.image_size}"
    first = f"the most central of {config.refine_candidates} fills" if config.refine_candidates > 1 else "the fill"
    patches = f"{config.refine_patch_size}x{config.refine_patch_size}"
    steps = [f"gets texture in patches of {patches} pixels"] if config.refine_patch_size else []
    if config.refine_from:
        times, refined = build_times(config), refining(config)
        from_fill = build_refine_times(refined)
        calls = count_calls(refined, from_fill, tiled=True)
        start = f"from step {from_fill[0] + 1} of {max(times) + 1} on"
        steps += [f"is sampled again in tiles, {start}, {calls} network calls a batch"]
    return f"refine: {config.refine}, of a window larger than {size} {first} {' and '.join(steps)}"


def count_run_calls(plan: Plan, batch_size: int) -> int:
    """Network calls of all batches of a run by one process, counted from its pictures and masks.

    Pictures that cannot be read are left out, and with `adapt` each picture has batches of its own.
    """
    config, reading = plan.config, build_reading(plan.config)
    refined = refining(config)
    calls = count_calls(config, build_times(config)), count_calls(refined, build_refine_times(refined), tiled=True)

    def fills(pairs: Iterable[Pair]) -> Iterator[Example]:
        for pair in pairs:
            with suppress(DataError):  # reported by the run
                example = load_example(pair, reading)
                if example.windows:
                    yield from [example] * config.num_samples_per_image

    pairs = list(dict.fromkeys(target.pair for target in plan.targets))
    groups = [pairs] if config.adapt is None else [[pair] for pair in pairs]
    batches = [count_batches(fills(group), batch_size) for group in groups]
    return sum(coarse * calls[0] + refined * calls[1] for coarse, refined in batches)


def print_notes(plan: Plan) -> None:
    """Print the keys without effect and the notes of a plan."""
    for note in filter(None, [no_effect_note(plan.config), *plan.notes]):
        print(note)


def summarize(plan: Plan, times: Sequence[int], where: str, batch_size: int | Literal["auto"]) -> str:
    """One line about the work of a run: pictures, schedule, network calls.

    Args:
        plan: of the run.
        times: its jump schedule.
        where: its device or devices.
        batch_size: of all batches, "auto" if it is not chosen yet.
    """
    config, pictures, calls = plan.config, plan.pictures, count_calls(plan.config, times)
    fills = config.num_samples_per_image
    size = f"{config.image_size}x{config.image_size}"
    each = f", {fills} fills each" if fills > 1 else ""
    total = ""
    if batch_size == "auto" or config.has_parts:  # windows and tiles are counted only when the masks are read
        through = " through windows" if config.eval_data.fit == "window" else ""
        work = f"pictures{through} of {size}{each}, {batch_size} at a time"
        if batch_size != "auto":
            total = f" ({calls * -(-pictures * fills // batch_size)} or more)"
    else:
        batches = -(-pictures * fills // batch_size)
        work = f"pictures of {size}{each}{',' if each else ''} in {batches} batches"
        total = f" ({calls * batches} in all)"
    name = config.name or "inpainting"
    how = f"{TITLES[config.method]} {describe_schedule(config)}"
    return f"{name}: {pictures} {work}, {how}, {calls} network calls a batch{total}, on {where}"
