"""Report of a comparison: CSV, JSON, Markdown and LaTeX tables of metrics, methods by masks."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from repaint.evaluation.bootstrapping import LEVEL, RESAMPLES, SEED, Estimate
from repaint.evaluation.comparison import Row, Summary
from repaint.evaluation.metrics import METRICS, Metric


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown table that ends with a line break."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def csv_table(rows: Sequence[Row]) -> str:
    """CSV with a line for each fill, and a column for each metric that any fill has."""
    keys = [metric.key for metric in METRICS if any(metric.key in row.values for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "mask", "picture", "fill", "hole_share", *keys])
    for row in rows:
        values = [row.values.get(key, "") for key in keys]
        writer.writerow([row.method, row.mask, row.picture, row.fill, f"{row.hole_share:.6f}", *values])
    return text.getvalue()


def summary_json(summaries: Sequence[Summary]) -> str:
    """JSON of all means with their intervals; null for infinite (PSNR of equal pictures) and unknown values."""
    tree = {
        "intervals": {"kind": "bootstrap over pictures", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "metrics": {metric.key: {"title": metric.title, "better": metric.better} for metric in METRICS},
        "results": [asdict(summary) for summary in summaries],
    }
    return json.dumps(_finite(tree), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class _Table:
    """One metric: methods (rows) by masks (columns)."""

    metric: Metric
    masks: list[str]
    rows: list[tuple[str, list[Estimate | None]]]

    def is_best(self, estimate: Estimate, column: int) -> bool:
        """Whether a value is the best of several in its column, in the digits shown."""
        values = [cells[column].mean for _, cells in self.rows if cells[column] is not None]  # type: ignore[union-attr]
        if self.metric.better is None or len(values) < 2:
            return False
        best = max(values) if self.metric.better == "higher" else min(values)
        return self.show(estimate.mean) == self.show(best)

    def show(self, value: float) -> str:
        return f"{value:.{self.metric.digits}f}"

    def cells(self, form: Callable[["_Table", Estimate], str], bold: str) -> Iterator[list[str]]:
        """Rows of texts: the method, then a cell for each mask."""
        for method, estimates in self.rows:
            texts = []
            for column, estimate in enumerate(estimates):
                text = "" if estimate is None else form(self, estimate)
                texts.append(bold.format(text) if estimate is not None and self.is_best(estimate, column) else text)
            yield [method, *texts]


def _tables(summaries: Sequence[Summary]) -> Iterator[_Table]:
    methods, masks = (
        list(dict.fromkeys(names)) for names in zip(*((s.method, s.mask) for s in summaries), strict=True)
    )
    found = {(summary.method, summary.mask): summary.metrics for summary in summaries}
    for metric in METRICS:
        rows = [(method, [found.get((method, mask), {}).get(metric.key) for mask in masks]) for method in methods]
        rows = [row for row in rows if any(row[1])]
        if rows:
            yield _Table(metric, masks, rows)


def _with_interval(table: _Table, estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None or table.show(estimate.low) == table.show(estimate.high):
        return table.show(estimate.mean)
    return f"{table.show(estimate.mean)} [{table.show(estimate.low)}, {table.show(estimate.high)}]"


def markdown_tables(summaries: Sequence[Summary]) -> str:
    """Markdown tables with intervals, one for each metric, methods by masks as in the paper; the best are bold."""
    parts = [_counts(summaries)]
    for table in _tables(summaries):
        better = f" ({table.metric.better} is better)" if table.metric.better else ""
        lines = [["", *table.masks], *table.cells(_with_interval, "**{}**")]
        header, *rows = [[text.replace("|", "\\|") for text in line] for line in lines]
        parts.append(f"### {table.metric.title}{better}\n\n{markdown_table(header, rows)}")
    return "\n".join(parts)


def _counts(summaries: Sequence[Summary]) -> str:
    pictures = sorted({summary.pictures for summary in summaries})
    fills = sorted({summary.fills for summary in summaries})
    return (
        f"Means over {_range(pictures)} pictures ({_range(fills)} fills) of each method and mask, with "
        f"{LEVEL:.0%} bootstrap intervals.\n"
    )


def _range(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def latex_table(summaries: Sequence[Summary]) -> str:
    """LaTeX table (booktabs), methods by masks as in the paper, a group of lines for each metric; the best is bold."""
    tables = list(_tables(summaries))
    masks = tables[0].masks
    arrows = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", None: ""}
    lines = [
        r"% needs \usepackage{booktabs}",
        rf"\begin{{tabular}}{{l{'r' * len(masks)}}}",
        r"\toprule",
        " & ".join(["", *map(_escape, masks)]) + r" \\",
    ]
    for table in tables:
        title = rf"\emph{{{_escape(table.metric.title)}}}{arrows[table.metric.better]}"
        lines += [r"\midrule", rf"\multicolumn{{{len(masks) + 1}}}{{l}}{{{title}}} \\"]
        for method, *cells in table.cells(lambda table, estimate: table.show(estimate.mean), r"\textbf{{{}}}"):
            lines.append(" & ".join([_escape(method), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)
