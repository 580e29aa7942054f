"""Interleaved timing rounds: each variant runs in a process of its own, and they take turns."""

import multiprocessing
import statistics
from collections.abc import Iterable, Mapping
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
    variants: Mapping[str, tuple[str, Config]], device: torch.device, works: Iterable[Work], rounds: int
) -> list[Timing]:
    """Time each work in each variant.

    Args:
        variants: by the name in the result: one of `variant_names`, and the architecture, process and precision.
        device: to run on.
        works: what to time, one after the other.
        rounds: that count; one more before them warms up, in all compiled variants at the same time.
    """
    context = multiprocessing.get_context("spawn")
    connections = {}
    for name, (variant, config) in variants.items():
        connections[name], theirs = context.Pipe()
        context.Process(target=_serve, args=(variant, config, str(device), theirs), daemon=True).start()
    timings = []
    for work in works:
        _warm_up(work, [connections[name] for name, (_, config) in variants.items() if config.compile is True])
        for name, (_, config) in variants.items():
            if config.compile is not True:  # one after the other, or all would hold their memory at once
                _warm_up(work, [connections[name]])
        measured: dict[str, list[Measurement]] = {name: [] for name in connections}
        for _ in range(rounds):
            for name, connection in connections.items():
                connection.send(work)
                measured[name].append(connection.recv())
        timings += [Timing(name, work, _median(several)) for name, several in measured.items()]
    for connection in connections.values():
        connection.send(None)
    return timings


def _warm_up(work: Work, connections: list[Connection]) -> None:
    for connection in connections:
        connection.send(work)
    for connection in connections:
        connection.recv()


def _serve(variant_name: str, config: Config, device_name: str, requests: Connection) -> None:
    """Process of one variant: receives `Work` and answers with a `Measurement`; None ends it."""
    device = torch.device(device_name)
    variant = make_variant(variant_name, config, device)
    while work := requests.recv():
        requests.send(measure(variant, device, work.size, work.batch, work.calls))


def _median(several: list[Measurement]) -> Measurement:
    calls, networks = [each.call for each in several], [each.network for each in several]
    return Measurement(statistics.median(calls), statistics.median(networks), several[-1].peak_bytes)
