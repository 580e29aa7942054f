"""Comparison figures of inpainting methods: quality against network calls (Pareto front) and against hole size."""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from repaint.visual.figures import COLOURS, INK, LINE, LONGEST_NAME, MUTED, encode, new_figure, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox, BboxBase

LONGEST_LABEL = 30
_CALLS = re.compile(r"(.+), [\d,]+ calls")


@dataclass(frozen=True)
class Mark:
    """Data point of a method: value `y` at `x` with the confidence interval [`low`, `high`]."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """Data points of several methods in one panel."""

    title: str
    ylabel: str
    higher_is_better: bool
    marks: list[Mark]


def pareto_front(marks: Sequence[Mark], higher_is_better: bool) -> list[Mark]:
    """Pareto front, by ascending x: the marks that are better than all others of equal or lower cost."""
    sign = 1 if higher_is_better else -1
    front: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.x, -sign * mark.y)):
        if not front or sign * mark.y > sign * front[-1].y:
            front.append(mark)
    return front


def plot_costs(rows: Sequence[Sequence[Panel]]) -> bytes:
    """Plot quality against network calls (x, at least 1) with the Pareto front and labelled points, as a PNG file.

    Where all names are like "RePaint, 232 calls", a method's points are a line in its colour instead.

    Args:
        rows: of equally many panels; a column has the title of its first panel.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    methods = common_methods([mark.name for panel in itertools.chain(*rows) for mark in panel.marks])
    if methods:
        figure = _draw_panels(rows, lambda axes, panel: _draw_methods(axes, panel, methods), "network calls")
        _add_legend(figure, methods, len(rows[0]))
        return encode(figure)
    figure = _draw_panels(rows, _draw_costs, "network calls")
    figure.draw_without_rendering()  # the layout must be final before labels are placed
    for axes, panel in zip(figure.axes, itertools.chain(*rows), strict=True):
        _place_labels(axes, panel)
    return encode(figure)


def plot_shares(rows: Sequence[Sequence[Panel]]) -> bytes:
    """Plot quality against hole size (x, percent of the picture), one line per method; see `plot_costs`."""
    names = list(dict.fromkeys(mark.name for panel in itertools.chain(*rows) for mark in panel.marks))
    figure = _draw_panels(rows, lambda axes, panel: _draw_hole_sizes(axes, panel, names), "hole [% of the picture]")
    _add_legend(figure, names, len(rows[0]))
    return encode(figure)


def common_methods(names: Sequence[str]) -> list[str]:
    """The methods of names like "RePaint, 232 calls"; none if a name is another, or no method has two of them."""
    found = [_CALLS.fullmatch(name) for name in dict.fromkeys(names)]
    methods = [match[1] for match in found if match is not None]
    distinct = list(dict.fromkeys(methods))
    return distinct if len(methods) == len(found) and len(distinct) < len(methods) else []


def _draw_panels(rows: Sequence[Sequence[Panel]], draw: Callable[["Axes", Panel], None], xlabel: str) -> "Figure":
    figure = new_figure("the figure", max(6.0, 4.4 * len(rows[0])), 3.6 * len(rows) + 0.3)
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            axes = grid[row, column]
            draw(axes, panel)
            ylabel = f"{panel.ylabel} ({'higher' if panel.higher_is_better else 'lower'} is better)"
            style(
                axes,
                xlabel if row == len(rows) - 1 else "",
                ylabel if column == 0 or panel.ylabel != panels[0].ylabel else "",
            )
            if row == 0:
                title = axes.set_title(shorten(panel.title, LONGEST_NAME), loc="left", fontsize=11, color=INK)
                title.set_parse_math(False)
    return figure


