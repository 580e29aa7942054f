"""Figure of the conditioning methods: exact distance to the true fill against network calls."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import numpy as np

from repaint.commands.methods_figure import FIGURE, MOST_MASKS
from repaint.commands.options import check_figure
from repaint.data import storage
from repaint.data.mask_generators import generate_mask
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.pipeline.methods import CALLS_WITH_GRADIENT
from repaint.schedule import get_schedule_jump
from repaint.theory.gaussian_law import (
    Array,
    Flags,
    Law,
    conditional_law,
    power_law_covariance,
    relative_distance,
    repaint_law,
)
from repaint.theory.method_laws import DDNMLaw, DPSLaw, LangevinLaw, MethodLaw, PiGDMLaw, method_law
from repaint.visual.methods_figure import Line, plot_methods

SIDE = 8
TRAINED_STEPS = 1000
FEWEST_CALLS, MOST_CALLS = 10, 500
PASSES = (1, 2, 3, 5, 7, 10, 15)
INNER_STEPS, STRENGTHS, STEP_SIZES = (1, 2, 3, 5, 8), (0.0, 1.0, 2.0, 4.0), (0.5, 1.0, 2.0, 4.0)
FEWEST_STEPS = 2
SCALES = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0)  # of DPS and PiGDM
COVARIANCE = power_law_covariance(SIDE)

Candidates = Iterator[tuple[str, Callable[[Flags], Law]]]


def handle(args: argparse.Namespace) -> int:
    """Compute, draw, print; returns the exit code."""
    check_figure(args.out, FIGURE)
    if not all(FEWEST_CALLS <= calls <= MOST_CALLS for calls in args.calls):
        raise ConfigError(f"--calls are from {FEWEST_CALLS} to {MOST_CALLS}, not {args.calls}")
    if len(args.masks) > MOST_MASKS:
        raise ConfigError(f"--masks: at most {MOST_MASKS}")
    panels = {}
    for kind in dict.fromkeys(args.masks):
        known = generate_mask(kind, SIDE, seed=0).ravel()
        if known.all() or not known.any():
            raise ConfigError(f"--masks {kind}: leaves nothing to fill, or nothing known, at {SIDE}x{SIDE}")
        calls = sorted(set(args.calls))
        panels[kind] = [Line(name, calls, _distances(kind, name, known, calls)) for name in METHODS]
    storage.write_bytes(args.out, plot_methods(panels))
    return 0


def _distances(kind: str, name: str, known: Flags, calls: Sequence[int]) -> list[float]:
    """Distances of a method's best candidates; prints each."""
    truth, known_covariance = conditional_law(COVARIANCE, known), COVARIANCE[np.ix_(known, known)]
    found = []
    for number in calls:
        scored = (
            (relative_distance(law(known).marginal(~known), truth, known_covariance), description)
            for description, law in METHODS[name](number)
        )
        distance, description = min(scored)
        found.append(distance)
        print(f"{kind}, {name}, {number} network calls: distance {distance:.4f} ({description})")
    return found


def _repaint(calls: int) -> Candidates:
    for name, times in _resampling(calls, PASSES[1:]):
        yield name, _repaint_law(times)


def _replace(calls: int) -> Candidates:
    times = get_schedule_jump(calls)
    yield f"T={calls}", _repaint_law(times)


def _ddnm(calls: int) -> Candidates:
    return ((name, _law(DDNMLaw(), times)) for name, times in _resampling(calls, PASSES))


def _resampling(calls: int, numbers: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Schedules with jumps of one step that take at most so many calls, T + (T - 1) (r - 1), by name."""
    for passes in numbers:
        steps = (calls + passes - 1) // passes
        if steps >= FEWEST_STEPS:
            yield f"T={steps} r={passes}", get_schedule_jump(steps, jump_length=1, jump_n_sample=passes)


def _langevin(calls: int) -> Candidates:
    for inner in INNER_STEPS:
        steps = calls // (inner + 1)
        if steps < FEWEST_STEPS:
            continue
        for strength, step_size in ((strength, size) for strength in STRENGTHS for size in STEP_SIZES):
            method = LangevinLaw(partial(_same_at_all, inner), strength, step_size)
            name = f"T={steps}, {inner} inner steps, strength {strength:g}, step size {step_size:g}"
            yield name, _law(method, get_schedule_jump(steps))


def _same_at_all(inner: int, _t: int) -> int:
    return inner


def _dps(calls: int) -> Candidates:
    steps = calls // CALLS_WITH_GRADIENT
    return ((f"T={steps}, scale {scale:g}", _law(DPSLaw(scale), get_schedule_jump(steps))) for scale in SCALES)


def _pigdm(calls: int) -> Candidates:
    steps = calls // CALLS_WITH_GRADIENT
    return ((f"T={steps}, scale {scale:g}", _law(PiGDMLaw(scale), get_schedule_jump(steps))) for scale in SCALES)


METHODS: dict[str, Callable[[int], Candidates]] = {
    "RePaint": _repaint,
    "replacement": _replace,
    "DDNM": _ddnm,
    "Langevin": _langevin,
    "DPS": _dps,
    "PiGDM": _pigdm,
}


def _repaint_law(times: Sequence[int]) -> Callable[[Flags], Law]:
    return lambda known: repaint_law(COVARIANCE, known, times, _levels(times))


def _law(method: MethodLaw, times: Sequence[int]) -> Callable[[Flags], Law]:
    return lambda known: method_law(COVARIANCE, known, times, _levels(times), method)


def _levels(times: Sequence[int]) -> Array:
    return _levels_of(max(times) + 1)


@cache
def _levels_of(steps: int) -> Array:
    levels = np.cumprod(1 - get_named_beta_schedule("linear", TRAINED_STEPS), dtype=np.float64)
    return np.asarray(levels[space_timesteps(TRAINED_STEPS, str(steps))])
