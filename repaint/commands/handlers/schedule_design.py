"""Find a schedule of a given cost that suits pictures and masks, without running the network."""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

from repaint.checkpoints.formats import holds_architecture, read_model
from repaint.checkpoints.resolve import resolve
from repaint.commands.options import QUICKSTART
from repaint.commands.schedule_design import PASSES, SPECTRUM, STEPS
from repaint.config.data import OutputPaths
from repaint.config.loading import files_of, load_config
from repaint.config.run import Config
from repaint.data import storage
from repaint.data.bundled import locate
from repaint.diffusion.respacing import space_timesteps
from repaint.errors import ConfigError
from repaint.inference.inputs import build_reading
from repaint.pipeline.process import build_betas
from repaint.schedule import count_network_calls, describe_passes, get_schedule_jump, get_schedule_passes
from repaint.theory.design_data import read_greys, read_masks
from repaint.theory.fields import SIDE, STEEPEST, make_fields, picture_covariances, spectral_covariances
from repaint.theory.gaussian_law import StepLaw, Variance
from repaint.theory.objective import Objective
from repaint.theory.schedule_search import Design, LangevinDesign, Limits, make_loss, search
from repaint.visual.figures import new_figure
from repaint.visual.schedule_figure import Schedule, plot_schedules

LANGEVIN_STEPS, LANGEVIN_PASSES, LANGEVIN_START = 10, 6, LangevinDesign(step_size=400, strength=100)
FEWEST_CALLS, MOST_CALLS, LARGEST = 20, 2000, 1024
PAPER = (250, 10, 10)
KNOWN = (PAPER, (250, 10, 5), (50, 5, 5))  # T, j and r to compare with


@dataclass(frozen=True)
class Row:
    """A line of the table: a schedule, what it costs and what is predicted of it."""

    name: str
    calls: int
    distance: float


def handle(args: argparse.Namespace) -> int:
    """Search, write; returns the exit code."""
    config = _read_config(locate(QUICKSTART) if args.conf_path is None else args.conf_path)
    limits, variance = _limits(args, config), _variance(config)
    figure = _check_out(args)
    objective = _objective(args, config)
    storage.check_writable(str(Path(args.out).parent))
    loss = make_loss(objective, variance)
    with tqdm(desc="searching", unit=" designs", disable=None) as bar:

        def report(evaluated: int, best: float) -> None:
            bar.set_postfix(best=f"{best:.4f}", refresh=False)
            bar.update(evaluated - bar.n)

        design = search(loss, limits, trials=args.trials, rounds=args.rounds, seed=args.seed, report=report)
    even = _even(args.calls, config.diffusion_steps)
    rows = [_row(objective, variance, *shape) for shape in (*KNOWN, even) if shape[0] <= config.diffusion_steps]
    table = _table([*rows, Row(f"designed: {_name(design)}", design.calls, loss(design))])
    written = args.out
    if design.langevin is None:  # the figure is of jumps
        storage.write_bytes(figure, _draw(design, even, config.diffusion_steps))
        written = f"{args.out} and its figure {figure}"
    storage.write_bytes(args.out, _configuration(args, config, design, [args.command, *table]))
    print(*table, f"\n{written} written", sep="\n")
    return 0


def _read_config(path: str) -> Config:
    """The configuration, with the process of the checkpoint if it specifies one."""
    config = load_config(Config, path)
    if not holds_architecture(config):
        return config
    return resolve(config, read_model(config)).config


