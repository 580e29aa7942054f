"""Figures: what a jump schedule looks like and costs, and how methods compare. matplotlib is imported here, lazily."""

import io
import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from repaint.errors import ConfigError, missing_extra
from repaint.schedule import count_network_calls, get_schedule_jump, share_of_calls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
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
        rows: lines of equally many panels, those of a column under the title of the first.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    figure = _draw_panels(rows, _draw_costs, "network calls")
    figure.draw_without_rendering()  # labels are placed where the layout has put the points
    for axes, panel in zip(figure.axes, itertools.chain(*rows), strict=True):
        _place_labels(axes, panel)
    return _encode(figure)


def plot_shares(rows: Sequence[Sequence[Panel]]) -> bytes:
    """Quality against the hole's share in percent (x) as a PNG file, a line for each method; see `plot_costs`."""
    names = list(dict.fromkeys(mark.name for panel in itertools.chain(*rows) for mark in panel.marks))
    figure = _draw_panels(rows, lambda axes, panel: _draw_shares_of_hole(axes, panel, names), "hole [% of the picture]")
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    legend = figure.legend(
        [handles[name] for name in names], [_shorten(name, LONGEST_NAME) for name in names], loc="outside upper left",
        ncols=min(len(names), 2 * len(rows[0])), frameon=False, fontsize=9, labelcolor=_INK,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return _encode(figure)


def _draw_panels(rows: Sequence[Sequence[Panel]], draw: Callable[["Axes", Panel], None], xlabel: str) -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise missing_extra("the figure", "matplotlib", "plot") from None
    figure = Figure(figsize=(max(6.0, 4.4 * len(rows[0])), 3.6 * len(rows) + 0.3), dpi=DPI, facecolor="white")
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            axes = grid[row, column]
            draw(axes, panel)
            ylabel = f"{panel.ylabel} ({'higher' if panel.higher_is_better else 'lower'} is better)"
            _style(axes, xlabel if row == len(rows) - 1 else "", ylabel if column == 0 else "")
            if row == 0:
                title = axes.set_title(_shorten(panel.title, LONGEST_NAME), loc="left", fontsize=11, color=_INK)
                title.set_parse_math(False)
    return figure


def _draw_costs(axes: "Axes", panel: Panel) -> None:
    front = pareto_front(panel.marks, panel.higher_is_better)
    axes.plot([mark.x for mark in front], [mark.y for mark in front], color=_LINE, linewidth=1.2, zorder=1)
    for mark in panel.marks:
        _draw_marks(axes, [mark], _LINE if mark in front else _MUTED)
    axes.set_xscale("log")
    costs = [mark.x for mark in panel.marks] or [1]
    low, high = min(costs) / 1.6, max(costs) * 1.6
    axes.set_xlim(low, high)
    ticks = [step * 10**power for power in range(10) for step in (1, 2, 5) if low <= step * 10**power <= high]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.margins(y=0.15)


def _draw_shares_of_hole(axes: "Axes", panel: Panel, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        aside = 0.8 * (number - (len(names) - 1) / 2)  # so that intervals do not cover each other
        marks = [replace(mark, x=mark.x + aside) for mark in panel.marks if mark.name == name]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot([mark.x for mark in marks], [mark.y for mark in marks], color=colour, linewidth=1.2, label=name)
        _draw_marks(axes, marks, colour)
    axes.set_xlim(0, min(100, max((mark.x for mark in panel.marks), default=90) + 10))
    axes.margins(y=0.1)


def _draw_marks(axes: "Axes", marks: Sequence[Mark], colour: str) -> None:
    errors = [[mark.y - mark.low for mark in marks], [mark.high - mark.y for mark in marks]]
    x, y = [mark.x for mark in marks], [mark.y for mark in marks]
    axes.errorbar(x, y, errors, fmt="o", color=colour, markersize=5, elinewidth=1, capsize=2.5)


# Where a label may stand: the end of the interval or the point itself, then points to the right and up of it.
_PLACES: list[tuple[Literal["low", "y", "high"], int, int]] = [
    ("high", 0, 4), ("low", 0, -4), ("y", 7, 0), ("y", -7, 0), ("y", 7, 9), ("y", -7, 9), ("y", 7, -9), ("y", -7, -9),
    ("high", 0, 16), ("low", 0, -16), ("high", 4, 4), ("high", -4, 4), ("low", 4, -4), ("low", -4, -4),
]  # fmt: skip


def _place_labels(axes: "Axes", panel: Panel) -> None:
    """Write the names of marks beside them, away from each other and all that is drawn if there is room."""
    front = pareto_front(panel.marks, panel.higher_is_better)
    taken = [_extent(axes, (mark.x, mark.low), (mark.x, mark.high)) for mark in panel.marks]
    for start, end in itertools.pairwise(front):
        points = [axes.transData.transform((mark.x, mark.y)) for mark in (start, end)]
        steps = [points[0] + (points[1] - points[0]) * step / 20 for step in range(20)]
        taken += [_box(*here, *there) for here, there in itertools.pairwise(steps)]
    for mark in panel.marks:
        label = axes.annotate(
            _shorten(mark.name, LONGEST_LABEL), (mark.x, mark.y), (0, 0), textcoords="offset points",
            fontsize=8, color=_LINE if mark in front else _MUTED, parse_math=False,
        )  # fmt: skip
        label.set_in_layout(False)
        costs = []
        for number, place in enumerate(_PLACES):
            _move(label, mark, place)
            costs.append((_hidden(label.get_window_extent(), taken, axes.bbox), number))
        _move(label, mark, _PLACES[min(costs)[1]])
        taken.append(label.get_window_extent())


def _move(label: "Annotation", mark: Mark, place: tuple[str, int, int]) -> None:
    anchor, right, up = place
    label.xy = mark.x, getattr(mark, anchor)
    label.set_position((right, up))
    label.set_horizontalalignment("left" if right > 0 else "right" if right < 0 else "center")
    label.set_verticalalignment("bottom" if up > 0 else "top" if up < 0 else "center")


def _extent(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> "Bbox":
    """The pixels of something drawn between two points, in the units of the axes."""
    (x0, y0), (x1, y1) = axes.transData.transform([start, end])
    return _box(x0 - 6, y0 - 4, x1 + 6, y1 + 4)


def _box(x0: float, y0: float, x1: float, y1: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    return Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)


def _hidden(extent: "BboxBase", taken: Sequence["Bbox"], frame: "BboxBase") -> float:
    """Area in pixels of a label that lies on others or outside the frame."""
    covered = sum(_overlap(extent, other) for other in taken)
    return covered + extent.width * extent.height - _overlap(extent, frame)


def _overlap(first: "BboxBase", second: "BboxBase") -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0) * max(height, 0)
