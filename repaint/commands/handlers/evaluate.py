"""Measure filled pictures against their truth, and compare methods and masks in one table."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from repaint.config.comparison import ComparedConfig, ComparisonConfig
from repaint.config.loading import load_config, make_config
from repaint.data.storage import check_writable, join, write_bytes
from repaint.errors import ConfigError
from repaint.evaluation.comparison import Evaluator, summarize
from repaint.evaluation.differences import check_against, differences
from repaint.evaluation.figures import cost_panels, share_panels
from repaint.evaluation.report import csv_table, latex_table, markdown_tables, summary_json
from repaint.evaluation.sources import find_places, find_sources, load_entry
from repaint.inference import runner
from repaint.visual.comparison_figure import plot_costs, plot_shares
from repaint.workers.devices import pick_device
from repaint.workers.worker import single_worker


def handle(args: argparse.Namespace) -> int:
    """Measure; returns the exit code."""
    device, entries = pick_device(args.device), _entries(args)
    if args.against is not None:
        check_against(args.against, find_places(entries, args.set))
    evaluator = Evaluator(args.extra, args.weights, device, args.reference)
    if args.run:
        check_writable(args.out)  # before hours of computing
        code = _run(entries, args.set, device, args.allow_missing)
        if code != runner.EXIT_OK:
            return code
    sources = find_sources(entries, args.set, args.allow_missing)
    check_writable(args.out)
    rows, summaries = [], []
    for source in sources:
        measured, of_set = evaluator.evaluate(source)
        rows += measured
        summaries.append(summarize(measured, of_set))
        missing = f", {len(source.missing)} results missing" if source.missing else ""
        print(f"{source.method} under {source.mask}: {summaries[-1].pictures} pictures, {len(measured)} fills{missing}")
    tables = markdown_tables(summaries)
    texts = {"per_picture.csv": csv_table(rows), "summary.json": summary_json(summaries)}
    texts |= {"table.md": tables, "table.tex": latex_table(summaries)}
    if args.against is not None:
        texts["differences.md"] = (
            f"Differences to {args.against}.\n\n{markdown_tables(differences(rows, args.against))}"
        )
    files = {name: text.encode(errors="backslashreplace") for name, text in texts.items()}
    if panels := cost_panels(summaries):
        files["quality_vs_calls.png"] = plot_costs(panels)
    if panels := share_panels(summaries):
        files["quality_vs_hole.png"] = plot_shares(panels)
    for name, content in files.items():
        write_bytes(join(args.out, name), content)
    print(f"\n{tables}\nresults in {args.out}")
    return 0


def _run(entries: Sequence[ComparedConfig], overrides: Sequence[str], device: torch.device, allow_missing: bool) -> int:
    """Run, or finish, the configurations; returns the exit code that ends the command if it is not 0."""
    for entry in entries:
        if entry.conf_path is None or entry.baseline is not None:
            continue
        code = runner.run(load_entry(entry, overrides), single_worker(device))
        if code == runner.EXIT_INTERRUPTED:  # which the run has reported
            return code
        if code != runner.EXIT_OK and not allow_missing:
            way_out = "mend what was skipped and run the same command again, or leave pictures out with --allow_missing"
            raise ConfigError(f"{entry.conf_path}: not all pictures could be filled; {way_out}")
    return runner.EXIT_OK


def _entries(args: argparse.Namespace) -> list[ComparedConfig]:
    """All that is to be compared, in the order of the options."""
    entries = load_config(ComparisonConfig, args.comparison).expanded() if args.comparison else []
    common: dict[str, Any] = {} if args.mask is None else {"mask": args.mask}
    entries = _chosen(entries, args.only)
    for text in args.conf_path:
        entries.append(make_config(ComparedConfig, common | _named(text, "conf_path"), "--conf_path"))
    folders = {"truth": args.truth, "masks": args.masks, "mask_polarity": args.mask_polarity}
    given = {key: value for key, value in folders.items() if value is not None}
    if bool(given) != bool(args.results) or (given and None in (args.truth, args.masks)):
        raise ConfigError("--truth, --masks and --results belong together; give all three")
    for text in args.results:
        entries.append(make_config(ComparedConfig, common | given | _named(text, "results"), "--results"))
    if not entries:
        raise ConfigError("nothing to measure; give --conf_path, --comparison, or --truth, --masks and --results")
    return entries


def _chosen(entries: list[ComparedConfig], names: Sequence[str]) -> list[ComparedConfig]:
    """The entries of some methods, masks, or methods under masks."""
    methods, masks = ({getattr(entry, key) for entry in entries} for key in ("method", "mask"))
    unknown = [name for name in names if name not in methods | masks]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: no method and no mask of the comparison is called so")
    kept_methods, kept_masks = methods & {*names} or methods, masks & {*names} or masks
    return [entry for entry in entries if entry.method in kept_methods and entry.mask in kept_masks]


def _named(text: str, key: str) -> dict[str, Any]:
    """`NAME=PATH` or a path (which may hold = if it is there)."""
    name, equals, path = text.partition("=")
    return {key: text} if not equals or Path(text).exists() else {"method": name, key: path}
