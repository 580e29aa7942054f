"""Panels of the comparison figures: quality against network calls and hole size; `repaint.visual` draws them."""

import math
from collections.abc import Mapping, Sequence

from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.comparison import Summary
from repaint.evaluation.metrics import METRICS, Metric
from repaint.visual.comparison_figure import Mark, Panel

SHOWN = ("lpips_alex", "psnr_hole", "ssim_hole", "kernel")  # a line of panels each, if measured
Rows = list[list[Panel]]
Marks = dict[str, list[tuple[str, float, Mapping[str, Estimate]]]]  # by mask: method, x, metrics


def cost_panels(summaries: Sequence[Summary]) -> Rows:
    """Quality against network calls: a line for each metric, a column for each mask under which calls differ.

    If there is one mask only, its metrics are side by side. Empty if there is none.
    """
    marks: Marks = {}
    for summary in summaries:
        if "calls" in summary.metrics:
            calls = max(1.0, summary.metrics["calls"].mean)  # the axis is logarithmic
            marks.setdefault(summary.mask, []).append((summary.method, calls, summary.metrics))
    return _panels({mask: group for mask, group in marks.items() if len({calls for _, calls, _ in group}) > 1})


def share_panels(summaries: Sequence[Summary]) -> Rows:
    """Quality against the hole's share in percent, for masks with holes of several sizes; see `cost_panels`."""
    marks: Marks = {}
    for summary in summaries:
        if len(summary.bins) > 1:
            parts = [(summary.method, 50 * (part.low + part.high), part.metrics) for part in summary.bins]
            marks.setdefault(summary.mask, []).extend(parts)
    return _panels(marks)


def _panels(masks: Marks) -> Rows:
    shown = [metric for metric in METRICS if metric.key in SHOWN]
    rows = [[_panel(mask, metric, group) for mask, group in masks.items()] for metric in shown]
    rows = [row for row in rows if any(panel.marks for panel in row)]
    return rows if len(masks) > 1 or not rows else [[row[0] for row in rows]]


def _panel(mask: str, metric: Metric, group: Sequence[tuple[str, float, Mapping[str, Estimate]]]) -> Panel:
    marks = [_mark(name, x, metrics.get(metric.key)) for name, x, metrics in group]
    return Panel(mask, metric.title, metric.better == "higher", [mark for mark in marks if mark is not None])


def _mark(name: str, x: float, estimate: Estimate | None) -> Mark | None:
    """None for a value that is missing or infinite."""
    if estimate is None or not math.isfinite(estimate.mean):
        return None
    low, high = (
        estimate.mean if end is None or not math.isfinite(end) else end for end in (estimate.low, estimate.high)
    )
    return Mark(name, x, estimate.mean, low, high)
