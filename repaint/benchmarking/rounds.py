"""Interleaved timing rounds: each variant runs in a process of its own, and they take turns."""

import multiprocessing
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from repaint.benchmarking.timing import Measurement, measure
from repaint.benchmarking.variants import make_variant
from repaint.config.run import Config


@dataclass(frozen=True)
class Work:
    """What is timed: pictures of `size` pixels, `batch` at a time, `calls` network calls."""

    size: int
    batch: int
    calls: int


@dataclass(frozen=True)
class Timing:
    """Cost of some work in a variant: medians over the rounds."""

    variant: str
    work: Work
    measured: Measurement


def time_variants(
    variants: Iterable[str], config: Config, device: torch.device, works: Iterable[Work], rounds: int
) -> list[Timing]:
    """Time each work in each variant.

    Args:
        variants: of `variant_names`.
        config: architecture, process and precision.
        device: to run on.
        works: what to time, one after the other.
        rounds: that count; one more before them warms up.
    """
    context = multiprocessing.get_context("spawn")
    connections = {}
    for variant in variants:
        connections[variant], theirs = context.Pipe()
        context.Process(target=_serve, args=(variant, config, str(device), theirs), daemon=True).start()
    timings = []
    for work in works:
        measured: dict[str, list[Measurement]] = {variant: [] for variant in connections}
        for _ in range(rounds + 1):
            for variant, connection in connections.items():
                connection.send(work)
                measured[variant].append(connection.recv())
        timings += [Timing(variant, work, _median(several[1:])) for variant, several in measured.items()]
    for connection in connections.values():
        connection.send(None)
    return timings


def _serve(variant_name: str, config: Config, device_name: str, requests: Connection) -> None:
    """Process of one variant: receives `Work` and answers with a `Measurement`; None ends it."""
    device = torch.device(device_name)
    variant = make_variant(variant_name, config, device)
    while work := requests.recv():
        requests.send(measure(variant, device, work.size, work.batch, work.calls))


def _median(several: list[Measurement]) -> Measurement:
    calls, networks = [each.call for each in several], [each.network for each in several]
    return Measurement(statistics.median(calls), statistics.median(networks), several[-1].peak_bytes)
