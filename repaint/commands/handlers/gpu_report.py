"""Measure on a GPU machine, step by step, and write the report as JSON and Markdown."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from repaint.benchmarking.device_names import device_name
from repaint.benchmarking.report import Conditions, Settings, Step, run_steps
from repaint.benchmarking.report_runs import pictures, training
from repaint.benchmarking.report_steps import (
    batch_size,
    compiled_first,
    compiled_others,
    cuda_tests,
    golden_parity,
    machine,
    uncompiled_speed,
)
from repaint.commands.gpu_report import STEPS
from repaint.data.storage import join, write_bytes
from repaint.errors import ConfigError, suggest
from repaint.evaluation.report import markdown_table
from repaint.workers.devices import pick_device

MARKDOWN_FILE = "report.md"
_FUNCTIONS: Sequence[Step] = (
    machine, cuda_tests, golden_parity, uncompiled_speed, pictures, batch_size, compiled_first, training,
    compiled_others,
)  # fmt: skip
RUNS = dict(zip(STEPS, _FUNCTIONS, strict=True))
Results = Mapping[str, Any]


def markdown(conditions: Conditions, results: Results) -> str:
    """The report as Markdown; a step that is missing or failed says so.

    Args:
        conditions: of all numbers.
        results: of the steps.
    """
    parts = ["# Report of a GPU machine\n", markdown_table(["", ""], _flat(conditions))]
    for name in RUNS:
        result = results.get(name)
        body = "not measured\n"
        if result is not None:
            body = f"failed:\n\n```\n{result['error']}\n```\n" if "error" in result else _body(name, result)
        parts.append(f"## {name}\n\n{body}")
    return "\n".join(parts)


def _body(name: str, result: Results) -> str:
    values = {key: value for key, value in result.items() if key != "seconds"}
    if "timings" in values:
        return _speed_table(values)
    if name == "golden parity":
        columns = list(values)
        rows = [[what, *(f"{values[column][what]:.1e}" for column in columns)] for what in values[columns[0]]]
        return markdown_table(["relative distance", *columns], rows)
    if name == "pictures":
        rows = [
            [
                conf,
                precision,
                each["most"],
                f"{each['mean']:.4f}",
                f"{each['share above 2']:.2%}",
                f"{each['seconds']:.1f}",
            ]
            for conf, found in values.items()
            for precision, each in found.items()
            if precision != "cpu seconds"
        ]
        return markdown_table(["configuration", "format", "largest difference", "mean", "above 2 levels", "s"], rows)
    if name == "training":
        rows = [[what, f"{each['pictures a second']:,.0f}"] for what, each in values.items()]
        return markdown_table(["training", "pictures a second"], rows)
    return markdown_table(["", ""], _flat(values))


def _speed_table(values: Results) -> str:
    rows: list[list[Any]] = []
    for timing in values["timings"]:
        work, measured = timing["work"], timing["measured"]
        rows.append([
            work["batch"], timing["variant"], f"{1000 * measured['call']:,.1f}",
            f"{values['flops'] / measured['call'] / 1e12:,.1f}", f"{measured['peak_bytes'] / 2**30:.2f}",
        ])  # fmt: skip
    for failure in values["failures"]:
        reason = failure["reason"].replace("|", "\\|")
        rows.append([failure["work"]["batch"], failure["variant"], f"failed: {reason}", "", ""])
    return markdown_table(["batch", "variant", "ms a call and picture", "TFLOP/s", "GiB"], sorted(rows, key=_batch))


def _batch(row: Sequence[Any]) -> int:
    return int(row[0])


def _flat(values: Results, prefix: str = "") -> list[list[str]]:
    """Rows of names and numbers, those of inner tables under their path."""
    rows = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{key}, ")
        else:
            rows.append([f"{prefix}{key}", f"{value:,.4g}" if isinstance(value, float) else str(value)])
    return rows


def handle(args: argparse.Namespace) -> int:
    """Run the steps and write both files; returns 0, or 3 if a step is missing or failed."""
    unknown = [name for name in args.only if name not in RUNS]
    if unknown:
        raise ConfigError(f"--only {unknown[0]!r}: no such step{suggest(unknown[0], RUNS)}")
    chosen = {name: step for name, step in RUNS.items() if not args.only or name in args.only}
    settings = Settings(str(pick_device(args.device)), args.tiny, args.out)
    conditions = {
        "device": device_name(torch.device(settings.device)),
        "sizes": "tiny" if args.tiny else "full",
        "PyTorch": torch.__version__,
    }
    results = run_steps(chosen, settings, conditions, args.limit, lambda line: print(line, flush=True))
    path = join(args.out, MARKDOWN_FILE)
    write_bytes(path, markdown(conditions, results).encode())
    done = sum("error" not in results.get(name, {"error": ""}) for name in chosen)
    print(f"{path}: {done} of {len(chosen)} steps")
    return 0 if done == len(chosen) else 3
