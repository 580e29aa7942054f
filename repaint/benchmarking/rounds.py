"""Interleaved timing rounds: each variant runs in a process of its own, and they take turns."""

import multiprocessing
import statistics
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from repaint.benchmarking.timing import Measurement, measure
from repaint.benchmarking.variants import Variant, make_variant
from repaint.config.run import Config
from repaint.errors import RepaintError


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


@dataclass(frozen=True)
class Failure:
    """Some work that a variant could not do.

    Attributes:
        variant: its name.
        work: what it could not do.
        reason: in a line.
        details: the traceback; empty if the process ended without one.
    """

    variant: str
    work: Work
    reason: str
    details: str = ""

    def describe(self) -> str:
        """The variant, the work and the reason, in a line."""
        return f"{self.variant}, batch {self.work.batch} at {self.work.size} pixels: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """What was timed, and what could not be; each in the order of the works."""

    timings: list[Timing]
    failures: list[Failure]


def time_variants(
    variants: Mapping[str, tuple[str, Config]], device: torch.device, works: Iterable[Work], rounds: int
) -> Outcome:
    """Time each work in each variant. Where one fails, the others and the rest of the works go on.

    Args:
        variants: by the name in the result: one of `variant_names`, and the architecture, process and precision.
        device: to run on.
        works: what to time, one after the other.
        rounds: that count; one more before them warms up, in all compiled variants at the same time.
    """
    processes = [_VariantProcess(name, variant, config, device) for name, (variant, config) in variants.items()]
    answers = [answer for work in works for answer in _take_turns(work, processes, rounds)]
    for process in processes:
        process.send(None)
    return Outcome(
        [answer for answer in answers if isinstance(answer, Timing)],
        [answer for answer in answers if isinstance(answer, Failure)],
    )


class _VariantProcess:
    """A variant in a process of its own, which answers one request after the other."""

    def __init__(self, name: str, variant: str, config: Config, device: torch.device) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.compiled = name, config.compile is True
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, variant, config, str(device), theirs), daemon=True)
        self._process.start()
        theirs.close()  # otherwise `receive` would wait for ever for a process that has ended

    def send(self, work: Work | None) -> None:
        """Ask for some work, or with None to end."""
        with suppress(OSError):  # it has ended already, which `receive` reports
            self._connection.send(work)

    def receive(self, work: Work) -> Measurement | Failure:
        """The answer to the work that was sent last."""
        try:
            answer: Measurement | Failure = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            return Failure(self.name, work, f"the process ended with exit code {self._process.exitcode}")
        return answer


def _take_turns(work: Work, processes: Sequence[_VariantProcess], rounds: int) -> Iterator[Timing | Failure]:
    """The answer of each process to some work. One that fails sits out the rest of it."""
    failures = _warm_up(work, [process for process in processes if process.compiled])
    for process in processes:
        if not process.compiled:  # one after the other, or all would hold their memory at once
            failures |= _warm_up(work, [process])
    measured: dict[str, list[Measurement]] = {process.name: [] for process in processes}
    for _ in range(rounds):
        for process in processes:
            if process.name in failures:
                continue
            process.send(work)
            answer = process.receive(work)
            if isinstance(answer, Failure):
                failures[process.name] = answer
            else:
                measured[process.name].append(answer)
    for name, several in measured.items():
        yield failures[name] if name in failures else Timing(name, work, _median(several))


def _warm_up(work: Work, processes: Sequence[_VariantProcess]) -> dict[str, Failure]:
    """Let all of them do the work at the same time; returns those that cannot."""
    for process in processes:
        process.send(work)
    answers = {process.name: process.receive(work) for process in processes}
    return {name: answer for name, answer in answers.items() if isinstance(answer, Failure)}


def _serve(name: str, variant_name: str, config: Config, device_name: str, requests: Connection) -> None:
    """Process of one variant: receives `Work` and answers with a `Measurement` or a `Failure`; None ends it."""
    device = torch.device(device_name)
    variant: Variant | None = None
    while work := requests.recv():
        answer: Measurement | Failure
        try:
            variant = variant or make_variant(variant_name, config, device)
            answer = measure(variant, device, work.size, work.batch, work.calls)
        except Exception as error:  # noqa: BLE001 - whatever fails is the answer
            answer = Failure(name, work, _reason(error), traceback.format_exc())
        _free_memory(device)
        requests.send(answer)


def _reason(error: Exception) -> str:
    """An error in a line; one that is no user's mistake with its kind."""
    line = str(error).strip().partition("\n")[0]
    return line if isinstance(error, RepaintError) else f"{type(error).__name__}: {line}"


def _free_memory(device: torch.device) -> None:
    """Give a GPU's memory back for the other variants, whose turn it is now."""
    if device.type == "cuda":
        with suppress(RuntimeError):  # an error can leave the GPU unusable for this process; that error is the answer
            torch.cuda.empty_cache()


def _median(several: list[Measurement]) -> Measurement:
    calls, networks = [each.call for each in several], [each.network for each in several]
    return Measurement(statistics.median(calls), statistics.median(networks), several[-1].peak_bytes)
