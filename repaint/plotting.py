"""Figures: what a jump schedule looks like and costs, and how methods compare. matplotlib is imported here, lazily."""

import io
import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaint.errors import ConfigError, missing_extra
from repaint.schedule import count_network_calls, get_schedule_jump, share_of_calls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox, BboxBase

BINS = 10
MOST_CALLS = 100_000
DPI = 150
LONGEST_NAME = 44
LONGEST_LABEL = 30

_INK, _MUTED, _GRID = "#1f2933", "#66727f", "#e4e8ec"
_LINE, _BAR = "#1f5fa8", "#7fa8d6"
_COLOURS = (_LINE, "#c2571a", "#2e7d4f", "#8a3ffc", "#a8324a", "#66727f")


@dataclass(frozen=True)
class Schedule:
    """A list of times with a name to show."""

    name: str
    times: Sequence[int]

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, int]) -> "Schedule":
        """The schedule of all parameters of `get_schedule_jump`, named after them.

        Raises:
            ConfigError: a parameter is out of range, or the schedule too long.
        """
        calls = parameters["t_T"] * math.prod(value for key, value in parameters.items() if key.endswith("n_sample"))
        if calls > MOST_CALLS and min(parameters.values()) >= 0:
            raise ConfigError(
                f"a schedule of more than {MOST_CALLS:,} network calls is too long to draw; lower t_T or n_sample"
            )
        try:
            return cls(_label(parameters), get_schedule_jump(**parameters))
        except ValueError as error:
            raise ConfigError(str(error)) from None

    @property
    def steps(self) -> int:
        """Number of respaced steps."""
        return max(self.times) + 1

    @property
    def network_calls(self) -> int:
        """Steps down."""
        return count_network_calls(self.times)

    @property
    def forward_steps(self) -> int:
        """Steps up."""
        return len(self.times) - 1 - self.network_calls

    @property
    def title(self) -> str:
        """The name in one line that fits over a panel."""
        return _shorten(self.name, LONGEST_NAME)


def _shorten(name: str, longest: int) -> str:
    """A name in one line of at most so many characters."""
    name = " ".join(name.split())
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _label(parameters: Mapping[str, int]) -> str:
    """The paper's symbols; what changes nothing is left out."""
    parts = [f"T={parameters['t_T']}"]
    for level in ("", "2", "3"):
        length, passes = parameters[f"jump{level}_length"], parameters[f"jump{level}_n_sample"]
        parts += [f"j{level}={length}", f"r{level}={passes}"] if passes > 1 else []
    parts += [f"n={parameters['n_sample']}"] if parameters["n_sample"] > 1 else []
    parts += [f"start={parameters['start_resampling']}"] if parameters["start_resampling"] < parameters["t_T"] else []
    return ", ".join(parts)


def summarize(schedule: Schedule) -> str:
    """One line: the name, the cost, and where in the noise it is spent (thirds of the time)."""
    low, middle, high = share_of_calls(schedule.times, 3)
    return (
        f"{' '.join(schedule.name.split())}: {schedule.network_calls} network calls, "
        f"{schedule.forward_steps} forward steps, calls at low/middle/high noise {low:.1%} / {middle:.1%} / {high:.1%}"
    )


def plot_schedules(schedules: Sequence[Schedule]) -> bytes:
    """The figure of `draw_schedules` as the content of a PNG file.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return _encode(draw_schedules(schedules))


def _encode(figure: "Figure") -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks shows as boxes
        figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()


def draw_schedules(schedules: Sequence[Schedule]) -> "Figure":
    """Side by side, for each schedule: the time over the transitions, and the share of network calls per noise level.

    Vertical limits are common to all schedules, so that they compare.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise missing_extra("the schedule figure", "matplotlib", "plot") from None

    columns = len(schedules) if len(schedules) <= 3 else math.ceil(math.sqrt(len(schedules)))
    rows = math.ceil(len(schedules) / columns)
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, hspace=0.03)
    figure = Figure(figsize=(max(8.0, 5.6 * columns), 5.6 * rows), facecolor="white", layout=layout)
    highest_t = max(schedule.steps for schedule in schedules)
    highest_share = max(max(share_of_calls(schedule.times, BINS)) for schedule in schedules)
    cells = figure.subfigures(rows, columns, squeeze=False)
    for schedule, cell in zip(schedules, cells.flat, strict=False):
        upper, lower = cell.subplots(2, 1, height_ratios=(5, 3))
        _draw_times(upper, schedule, highest_t)
        _draw_shares(lower, schedule, highest_share)
    return figure