def _limits(args: argparse.Namespace, config: Config) -> Limits:
    if not FEWEST_CALLS <= args.calls <= MOST_CALLS:
        raise ConfigError(f"--calls {args.calls}: from {FEWEST_CALLS} to {MOST_CALLS} network calls can be designed")
    most = min(args.calls, config.diffusion_steps)
    by_default = min(max(LANGEVIN_STEPS, args.calls // LANGEVIN_PASSES), most)
    if args.method == "repaint":
        by_default = _even(args.calls, config.diffusion_steps)[0]
    fewest = by_default if args.fewest_steps is None else args.fewest_steps
    if not 2 <= fewest <= most:
        raise ConfigError(f"--fewest_steps {fewest}: from 2 to {most}, the calls or the steps that the model has")
    for name, least in (("trials", 0), ("rounds", 0), ("seed", 0)):
        if getattr(args, name) < least:
            raise ConfigError(f"--{name} must be at least {least}")
    if not 0 <= args.evenness <= 1:
        raise ConfigError(f"--evenness {args.evenness}: from 0 to 1")
    if not all(0 <= eta <= 1 for eta in args.eta):
        raise ConfigError(f"--eta {args.eta}: from 0 to 1")
    if args.eta and config.guided:
        raise ConfigError(f"--eta: {args.conf_path} has a classifier, which cannot steer DDIM's steps; leave it out")
    if args.method == "langevin" and config.guided:
        raise ConfigError(f"--method langevin: {args.conf_path} has a classifier, which cannot guide it; leave it out")
    own = config.ddim_eta if config.use_ddim else None
    start = LANGEVIN_START if args.method == "langevin" else None
    return Limits(args.calls, fewest, args.evenness, tuple(dict.fromkeys([own, *args.eta])), start)


def _even(calls: int, process: int) -> tuple[int, int, int]:
    """T, j and r of a schedule of single steps and even passes for so many calls."""
    steps = min(max(STEPS, calls // PASSES), process)
    return steps, 1, max(1, (calls - 1) // max(1, steps - 1))


def _variance(config: Config) -> Variance:
    if config.learn_sigma:
        return "learned"
    return "small" if config.sigma_small else "large"


def _check_out(args: argparse.Namespace) -> str:
    """Where the figure goes, if nothing is in the way of it and of the configuration."""
    out = Path(args.out)
    if storage.is_remote(args.out) or out.suffix not in (".yml", ".yaml"):
        raise ConfigError(f"--out {args.out!r}: a local configuration, name it so (schedule.yml)")
    figure = out.with_suffix(".png")
    if out.resolve() in files_of(Path(args.conf_path)):
        raise ConfigError(f"--out {out}: the design is laid over this file; give another name")
    for path in (out, figure):
        if path.is_dir() or (path.exists() and not args.overwrite):
            raise ConfigError(f"{path} exists already; give another --out, or --overwrite")
    new_figure("the schedule figure", 1, 1)  # if it cannot be drawn, this is better known before the search
    return str(figure)


def _objective(args: argparse.Namespace, config: Config) -> Objective:
    size = config.image_size if args.size is None else args.size
    if not SIDE <= size <= LARGEST:
        raise ConfigError(f"pictures of {SIDE} to {LARGEST} pixels a side can be looked at, not of {size}; see --size")
    levels = np.cumprod(1 - build_betas(config), dtype=np.float64)
    if levels[0] >= 1 or (np.diff(levels) >= 0).any():
        raise ConfigError(f"{args.conf_path}: betas are so small that they are lost in rounding")
    if args.pictures is not None and args.spectrum is not None:
        raise ConfigError("--pictures and --spectrum exclude each other; leave one out")
    spectrum = SPECTRUM if args.spectrum is None else args.spectrum
    if not 0 <= spectrum <= STEEPEST:
        raise ConfigError(f"--spectrum {spectrum}: from 0 to {STEEPEST:g}")
    rule = build_reading(config).rule
    masks = [mask for name in args.mask for mask in read_masks(name, size, rule, args.seed)]
    if args.pictures is not None:
        covariances = picture_covariances(read_greys(args.pictures, size))
    else:
        covariances = spectral_covariances(size, spectrum)
    fields = make_fields(covariances, masks)
    if not fields:
        raise ConfigError(f"--mask {' '.join(args.mask)}: leaves nothing to fill, or nothing known, at {size}x{size}")
    return Objective(fields, levels)


def _row(objective: Objective, variance: Variance, steps: int, length: int, samples: int) -> Row:
    name, times, timesteps = _lay_out(len(objective.levels), steps, length, samples)
    if (steps, length, samples) == PAPER:
        name += ", the paper"
    return Row(name, count_network_calls(times), objective.distance_of_times(timesteps, times, StepLaw(variance)))


def _lay_out(process: int, steps: int, length: int, samples: int) -> tuple[str, list[int], list[int]]:
    """Name, times and timesteps of a schedule of even steps."""
    times = get_schedule_jump(steps, jump_length=length, jump_n_sample=samples)
    return f"T={steps} j={length} r={samples}", times, space_timesteps(process, str(steps))


def _name(design: Design) -> str:
    step = "" if design.eta is None else f" eta={design.eta:g}"
    if design.langevin is not None:
        step += f" langevin step_size={design.langevin.step_size / 100:g} strength={design.langevin.strength / 100:g}"
    return f"{design.respacing} {describe_passes(design.passes)}{step}"


def _table(rows: Sequence[Row]) -> list[str]:
    width = max(len(row.name) for row in rows)
    head = f"{'schedule':{width}}  network calls  predicted distance to the truth"
    return [head, *(f"{row.name:{width}}  {row.calls:13,}  {row.distance:.4f}" for row in rows)]


def _configuration(args: argparse.Namespace, config: Config, design: Design, comments: Sequence[str]) -> bytes:
    """What to lay over the base; the results go into a folder of their own."""
    name, folder = Path(args.out).stem, Path(args.out).parent
    paths = OutputPaths(srs=f"log/{name}/pictures").model_dump()
    content = {
        "base": os.path.relpath(Path(args.conf_path).resolve(), folder.resolve()),
        "name": name,
        "schedule": None,
        "timestep_respacing": design.respacing,
        **_method_keys(design),
        "use_ddim": design.eta is not None,
        "ddim_eta": design.eta or 0.0,
        "data": {"eval": {each: {"paths": paths} for each in config.data.eval}},
    }
    lines = [f"# {' '.join(comment.splitlines())}\n" for comment in comments]
    text = "".join(lines) + yaml.safe_dump(content, sort_keys=False, width=math.inf, default_flow_style=None)
    return text.encode(errors="backslashreplace")


def _method_keys(design: Design) -> dict[str, object]:
    """The passes of each level, as the method of the design reads them."""
    if design.langevin is not None:
        inner_steps = [count - 1 for count in design.passes]
        shared = {"step_size": design.langevin.step_size / 100, "strength": design.langevin.strength / 100}
        return {"method": "langevin", "langevin": {"inner_steps": inner_steps, **shared}}
    resampled = max((t + 1 for t, count in enumerate(design.passes) if count > 1), default=1)
    return {"resample": list(design.passes[:resampled])}  # the rest has one pass


def _draw(design: Design, even: tuple[int, int, int], process: int) -> bytes:
    times, timesteps = get_schedule_passes(design.passes), space_timesteps(process, design.respacing)
    designed = Schedule(f"designed: {_name(design)}", times, timesteps)
    return plot_schedules([designed, Schedule(*_lay_out(process, *even))])
