"""Draw jump schedules side by side and print what they cost."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from repaint.commands.options import check_figure
from repaint.commands.schedule_plot import FIGURE, PAPER
from repaint.config.loading import load_config
from repaint.config.presets import PRESETS
from repaint.config.run import Config
from repaint.data import storage
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError, suggest
from repaint.pipeline.process import build_times, build_timesteps
from repaint.visual.schedule_figure import Schedule, plot_schedules, summarize

TRAINED_STEPS = 1000


@dataclass(frozen=True)
class _Item:
    """A schedule to draw, whether its steps are unevenly spaced, and the number of steps of its process."""

    schedule: Schedule
    by_timestep: bool = False
    process: int | None = None


def handle(args: argparse.Namespace) -> int:
    """Draw, print; returns the exit code."""
    check_figure(args.out, FIGURE)
    flags = {key: getattr(args, key) for key in PAPER if getattr(args, key) is not None}
    items = [_from_file(path) for path in args.conf_path]
    if flags or not (args.conf_path or args.schedule):
        items.append(_Item(_from_values(flags)))
    items += [_from_preset(text) if text in PRESETS else _Item(_from_values(_split(text))) for text in args.schedule]
    schedules = _on_one_scale(items)
    storage.write_bytes(args.out, plot_schedules(schedules))
    print(*map(summarize, schedules), sep="\n")
    return 0


def _from_file(path: str) -> _Item:
    config = load_config(Config, path)
    if not config.jumps:
        raise ConfigError(f"{path}: method: {config.method} goes straight down; only jump schedules are drawn")
    timesteps = build_timesteps(config)
    gaps = [after - before for before, after in pairwise(timesteps)]
    uneven = bool(gaps) and max(gaps) - min(gaps) > 1
    schedule = Schedule(config.name or Path(path).stem, build_times(config), timesteps)
    return _Item(schedule, uneven, config.diffusion_steps)


def _from_preset(name: str) -> _Item:
    preset = PRESETS[name]
    if preset.langevin is not None:
        raise ConfigError(f"--schedule {name}: Langevin sampling goes straight down; only jump schedules are drawn")
    parameters = {"t_T": preset.steps, "jump_length": preset.jump_length, "jump_n_sample": preset.jump_n_sample}
    plain = Schedule.from_parameters(PAPER | parameters)
    return _Item(Schedule(f"{name}: {plain.name}", plain.times), by_timestep=True)


def _on_one_scale(items: Sequence[_Item]) -> list[Schedule]:
    """By their own times, or if one of them needs it, all by the timesteps that the network was trained with."""
    if not any(item.by_timestep for item in items):
        return [replace(item.schedule, timesteps=None) for item in items]
    process = max((item.process for item in items if item.process is not None), default=TRAINED_STEPS)
    return [
        item.schedule if item.schedule.timesteps else replace(item.schedule, timesteps=_spread(item.schedule, process))
        for item in items
    ]


def _spread(schedule: Schedule, process: int) -> list[int]:
    try:
        return space_timesteps(process, str(schedule.steps))
    except ValueError:
        reason = f"does not fit beside presets or uneven steps, which are of {process}"
        raise ConfigError(f"a schedule of {schedule.steps} steps {reason}") from None


def _split(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            way_out = suggest(text, PRESETS) or f"; a preset is one of {', '.join(PRESETS)}"
            raise ConfigError(f"--schedule {text!r}: write it as t_T=50,jump_length=5,jump_n_sample=5{way_out}")
        if key not in PAPER:
            way_out = suggest(key, PAPER) or f"; there are {', '.join(PAPER)}"
            raise ConfigError(f"--schedule {text!r}: unknown parameter {key!r}{way_out}")
        if key in values:
            raise ConfigError(f"--schedule {text!r}: {key} is given twice")
        values[key] = value
    return values


def _from_values(texts: Mapping[str, str]) -> Schedule:
    values = dict(PAPER)
    for key, text in texts.items():
        try:
            values[key] = int(text)
        except ValueError:
            raise ConfigError(f"{key} must be a whole number, not {text!r}") from None
    return Schedule.from_parameters(values)