def _draw_times(axes: "Axes", schedule: Schedule, highest_t: int) -> None:
    # Long schedules have teeth a few pixels wide: a thin line keeps them apart.
    width = 1.4 if len(schedule.times) < 1000 else 0.8
    axes.plot(range(len(schedule.times)), schedule.times, color=_LINE, linewidth=width, solid_joinstyle="round")
    axes.set_xlim(0, len(schedule.times) - 1)
    axes.set_ylim(-1 - 0.03 * highest_t, 1.03 * highest_t)
    axes.xaxis.set_major_formatter(lambda position, _: f"{position:,.0f}")
    _style(axes, "transition", "time t")
    axes.locator_params(axis="both", nbins=6, integer=True)
    title = axes.set_title(schedule.title, loc="left", pad=22, fontsize=12, fontweight="bold", color=_INK)
    title.set_parse_math(False)
    cost = f"{schedule.network_calls:,} network calls · {schedule.forward_steps:,} forward steps"
    axes.annotate(cost, (0, 1), (0, 8), "axes fraction", "offset points", fontsize=9.5, color=_MUTED)


def _draw_shares(axes: "Axes", schedule: Schedule, highest_share: float) -> None:
    shares = [100 * share for share in share_of_calls(schedule.times, BINS)]
    stretch = schedule.steps / BINS
    middles = [(i + 0.5) * stretch for i in range(BINS)]
    bars = axes.bar(middles, shares, width=0.86 * stretch, color=_BAR)
    labels = [_percent(share) for share in shares]
    axes.bar_label(bars, labels, padding=2, fontsize=8, color=_MUTED)
    axes.set_xlim(0, schedule.steps)
    axes.set_ylim(0, 118 * highest_share)
    axes.yaxis.set_major_formatter(lambda percent, _: f"{percent:.0f}%")
    _style(axes, "time t  (low noise → high noise)", "network calls")
    axes.locator_params(axis="both", nbins=6, integer=True)


def _percent(share: float) -> str:
    if share == 0:
        return ""
    return "<1%" if share < 0.5 else f"{share:.0f}%"


