"""`precision: auto` of a run: the choice of its results so far, or else a new one; the main worker's for all."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from repaint.checkpoints.weights import Weights
from repaint.config.run import Config
from repaint.inference.inputs import build_folders, config_digest
from repaint.inference.manifest import read_all_lines
from repaint.inference.plan import Plan
from repaint.pipeline.precision_choice import AUTO_FORMATS, PrecisionChoice, choose_precision
from repaint.workers.worker import Worker

RATES = "precision_rates"  # entry of manifest lines


def settle_precision(plan: Plan, classifier: Weights | None, worker: Worker, discard: bool) -> Plan:
    """The plan with the number format that `precision: auto` stands for; all workers take the main worker's.

    Args:
        plan: of the run; without `precision: auto` it is returned as it is.
        classifier: its weights, None without guidance.
        worker: this worker.
        discard: the results so far are going to be replaced, and do not count.
    """
    if plan.config.precision != "auto":
        return plan
    assert plan.weights is not None, "only a dry run does without weights"
    if not worker.is_main:
        return apply_choice(plan, PrecisionChoice(**json.loads(worker.wait_for("precision"))))
    choice = None if discard else find_choice(plan.config, plan.weights, classifier, worker.device)
    choice = choice or choose_precision(plan.config, plan.weights, worker.device)
    if worker.is_main:
        worker.publish("precision", json.dumps(asdict(choice)))
    return apply_choice(plan, choice)


def find_choice(
    config: Config, weights: Weights, classifier: Weights | None, device: torch.device
) -> PrecisionChoice | None:
    """The choice of the results that are there; None if there are none of this configuration.

    The digests of manifest lines tell it, so that it holds on another machine, too.
    """
    digests = {
        config_digest(PrecisionChoice(each).apply(config), weights, classifier, device): each for each in AUTO_FORMATS
    }
    for line in read_all_lines(build_folders(config).log):
        if (precision := digests.get(line["config_digest"])) is not None:
            return PrecisionChoice(precision, _rates_of(line), kept=True)
    return None


def apply_choice(plan: Plan, choice: PrecisionChoice) -> Plan:
    """The plan with a choice in its configuration, its notes, and what its manifest lines record."""
    record = plan.record | ({RATES: dict(choice.rates)} if choice.rates else {})
    return replace(plan, config=choice.apply(plan.config), notes=[*plan.notes, choice.describe()], record=record)


def _rates_of(line: Mapping[str, Any]) -> dict[str, float]:
    """What a manifest line records of the measurement; nothing where it was the user who chose the format."""
    rates = line.get(RATES)
    if not isinstance(rates, dict):
        return {}
    return {name: rate for name, rate in rates.items() if isinstance(rate, int | float)}
