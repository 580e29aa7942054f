"""Figures. matplotlib is imported here, lazily.

The schedule figure shows what a jump schedule looks like and costs, the resampling figure what its network calls buy.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaint.errors import ConfigError, missing_extra
from repaint.schedule import count_network_calls, get_schedule_jump, share_of_calls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 10
MOST_CALLS = 100_000
DPI = 150
LONGEST_NAME = 44

_INK, _MUTED, _GRID = "#1f2933", "#66727f", "#e4e8ec"
_LINE, _BAR = "#1f5fa8", "#7fa8d6"
_CURVES = ("#b4531f", _LINE, "#3b8f6b", "#7a4fa3")


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
        name = " ".join(self.name.split())
        return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


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
    return _png(draw_schedules(schedules))


def _png(figure: "Figure") -> bytes:
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
    columns = len(schedules) if len(schedules) <= 3 else math.ceil(math.sqrt(len(schedules)))
    rows = math.ceil(len(schedules) / columns)
    figure = _new_figure("the schedule figure", max(8.0, 5.6 * columns), 5.6 * rows)
    highest_t = max(schedule.steps for schedule in schedules)
    highest_share = max(max(share_of_calls(schedule.times, BINS)) for schedule in schedules)
    cells = figure.subfigures(rows, columns, squeeze=False)
    for schedule, cell in zip(schedules, cells.flat, strict=False):
        upper, lower = cell.subplots(2, 1, height_ratios=(5, 3))
        _draw_times(upper, schedule, highest_t)
        _draw_shares(lower, schedule, highest_share)
    return figure


def _new_figure(what: str, width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise missing_extra(what, "matplotlib", "plot") from None
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, hspace=0.03)
    return Figure(figsize=(width, height), facecolor="white", layout=layout)


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
class Curve:
    """Schedules of one kind: what they cost and how far from the truth they end.

    Attributes:
        name: of the kind, shown at the end of the line.
        labels: of each schedule, such as "r=5"; may be empty.
        calls: network calls of each, ascending.
        distances: of each, positive.
    """

    name: str
    labels: Sequence[str]
    calls: Sequence[int]
    distances: Sequence[float]


def plot_resampling(curves: Sequence[Curve]) -> bytes:
    """The figure of `draw_resampling` as the content of a PNG file.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return _png(draw_resampling(curves))


def draw_resampling(curves: Sequence[Curve]) -> "Figure":
    """Distance to the truth against network calls, both logarithmic, one labelled line per kind of schedule.

    Args:
        curves: at most as many as there are colours, 4.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    figure = _new_figure("the resampling figure", 8.4, 5.6)
    axes = figure.subplots()
    for curve, color in zip(curves, _CURVES, strict=False):
        _draw_curve(axes, curve, color)
    _style_logarithmic(axes)
    title = "Resampling approaches the true fill, slowing down does not"
    axes.set_title(title, loc="left", pad=26, fontsize=12, fontweight="bold", color=_INK)
    note = "exact, for normal 8x8 pictures with half of them known and a perfect network"
    axes.annotate(note, (0, 1), (0, 10), "axes fraction", "offset points", fontsize=9.5, color=_MUTED)
    return figure


def _draw_curve(axes: "Axes", curve: Curve, color: str) -> None:
    axes.plot(curve.calls, curve.distances, color=color, linewidth=1.8, marker="o", markersize=4.5, clip_on=False)
    below = curve.distances[-1] < 0.8 * curve.distances[0]  # on the free side of a falling line
    for label, call, distance in zip(curve.labels, curve.calls, curve.distances, strict=True):
        shift = (-5, -4) if below else (0, 7)
        text = axes.annotate(label, (call, distance), shift, textcoords="offset points", fontsize=8, color=color)
        text.set(ha="right" if below else "center", va="top" if below else "bottom")
    end, shift = (curve.calls[-1], curve.distances[-1]), (0, -18) if below else (9, 0)
    text = axes.annotate(curve.name, end, shift, textcoords="offset points", fontsize=9.5, color=color)
    text.set(ha="right" if below else "left", va="top" if below else "center")


def _style_logarithmic(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.08, y=0.12)
    _style(axes, "network calls", "distance to the truth, relative to its variance")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:,.12g}")
        axis.minorticks_off()
