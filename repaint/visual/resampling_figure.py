"""Resampling figure: distance to the true distribution against network calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaint.visual.figures import INK, LINE, MUTED, encode, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE_COLOURS = ("#b4531f", LINE, "#3b8f6b", "#7a4fa3")


@dataclass(frozen=True)
class Curve:
    """Cost and error of schedules of one kind.

    Attributes:
        name: of the kind, shown at the end of the line.
        labels: one per schedule, such as "r=5"; may be empty.
        calls: network calls, ascending.
        distances: to the true distribution, positive.
    """

    name: str
    labels: Sequence[str]
    calls: Sequence[int]
    distances: Sequence[float]


def plot_resampling(curves: Sequence[Curve]) -> bytes:
    """Draw the figure of `draw_resampling` as the content of a PNG file.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return encode(draw_resampling(curves))


def draw_resampling(curves: Sequence[Curve]) -> "Figure":
    """Draw the distance to the truth against network calls on log-log axes, one labelled line per kind of schedule.

    Args:
        curves: at most 4, the number of colours.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    figure = new_figure("the resampling figure", 8.4, 5.6)
    axes = figure.subplots()
    for curve, color in zip(curves, CURVE_COLOURS, strict=False):
        _draw_curve(axes, curve, color)
    _style_logarithmic(axes)
    title = "Resampling approaches the true fill, slowing down does not"
    axes.set_title(title, loc="left", pad=26, fontsize=12, fontweight="bold", color=INK)
    note = "exact, for normal 8x8 pictures with half of them known and a perfect network"
    axes.annotate(note, (0, 1), (0, 10), "axes fraction", "offset points", fontsize=9.5, color=MUTED)
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
    style(axes, "network calls", "distance to the truth, relative to its variance")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:,.12g}")
        axis.minorticks_off()
