"""Dry run: check a configuration and print what its run would do."""

from collections.abc import Collection
from dataclasses import replace

import torch
import yaml

from repaint.checkpoints.formats import has_own_network, read_classifier_weights
from repaint.config.run import Config, describe
from repaint.data import storage
from repaint.data.downloads import explain_missing
from repaint.inference.inputs import describe_mask, find_missing
from repaint.inference.plan import Plan, count_run_calls, prepare, print_notes, summarize
from repaint.inference.precision import apply_choice, find_choice
from repaint.pipeline.network import check_weights, estimate_memory, estimate_training_memory
from repaint.pipeline.precision_choice import choose_precision
from repaint.pipeline.process import build_times


def dry_run(config: Config, device: torch.device, overwrite: bool = False) -> None:
    """Print the resolved configuration, files, network calls and memory of a run, and the inputs that are missing.

    Args:
        config: as loaded from its file.
        device: where to run.
        overwrite: the run would do finished pictures again.

    Raises:
        RepaintError: the run could not work, for any other reason than a missing file.
    """
    missing = find_missing(config)
    plan = prepare(config, device, missing)
    if plan.weights is not None:
        check_weights(plan.config, plan.weights)
    plan = _settle_precision(plan, device, missing, overwrite)
    print(yaml.safe_dump(describe(plan.config), sort_keys=False, allow_unicode=True).rstrip())
    _print_files(plan)
    print_notes(plan)
    wanted, count = plan.config.eval_data.batch_size, len(plan.targets)
    # Windows and tiles are counted only when the masks are read.
    batch_size = wanted if wanted == "auto" or plan.config.has_parts else max(1, min(wanted, count))
    print(summarize(plan, build_times(plan.config), str(device), batch_size))
    if plan.config.has_parts and plan.targets:
        size = 1 if batch_size == "auto" else batch_size
        print(f"counted from the masks: {count_run_calls(plan, size):,} network calls in batches of {size}")
    _print_memory(plan, 1 if batch_size == "auto" else batch_size, device)
    for path in missing:
        print(f"missing: {path}")
    if (way_out := explain_missing(missing)) is not None:
        print(way_out)


def _settle_precision(plan: Plan, device: torch.device, missing: Collection[str], overwrite: bool) -> Plan:
    """The plan with the number format that `precision: auto` stands for: as it is in the results, or as measured now.

    Without a model that brings its own architecture it stays open.
    """
    config, weights = plan.config, plan.weights
    if config.precision != "auto":
        return plan
    if weights is None and has_own_network(config):
        return replace(plan, notes=[*plan.notes, "precision: auto is chosen when the model is there"])
    choice = None
    if weights is not None and not overwrite and config.classifier_path not in missing:
        choice = find_choice(config, weights, read_classifier_weights(config), device)
    return apply_choice(plan, choice or choose_precision(config, weights, device))


def _print_files(plan: Plan) -> None:
    for target in plan.targets:
        mask = target.pair.mask or describe_mask(plan.config)
        print(f"{target.pair.picture} + {mask} -> {storage.join(plan.config.eval_data.paths.srs, target.name)}")


def _print_memory(plan: Plan, batch_size: int, device: torch.device) -> None:
    """Print an estimate, but for a diffusers model that is missing: it brings its own architecture."""
    if plan.weights is None and has_own_network(plan.config):
        return
    parameters, activations = estimate_memory(plan.config, batch_size, device, plan.weights)
    print(f"memory: about {parameters / 2**30:.2f} GiB of weights and {activations / 2**30:.2f} GiB of activations")
    if plan.config.adapt is not None:
        training = estimate_training_memory(plan.config, plan.config.adapt.batch_size)
        print(f"memory to adapt the model: about {training / 2**30:.2f} GiB")
