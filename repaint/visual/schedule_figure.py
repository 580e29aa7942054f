"""Schedule figure: times, network calls and noise levels of jump schedules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaint.errors import ConfigError
from repaint.schedule import count_network_calls, get_schedule_jump, most_calls, share_of_calls
from repaint.visual.figures import BAR, INK, LINE, LONGEST_NAME, MUTED, encode, new_figure, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 10
MAX_CALLS = 100_000


@dataclass(frozen=True)
class Schedule:
    """A named schedule.

    Attributes:
        name: shown as the title.
        times: indices in the respaced process, -1 = clean.
        timesteps: of the trained process, one for each time; None to show the times themselves.
    """

    name: str
    times: Sequence[int]
    timesteps: Sequence[int] | None = None

    @property
    def heights(self) -> list[int]:
        """Vertical position of each time: its timestep, or the time itself; -1 is the clean picture."""
        return list(self.times) if self.timesteps is None else [self.timesteps[t] if t >= 0 else -1 for t in self.times]

    @property
    def height(self) -> int:
        """Highest vertical position plus 1."""
        return max(self.heights) + 1

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, int]) -> "Schedule":
        """Build the schedule of `get_schedule_jump` from all its parameters, named after them.

        Raises:
            ConfigError: a parameter is out of range, or the schedule too long.
        """
        if most_calls(parameters["t_T"], parameters) > MAX_CALLS:
            raise ConfigError(
                f"a schedule of more than {MAX_CALLS:,} network calls is too long to draw; lower t_T or n_sample"
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
        """Number of denoising steps."""
        return count_network_calls(self.times)

    @property
    def forward_steps(self) -> int:
        """Number of forward steps of the jumps back in time."""
        return len(self.times) - 1 - self.network_calls

    @property
    def title(self) -> str:
        """The name, truncated to the width of a panel."""
        return shorten(self.name, LONGEST_NAME)


def _label(parameters: Mapping[str, int]) -> str:
    """Parameters in the paper's symbols, without those that have no effect."""
    parts = [f"T={parameters['t_T']}"]
    for level in ("", "2", "3"):
        length, passes = parameters[f"jump{level}_length"], parameters[f"jump{level}_n_sample"]
        parts += [f"j{level}={length}", f"r{level}={passes}"] if passes > 1 else []
    parts += [f"n={parameters['n_sample']}"] if parameters["n_sample"] > 1 else []
    parts += [f"start={parameters['start_resampling']}"] if parameters["start_resampling"] < parameters["t_T"] else []
    return ", ".join(parts)


def summarize(schedule: Schedule) -> str:
    """Summarize a schedule in one line: name, cost, and the share of calls per third of the noise levels."""
    low, middle, high = share_of_calls(schedule.heights, 3)
    return (
        f"{' '.join(schedule.name.split())}: {schedule.network_calls} network calls, "
        f"{schedule.forward_steps} forward steps, calls at low/middle/high noise {low:.1%} / {middle:.1%} / {high:.1%}"
    )


def plot_schedules(schedules: Sequence[Schedule]) -> bytes:
    """Draw the figure of `draw_schedules` as the content of a PNG file.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return encode(draw_schedules(schedules))


def draw_schedules(schedules: Sequence[Schedule]) -> "Figure":
    """Draw schedules side by side: time over transitions, and the share of network calls per noise level.

    All schedules have the same vertical limits, for comparison.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    columns = len(schedules) if len(schedules) <= 3 else math.ceil(math.sqrt(len(schedules)))
    rows = math.ceil(len(schedules) / columns)
    figure = new_figure("the schedule figure", max(8.0, 5.6 * columns), 5.6 * rows)
    highest_t = max(schedule.height for schedule in schedules)
    highest_share = max(max(share_of_calls(schedule.heights, BINS)) for schedule in schedules)
    cells = figure.subfigures(rows, columns, squeeze=False)
    for schedule, cell in zip(schedules, cells.flat, strict=False):
        upper, lower = cell.subplots(2, 1, height_ratios=(5, 3))
        _draw_times(upper, schedule, highest_t)
        _draw_shares(lower, schedule, highest_share)
    return figure


def _draw_times(axes: "Axes", schedule: Schedule, highest_t: int) -> None:
    # In long schedules a jump is a few pixels wide: a thin line keeps them apart.
    width = 1.4 if len(schedule.times) < 1000 else 0.8
    axes.plot(range(len(schedule.times)), schedule.heights, color=LINE, linewidth=width, solid_joinstyle="round")
    axes.set_xlim(0, len(schedule.times) - 1)
    axes.set_ylim(-1 - 0.03 * highest_t, 1.03 * highest_t)
    axes.xaxis.set_major_formatter(lambda position, _: f"{position:,.0f}")
    style(axes, "transition", _axis(schedule))
    axes.locator_params(axis="both", nbins=6, integer=True)
    title = axes.set_title(schedule.title, loc="left", pad=22, fontsize=12, fontweight="bold", color=INK)
    title.set_parse_math(False)
    cost = f"{schedule.network_calls:,} network calls · {schedule.forward_steps:,} forward steps"
    axes.annotate(cost, (0, 1), (0, 8), "axes fraction", "offset points", fontsize=9.5, color=MUTED)


def _draw_shares(axes: "Axes", schedule: Schedule, highest_share: float) -> None:
    shares = [100 * share for share in share_of_calls(schedule.heights, BINS)]
    stretch = schedule.height / BINS
    middles = [(i + 0.5) * stretch for i in range(BINS)]
    bars = axes.bar(middles, shares, width=0.86 * stretch, color=BAR)
    labels = [_percent(share) for share in shares]
    axes.bar_label(bars, labels, padding=2, fontsize=8, color=MUTED)
    axes.set_xlim(0, schedule.height)
    axes.set_ylim(0, 118 * highest_share)
    axes.yaxis.set_major_formatter(lambda percent, _: f"{percent:.0f}%")
    style(axes, f"{_axis(schedule)}  (low noise → high noise)", "network calls")
    axes.locator_params(axis="both", nbins=6, integer=True)


def _axis(schedule: Schedule) -> str:
    return "time t" if schedule.timesteps is None else "timestep"


def _percent(share: float) -> str:
    if share == 0:
        return ""
    return "<1%" if share < 0.5 else f"{share:.0f}%"
