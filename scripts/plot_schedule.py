"""Draw jump schedules side by side and print what they cost.

python scripts/plot_schedule.py --t_T 100 --jump_n_sample 5 --out r5.png
python scripts/plot_schedule.py --conf_path confs/face_example.yml --schedule t_T=50,jump_length=5,jump_n_sample=5
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from repaint import build
from repaint.cli import guard
from repaint.config import Config, ScheduleJumpParams, load_config
from repaint.data import storage
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError, suggest
from repaint.plotting.schedules import Schedule, plot_schedules, summarize
from repaint.schedule import PRESETS

PAPER = ScheduleJumpParams(t_T=250).model_dump()
TRAINED_STEPS = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, draw, print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="plot_schedule.py", description="Draw jump schedules side by side.")
    parser.add_argument("--conf_path", nargs="+", action="extend", default=[], metavar="YAML", help="configurations")
    texts = f"a preset ({', '.join(PRESETS)}) or parameters such as t_T=50,jump_length=5,jump_n_sample=5; repeatable"
    parser.add_argument("--schedule", action="append", default=[], metavar="NAME|KEY=VALUE,...", help=texts)
    for key, default in PAPER.items():
        parser.add_argument(f"--{key}", metavar="N", help=f"of a schedule from flags (default: {default})")
    parser.add_argument("--out", default="schedule.png", help="PNG file (default: schedule.png)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(arguments)
    return guard(lambda: _plot(args), args.debug)


def _plot(args: argparse.Namespace) -> int:
    if Path(args.out).suffix.lower() != ".png":
        raise ConfigError(f"--out {args.out!r}: the figure is a PNG file, name it so (schedule.png)")
    flags = {key: getattr(args, key) for key in PAPER if getattr(args, key) is not None}
    schedules = [_from_file(path) for path in args.conf_path]
    if flags or not (args.conf_path or args.schedule):
        schedules.append(_from_values(flags))
    schedules += [_from_preset(text) if text in PRESETS else _from_values(_split(text)) for text in args.schedule]
    schedules = _on_one_scale(schedules)
    storage.write_bytes(args.out, plot_schedules(schedules))
    print(*map(summarize, schedules), sep="\n")
    return 0


def _from_file(path: str) -> Schedule:
    config = load_config(Config, path)
    uneven = config.timestep_respacing.startswith(("power", "at:"))
    timesteps = build.build_timesteps(config) if uneven else None
    return Schedule(config.name or Path(path).stem, build.build_times(config), timesteps)


def _on_one_scale(schedules: Sequence[Schedule]) -> Sequence[Schedule]:
    """If one of them has uneven steps, or is a preset, all are shown by the timesteps the network was trained with."""
    if all(schedule.timesteps is None for schedule in schedules):
        return schedules
    return [
        schedule if schedule.timesteps else replace(schedule, timesteps=_spread(schedule.steps))
        for schedule in schedules
    ]


def _spread(steps: int) -> list[int]:
    try:
        return space_timesteps(TRAINED_STEPS, str(steps))
    except ValueError:
        raise ConfigError(
            f"a schedule of {steps} steps does not fit beside presets or uneven steps, which are of {TRAINED_STEPS}"
        ) from None


def _from_preset(name: str) -> Schedule:
    steps, length, samples = PRESETS[name]
    parameters = PAPER | {"t_T": steps, "jump_length": length, "jump_n_sample": samples}
    plain = Schedule.from_parameters(parameters)
    return Schedule(f"{name}: {plain.name}", plain.times, _spread(steps))


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


if __name__ == "__main__":
    raise SystemExit(main())
