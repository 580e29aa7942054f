"""Figure of what resampling is worth: exact distance to the true fill against network calls."""

import argparse
from collections.abc import Sequence

import numpy as np

from repaint.commands.options import check_figure
from repaint.commands.resampling import FIGURE
from repaint.data import storage
from repaint.diffusion.betas import get_named_beta_schedule
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.schedule import count_network_calls, get_schedule_jump
from repaint.theory.gaussian_law import conditional_law, power_law_covariance, relative_distance, repaint_law
from repaint.visual.resampling_figure import Curve, plot_resampling
from repaint.visual.schedule_figure import MAX_CALLS

SIDE = 8
TRAINED_STEPS = 1000
SLOWING_DOWN = (50, 100, 250, 500, 1000)


def handle(args: argparse.Namespace) -> int:
    """Compute, draw, print; returns the exit code."""
    _check(args)
    slower = [(steps, 1, 1) for steps in SLOWING_DOWN]
    curves = [_curve("slowing down", [f"T={steps}" for steps in SLOWING_DOWN], slower)]
    for steps in args.steps:
        schedules = [(steps, args.length, passes) for passes in sorted(set(args.passes))]
        labels = [f"r={passes}" if passes > 1 else "" for _, _, passes in schedules]
        curves.append(_curve(f"resampling, T={steps}, j={args.length}", labels, schedules))
    storage.write_bytes(args.out, plot_resampling(curves))
    return 0


def _check(args: argparse.Namespace) -> None:
    check_figure(args.out, FIGURE)
    if len(args.steps) > 3 or not all(1 <= steps <= TRAINED_STEPS for steps in args.steps):
        raise ConfigError(f"--steps must be at most 3 numbers between 1 and {TRAINED_STEPS}, not {args.steps}")
    if min(args.length, *args.passes) < 1:
        raise ConfigError(f"--length and --passes are from 1, not {args.length} and {args.passes}")
    if max(args.steps) * max(args.passes) > MAX_CALLS:
        raise ConfigError(f"more than {MAX_CALLS:,} network calls are too many; lower --passes or --steps")


def _curve(name: str, labels: Sequence[str], schedules: Sequence[tuple[int, int, int]]) -> Curve:
    """The line of schedules (steps, jump length, passes); prints each."""
    covariance, known = power_law_covariance(SIDE), np.tile(np.arange(SIDE) < SIDE // 2, SIDE)
    levels = np.cumprod(1 - get_named_beta_schedule("linear", TRAINED_STEPS), dtype=np.float64)
    truth, known_covariance = conditional_law(covariance, known), covariance[np.ix_(known, known)]
    calls, distances = [], []
    for steps, length, passes in schedules:
        times = get_schedule_jump(steps, jump_length=length, jump_n_sample=passes)
        law = repaint_law(covariance, known, times, levels[space_timesteps(TRAINED_STEPS, str(steps))]).marginal(~known)
        calls.append(count_network_calls(times))
        distances.append(relative_distance(law, truth, known_covariance))
        print(f"T={steps}, j={length}, r={passes}: {calls[-1]} network calls, distance {distances[-1]:.4f}")
    return Curve(name, labels, calls, distances)
