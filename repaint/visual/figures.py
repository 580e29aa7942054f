"""Matplotlib style of all figures: colours, axes, encoding. Matplotlib is imported when a figure is made."""

import io
import warnings
from typing import TYPE_CHECKING

from repaint.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
LONGEST_NAME = 44
INK, MUTED, GRID = "#1f2933", "#66727f", "#e4e8ec"
LINE, BAR = "#1f5fa8", "#7fa8d6"
COLOURS = (LINE, "#c2571a", "#2e7d4f", "#8a3ffc", "#a8324a", "#66727f")


def new_figure(what: str, width: float, height: float) -> "Figure":
    """Create an empty white figure.

    Args:
        what: name of the figure, for the error message.
        width: in inches.
        height: in inches.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError:
        raise missing_extra(what, "matplotlib", "plot") from None
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, hspace=0.03)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def encode(figure: "Figure") -> bytes:
    """Encode a figure as the content of a PNG file."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # missing glyphs of a name are drawn as boxes
        figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()


def shorten(name: str, longest: int) -> str:
    """Truncate a name to one line of at most `longest` characters."""
    name = " ".join(name.split())
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def style(axes: "Axes", xlabel: str, ylabel: str) -> None:
    """Style axes: labels, horizontal grid, only the bottom spine."""
    axes.set_xlabel(xlabel, fontsize=9, color=MUTED)
    axes.set_ylabel(ylabel, fontsize=9, color=MUTED)
    axes.tick_params(labelsize=8.5, colors=MUTED, length=0)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