def _style(axes: "Axes", xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(xlabel, fontsize=9, color=_MUTED)
    axes.set_ylabel(ylabel, fontsize=9, color=_MUTED)
    axes.tick_params(labelsize=8.5, colors=_MUTED, length=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_MUTED)


@dataclass(frozen=True)
class Mark:
    """A value `y` of a method at `x`, with its confidence interval."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """Marks of several methods under one title."""

    title: str
    ylabel: str
    higher_is_better: bool
    marks: list[Mark]


def pareto_front(marks: Sequence[Mark], higher_is_better: bool) -> list[Mark]:
    """The marks that no other one beats, by growing x: each is better than all that cost as much or less."""
    sign = 1 if higher_is_better else -1
    front: list[Mark] = []
    for mark in sorted(marks, key=lambda mark: (mark.x, -sign * mark.y)):
        if not front or sign * mark.y > sign * front[-1].y:
            front.append(mark)
    return front


def plot_costs(rows: Sequence[Sequence[Panel]]) -> bytes:
    """Quality against network calls (x, at least 1) as a PNG file, with the Pareto front and a label at each point.

    Args:
        rows: lines of equally many panels.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return _plot_panels(rows, _draw_costs, "network calls")


def plot_shares(rows: Sequence[Sequence[Panel]]) -> bytes:
    """Quality against the hole's share in percent (x) as a PNG file, a line for each method; see `plot_costs`."""
    return _plot_panels(rows, _draw_shares_of_hole, "hole [% of the picture]")


def _plot_panels(rows: Sequence[Sequence[Panel]], draw: Callable[["Axes", Panel], None], xlabel: str) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("the figure", "matplotlib", "plot") from None
    size = max(7.0, 4.4 * len(rows[0])), 3.6 * len(rows)
    figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for line, panels in zip(grid, rows, strict=True):
        for axes, panel in zip(line, panels, strict=True):
            draw(axes, panel)
            better = "higher is better" if panel.higher_is_better else "lower is better"
            _style(axes, xlabel if line is grid[-1] else "", f"{panel.ylabel}, {better}" if axes is line[0] else "")
            if line is grid[0]:
                title = axes.set_title(_shorten(panel.title, LONGEST_NAME), loc="left", fontsize=11, color=_INK)
                title.set_parse_math(False)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()  # labels are placed where the layout has put the points
    for axes, panel in zip(grid.flat, (panel for panels in rows for panel in panels), strict=True):
        # A line of several marks is named once, at its last one.
        last = [marks[-1] for _, marks in _by_name(panel.marks)]
        _place_labels(axes, last, panel.marks, renderer)
    return _encode(figure)


def _draw_costs(axes: "Axes", panel: Panel) -> None:
    front = pareto_front(panel.marks, panel.higher_is_better)
    axes.plot([mark.x for mark in front], [mark.y for mark in front], color=_LINE, linewidth=1.2, zorder=1)
    for mark in panel.marks:
        _draw_mark(axes, mark, _LINE if mark in front else _MUTED)
    axes.set_xscale("log")
    costs = [max(mark.x, 1) for mark in panel.marks] or [1]
    low, high = min(costs) / 1.6, max(costs) * 1.6
    axes.set_xlim(low, high)
    ticks = [step * 10**power for power in range(10) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.margins(y=0.15)


def _draw_shares_of_hole(axes: "Axes", panel: Panel) -> None:
    for mark_colour, (_, marks) in zip(itertools.cycle(_COLOURS), _by_name(panel.marks), strict=False):
        axes.plot([mark.x for mark in marks], [mark.y for mark in marks], color=mark_colour, linewidth=1.2, zorder=1)
        for mark in marks:
            _draw_mark(axes, mark, mark_colour)
    axes.set_xlim(0, 100)
    axes.margins(y=0.15)


def _draw_mark(axes: "Axes", mark: Mark, colour: str) -> None:
    errors = [[mark.y - mark.low], [mark.high - mark.y]]
    axes.errorbar([mark.x], [mark.y], errors, fmt="o", color=colour, markersize=5, elinewidth=1, capsize=2.5, zorder=2)


def _by_name(marks: Sequence[Mark]) -> list[tuple[str, list[Mark]]]:
    """The marks of each method by growing x."""
    names: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: mark.x):
        names.setdefault(mark.name, []).append(mark)
    return list(names.items())


# Where a label may stand: points to the right and up, and how it is aligned; the first that is free is taken.
_PLACES = [
    (7, 0, "left", "center"), (-7, 0, "right", "center"), (0, 9, "center", "bottom"), (0, -9, "center", "top"),
    (7, 9, "left", "bottom"), (-7, 9, "right", "bottom"), (7, -9, "left", "top"), (-7, -9, "right", "top"),
    (0, 22, "center", "bottom"), (0, -22, "center", "top"), (10, 22, "left", "bottom"), (10, -22, "left", "top"),
]  # fmt: skip


def _place_labels(axes: "Axes", marks: Sequence[Mark], obstacles: Sequence[Mark], renderer: "RendererBase") -> None:
    """Write the names of marks beside them, away from each other and from all marks as far as there is room."""
    taken = [_extent(axes, mark) for mark in obstacles]
    for mark in marks:
        label = axes.annotate(
            _shorten(mark.name, LONGEST_LABEL), (mark.x, mark.y), (0, 0), textcoords="offset points",
            fontsize=8, color=_INK, parse_math=False,
        )  # fmt: skip
        label.set_in_layout(False)
        best = math.inf
        for number, (right, up, horizontal, vertical) in enumerate(_PLACES):
            label.set(position=(right, up), horizontalalignment=horizontal, verticalalignment=vertical)
            extent = label.get_window_extent(renderer)
            cost = _hidden(extent, taken, axes.bbox) + number / 1000
            if cost < best:
                best, place, found = cost, (right, up, horizontal, vertical), extent
        label.set(position=place[:2], horizontalalignment=place[2], verticalalignment=place[3])
        taken.append(found)


def _extent(axes: "Axes", mark: Mark) -> "Bbox":
    """The pixels of a mark and its interval."""
    (x, low), (_, high) = axes.transData.transform([(mark.x, mark.low), (mark.x, mark.high)])
    return type(axes.bbox.frozen()).from_extents(x - 8, low - 8, x + 8, high + 8)


def _hidden(extent: "Bbox", taken: Sequence["Bbox"], frame: "BboxBase") -> float:
    """Area in pixels of a label that lies on others or outside the frame."""
    covered = sum(_overlap(extent, other) for other in taken)
    return covered + extent.width * extent.height - _overlap(extent, frame)


def _overlap(first: "BboxBase", second: "BboxBase") -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0) * max(height, 0)