def _add_legend(figure: "Figure", names: Sequence[str], columns: int) -> None:
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    legend = figure.legend(
        [handles[name] for name in names], [shorten(name, LONGEST_NAME) for name in names], loc="outside upper left",
        ncols=min(len(names), 2 * columns), frameon=False, fontsize=9, labelcolor=INK,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_methods(axes: "Axes", panel: Panel, methods: Sequence[str]) -> None:
    for number, method in enumerate(methods):
        marks = sorted((mark for mark in panel.marks if mark.name.startswith(f"{method}, ")), key=lambda mark: mark.x)
        _draw_line(axes, marks, method, number)
    _scale_costs(axes, panel)


def _draw_costs(axes: "Axes", panel: Panel) -> None:
    front = pareto_front(panel.marks, panel.higher_is_better)
    axes.plot([mark.x for mark in front], [mark.y for mark in front], color=LINE, linewidth=1.2, zorder=1)
    for mark in panel.marks:
        _draw_marks(axes, [mark], LINE if mark in front else MUTED)
    _scale_costs(axes, panel)


def _scale_costs(axes: "Axes", panel: Panel) -> None:
    axes.set_xscale("log")
    costs = [mark.x for mark in panel.marks] or [1]
    low, high = min(costs) / 1.6, max(costs) * 1.6
    axes.set_xlim(low, high)
    ticks = [step * 10**power for power in range(10) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.margins(y=0.15)


def _draw_hole_sizes(axes: "Axes", panel: Panel, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        offset = 0.8 * (number - (len(names) - 1) / 2)  # so that intervals do not overlap
        marks = [replace(mark, x=mark.x + offset) for mark in panel.marks if mark.name == name]
        _draw_line(axes, marks, name, number)
    axes.set_xlim(0, min(100, max((mark.x for mark in panel.marks), default=90) + 10))
    axes.margins(y=0.1)


def _draw_line(axes: "Axes", marks: Sequence[Mark], name: str, number: int) -> None:
    """The marks of line number `number`, joined in its colour."""
    colour = COLOURS[number % len(COLOURS)]
    axes.plot([mark.x for mark in marks], [mark.y for mark in marks], color=colour, linewidth=1.2, label=name)
    _draw_marks(axes, marks, colour)


def _draw_marks(axes: "Axes", marks: Sequence[Mark], colour: str) -> None:
    errors = [[mark.y - mark.low for mark in marks], [mark.high - mark.y for mark in marks]]
    x, y = [mark.x for mark in marks], [mark.y for mark in marks]
    axes.errorbar(x, y, errors, fmt="o", color=colour, markersize=5, elinewidth=1, capsize=2.5)


# Candidate label positions: end of the interval or the point itself, then the offset in points to the right and up.
_POSITIONS: list[tuple[Literal["low", "y", "high"], int, int]] = [
    ("high", 0, 4), ("low", 0, -4), ("y", 7, 0), ("y", -7, 0), ("y", 7, 9), ("y", -7, 9), ("y", 7, -9), ("y", -7, -9),
    ("high", 0, 16), ("low", 0, -16), ("high", 4, 4), ("high", -4, 4), ("low", 4, -4), ("low", -4, -4),
]  # fmt: skip


def _place_labels(axes: "Axes", panel: Panel) -> None:
    """Label the marks, choosing positions that overlap other labels and the data least."""
    front = pareto_front(panel.marks, panel.higher_is_better)
    taken = [_extent(axes, (mark.x, mark.low), (mark.x, mark.high)) for mark in panel.marks]
    for start, end in itertools.pairwise(front):
        points = [axes.transData.transform((mark.x, mark.y)) for mark in (start, end)]
        polyline = [points[0] + (points[1] - points[0]) * step / 20 for step in range(20)]
        taken += [_box(*here, *there) for here, there in itertools.pairwise(polyline)]
    for mark in panel.marks:
        label = axes.annotate(
            shorten(mark.name, LONGEST_LABEL), (mark.x, mark.y), (0, 0), textcoords="offset points",
            fontsize=8, color=LINE if mark in front else MUTED, parse_math=False,
        )  # fmt: skip
        label.set_in_layout(False)
        costs = []
        for number, position in enumerate(_POSITIONS):
            _move(label, mark, position)
            costs.append((_hidden_area(label.get_window_extent(), taken, axes.bbox), number))
        _move(label, mark, _POSITIONS[min(costs)[1]])
        taken.append(label.get_window_extent())


def _move(label: "Annotation", mark: Mark, position: tuple[str, int, int]) -> None:
    anchor, right, up = position
    label.xy = mark.x, getattr(mark, anchor)
    label.set_position((right, up))
    label.set_horizontalalignment("left" if right > 0 else "right" if right < 0 else "center")
    label.set_verticalalignment("bottom" if up > 0 else "top" if up < 0 else "center")


def _extent(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> "Bbox":
    """Bounding box in pixels of what is drawn between two points in data coordinates."""
    (x0, y0), (x1, y1) = axes.transData.transform([start, end])
    return _box(x0 - 6, y0 - 4, x1 + 6, y1 + 4)


def _box(x0: float, y0: float, x1: float, y1: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)


def _hidden_area(extent: "BboxBase", taken: Sequence["Bbox"], frame: "BboxBase") -> float:
    """Area in pixels of a label that overlaps others or lies outside the frame."""
    covered = sum(_overlap(extent, other) for other in taken)
    return covered + extent.width * extent.height - _overlap(extent, frame)


def _overlap(first: "BboxBase", second: "BboxBase") -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0) * max(height, 0)
