"""Methods figure: exact distance to the true distribution against network calls, a panel for each mask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaint.visual.figures import COLOURS, INK, MUTED, encode, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2


@dataclass(frozen=True)
class Line:
    """Cost and error of a method.

    Attributes:
        name: of the method.
        calls: network calls, ascending.
        distances: to the true distribution, positive.
    """

    name: str
    calls: Sequence[int]
    distances: Sequence[float]


def plot_methods(panels: Mapping[str, Sequence[Line]]) -> bytes:
    """Draw the figure of `draw_methods` as the content of a PNG file; ConfigError without matplotlib."""
    return encode(draw_methods(panels))


def draw_methods(panels: Mapping[str, Sequence[Line]]) -> "Figure":
    """Draw distance against calls on log-log axes, a panel for each mask and a line for each method.

    Args:
        panels: lines by the name of the mask; the same methods in all, at most as many as there are COLOURS.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    rows = -(-len(panels) // COLUMNS)
    figure = new_figure("the methods figure", 9.6, 1.1 + 3.1 * rows)
    grid = figure.subplots(rows, min(COLUMNS, len(panels)), sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (mask, lines) in zip(grid, panels.items(), strict=False):
        _draw_panel(axes, mask, lines)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles, names = grid[0].get_legend_handles_labels()
    legend = figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(INK)
    title = "Exact distance to the true fill: normal 8x8 pictures, perfect network, best of a grid each"
    figure.suptitle(title, fontsize=11, fontweight="bold", color=INK)
    return figure


def _draw_panel(axes: "Axes", mask: str, lines: Sequence[Line]) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

    for number, (line, color) in enumerate(zip(lines, COLOURS, strict=False)):
        width = 4.5 if number == 0 else 1.8  # a line that falls on the first must not hide it
        axes.plot(line.calls, line.distances, color=color, linewidth=width, marker="o", markersize=4.5, label=line.name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    style(axes, "network calls", "distance to the truth")
    axes.label_outer()
    axes.set_title(mask, loc="left", fontsize=10, color=MUTED)
    axes.xaxis.set_major_locator(FixedLocator(list(lines[0].calls)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.12g}")
