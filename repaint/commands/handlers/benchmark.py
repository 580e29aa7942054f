"""Time a network call of the sampler beside the published way of doing it, and print the tables."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict

import torch

from repaint.benchmarking.device_names import device_name
from repaint.benchmarking.pasting import time_pasting
from repaint.benchmarking.rounds import Failure, Timing, Work, time_variants
from repaint.benchmarking.timing import count_flops, machine_rates
from repaint.benchmarking.variants import OURS, PLAIN, PUBLISHED, variant_names
from repaint.checkpoints.formats import has_own_network, read_weights
from repaint.checkpoints.resolve import resolve
from repaint.commands.benchmark import CONFS
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.data.bundled import locate
from repaint.data.storage import write_bytes
from repaint.errors import ConfigError
from repaint.evaluation.report import markdown_table
from repaint.models.optimize import Precision
from repaint.pipeline.precision import pick_precision
from repaint.pipeline.precision_choice import resolve_precision
from repaint.workers.devices import pick_device

COLUMNS = (
    "batch", "variant", "ms a call and picture", "times as fast", "outside the network", "of convolution rate", "GiB",
)  # fmt: skip
GROWTH_BATCHES, GROWTH_SIZES, GROWTH_CALLS = (1, 2, 4, 8), (0.5, 1, 2), (5, 10, 20)


def load(model: str, overrides: list[str]) -> Config:
    """The configuration of a model, with the architecture of the bundled weights where it is theirs."""
    config = load_config(Config, locate(f"confs/{CONFS[model]}.yml"), overrides)
    if has_own_network(config):
        raise ConfigError(f"model_path {config.model_path}: a model of diffusers; guided-diffusion's are timed here")
    if config.model != "auto":
        return config.model_copy(update={"class_cond": False})  # the labels cost nothing
    return resolve(config, read_weights(locate(config.model_path))).config


def own_formats(config: Config, device: torch.device) -> dict[str, Precision | None]:
    """The number format of each variant that computes as ours does; None is float32 as PyTorch is set."""
    precision = pick_precision(config, device)
    ours = None if precision == "fp32" and device.type != "cuda" else precision  # the same there, and measured once
    return {PUBLISHED: None, PLAIN: None, OURS: ours}


def format_name(precision: Precision | None) -> str:
    """What tables and files call a number format."""
    return precision or "float32"


def variants_table(timings: list[Timing], flops: int, rates: Mapping[str, float]) -> str:
    """All variants at all batch sizes.

    Args:
        timings: of all of them.
        flops: of a network call for one picture.
        rates: of a convolution in each variant's own number format; a variant without has arithmetic of its own.
    """
    slowest = {timing.work: timing.measured.call for timing in timings if timing.variant == PUBLISHED}
    rows = []
    for timing in timings:
        measured = timing.measured
        published = slowest.get(timing.work)  # None if it failed
        rows.append([
            timing.work.batch,
            timing.variant,
            f"{1000 * measured.call:,.1f}",
            f"{published / measured.call:.2f}" if published else "",
            f"{1 - measured.network / measured.call:.1%}",
            f"{flops / measured.call / rates[timing.variant]:.0%}" if timing.variant in rates else "",
            f"{measured.peak_bytes / 2**30:.2f}",
        ])  # fmt: skip
    return markdown_table(COLUMNS, rows)


def growth_table(timings: list[Timing]) -> str:
    """How our own time grows with the batch, the size of the pictures and the number of calls."""
    rows = [
        [t.work.batch, t.work.size, t.work.calls, f"{1000 * t.measured.call:,.1f}",
         f"{t.measured.call * t.work.batch * t.work.calls:,.2f}"]
        for t in timings
    ]  # fmt: skip
    return markdown_table(["batch", "size", "calls", "ms a call and picture", "seconds in all"], rows)


def growth_works(size: int, batch: int, calls: int) -> list[Work]:
    """One thing grows at a time."""
    return [
        *(Work(size, each, calls) for each in GROWTH_BATCHES),
        *(Work(round(size * factor), batch, calls) for factor in GROWTH_SIZES),
        *(Work(size, batch, each) for each in GROWTH_CALLS),
    ]


def check_failures(failures: list[Failure]) -> None:
    """Raise ConfigError for a variant that could not do its work; of several it names the first."""
    if failures:
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise ConfigError(f"{failures[0].describe()}{others}")


def handle(args: argparse.Namespace) -> int:
    """Print the tables and write the numbers; returns 0.

    Raises:
        ConfigError: a variant failed; what was measured all the same is printed and written before.
    """
    device = pick_device(args.device)
    config, choice = resolve_precision(load(args.model, args.set), None, device)
    if choice is not None:
        print(choice.describe())
    formats = {OURS: own_formats(config, device)[OURS]} if args.growth else own_formats(config, device)
    rates = {format_name(each): machine_rates(device, each) for each in dict.fromkeys(formats.values())}
    flops = count_flops(config)
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    name = f"{device_name(device)}{threads}, PyTorch {torch.__version__}"
    print(f"{args.model}, {flops / 1e9:,.1f} GFLOP a call and picture; {name}")
    for precision, measured in rates.items():
        best = ", ".join(f"{what} {rate / 1e9:,.0f} GFLOP/s" for what, rate in measured.items())
        print(f"{precision} at best: {best}")
    print()
    if args.growth:
        works = growth_works(config.image_size, args.batch[0], args.calls)
        outcome = time_variants({OURS: (OURS, config)}, device, works, args.rounds)
        print(growth_table(outcome.timings))
    else:
        works = [Work(config.image_size, batch, args.calls) for batch in args.batch]
        outcome = time_variants({name: (name, config) for name in variant_names()}, device, works, args.rounds)
        convolutions = {variant: rates[format_name(each)]["convolution"] for variant, each in formats.items()}
        print(variants_table(outcome.timings, flops, convolutions))
    pasting = time_pasting(config.image_size)
    print(f"\npasting a fill of {config.image_size}x{config.image_size} into 12 megapixels: {1000 * pasting:,.0f} ms")
    if args.json:
        result = {
            "model": args.model, "flops": flops, "rates": rates, **asdict(outcome), "pasting": pasting,
        }  # fmt: skip
        write_bytes(args.json, json.dumps(result, indent=1).encode())
    check_failures(outcome.failures)
    return 0
