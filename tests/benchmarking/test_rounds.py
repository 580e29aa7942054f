"""Rounds in processes of their own, some of which fail; the times are not judged."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from repaint.benchmarking import rounds
from repaint.benchmarking.rounds import Outcome, Timing, Work, time_variants
from repaint.benchmarking.timing import Measurement
from repaint.benchmarking.variants import OURS, PLAIN
from repaint.config.loading import load_config
from repaint.config.run import Config
from tests.helpers.threads import processes_as_threads
from tests.helpers.tiny import SIZE, write_config

CPU = torch.device("cpu")
SMALL, LARGE = Work(SIZE, 1, 1), Work(SIZE, 2, 1)


class Deadly:
    """A configuration that ends the process which receives it."""

    compile = False

    def __reduce__(self) -> Any:
        return os._exit, (7,)


def done(outcome: Outcome) -> list[tuple[str, Work]]:
    return [(timing.variant, timing.work) for timing in outcome.timings]


@pytest.mark.timeout(120)  # against waiting for a process that has ended
def test_what_fails_in_a_process_of_its_own_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    config = load_config(Config, write_config(tmp_path))
    dead: Any = Deadly()
    variants = {
        "ours, tf32": (OURS, config.model_copy(update={"precision": "tf32"})),
        PLAIN: (PLAIN, config),
        "dead": (OURS, dead),  # the last one, whose end of the connection no other process closes
    }
    outcome = time_variants(variants, CPU, [SMALL, LARGE], rounds=1)
    assert done(outcome) == [(PLAIN, SMALL), (PLAIN, LARGE)]
    for timing in outcome.timings:
        assert 0 < timing.measured.network < timing.measured.call
    first, second = outcome.failures[:2]
    assert (first.variant, first.work) == ("ours, tf32", SMALL)
    assert first.reason.startswith("precision: tf32 is a number format of NVIDIA's GPUs")
    assert "Traceback" in first.details
    assert second.describe() == "dead, batch 1 at 16 pixels: the process ended with exit code 7"
    assert [(failure.variant, failure.work) for failure in outcome.failures[2:]] == [
        ("ours, tf32", LARGE),
        ("dead", LARGE),
    ]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("good_calls", [0, 1])
def test_a_batch_that_is_too_large_costs_its_own_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool, good_calls: int
) -> None:
    """Whether it fails when it warms up or later."""
    calls: list[tuple[str, int]] = []

    def measure(variant: str, _device: torch.device, _size: int, batch: int, _calls: int) -> Measurement:
        calls.append((variant, batch))
        if batch == 2 and variant == OURS and calls.count((variant, batch)) > good_calls:
            raise MemoryError("batch of 2\nis too large")
        return Measurement(2.0, 1.0, 1)

    processes_as_threads(monkeypatch)
    monkeypatch.setattr(rounds, "make_variant", lambda variant, *_others: variant)
    monkeypatch.setattr(rounds, "measure", measure)
    config = load_config(Config, write_config(tmp_path)).model_copy(update={"compile": compiled})
    variants = {OURS: (OURS, config), PLAIN: (PLAIN, config)}
    outcome = time_variants(variants, CPU, [SMALL, LARGE, SMALL], rounds=3)
    assert done(outcome) == [(OURS, SMALL), (PLAIN, SMALL), (PLAIN, LARGE), (OURS, SMALL), (PLAIN, SMALL)]
    (failure,) = outcome.failures
    assert failure.describe() == "ours, batch 2 at 16 pixels: MemoryError: batch of 2"
    assert calls.count((OURS, 2)) == good_calls + 1
    assert outcome.timings[0] == Timing(OURS, SMALL, Measurement(2.0, 1.0, 1))
