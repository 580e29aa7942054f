"""The schedule figure."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from repaint.errors import ConfigError
from repaint.schedule import get_schedule_jump
from repaint.visual.figures import LONGEST_NAME
from repaint.visual.schedule_figure import Schedule, draw_schedules, plot_schedules, summarize
from tests.helpers import processes

matplotlib = pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
PAPER = (
    "T=250, j=10, r=10: 2410 network calls, 2160 forward steps, calls at low/middle/high noise 34.5% / 34.4% / 31.1%"
)
PARAMETERS = {"t_T": 250, "n_sample": 1, "start_resampling": 1000, "jump_length": 10, "jump_n_sample": 10}
PARAMETERS |= {"jump2_length": 1, "jump2_n_sample": 1, "jump3_length": 1, "jump3_n_sample": 1}


def short(t_T: int = 20, name: str = "short") -> Schedule:
    return Schedule(name, get_schedule_jump(t_T, jump_length=5, jump_n_sample=3))


def test_costs_and_summary() -> None:
    schedule = Schedule.from_parameters(PARAMETERS)
    assert (schedule.steps, schedule.network_calls, schedule.forward_steps) == (250, 2410, 2160)
    assert summarize(schedule) == PAPER


def test_name_shows_what_matters() -> None:
    changes = {"t_T": 40, "n_sample": 2, "jump2_length": 3, "jump2_n_sample": 2, "start_resampling": 30}
    assert Schedule.from_parameters(PARAMETERS | changes).name == "T=40, j=10, r=10, j2=3, r2=2, n=2, start=30"
    assert Schedule.from_parameters(PARAMETERS | {"jump_n_sample": 1}).name == "T=250"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_T": 0}, "t_T must be at least 1, not 0"),
        ({"jump_length": -2}, "jump_length must be at least 1"),
        ({"t_T": 10**9}, "too long to draw"),
        ({"t_T": 10**9, "n_sample": -1}, "network calls is too long to draw"),
    ],
)
def test_parameters_out_of_range(change: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Schedule.from_parameters(PARAMETERS | change)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_panels_compare(count: int) -> None:
    schedules = [short(10 * (i + 1), f"number {i}") for i in range(count)]
    figure = draw_schedules(schedules)
    uppers, lowers = figure.axes[::2], figure.axes[1::2]
    assert len(uppers) == len(lowers) == count
    assert len({axes.get_ylim() for axes in uppers}) == 1
    assert len({axes.get_ylim() for axes in lowers}) == 1
    for upper, lower, schedule in zip(uppers, lowers, schedules, strict=True):
        assert list(upper.lines[0].get_ydata()) == schedule.times
        bottom, top = upper.get_ylim()
        assert bottom < -1
        assert top >= schedule.steps
        assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(100)
        assert max(bar.get_height() for bar in lower.patches) < lower.get_ylim()[1]
        assert upper.get_title(loc="left") == schedule.name
        assert f"{schedule.network_calls} network calls" in upper.texts[0].get_text()


def test_png_and_no_trace_in_matplotlib() -> None:
    before = dict(matplotlib.rcParams)
    with Image.open(io.BytesIO(plot_schedules([short()]))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 600
        assert len(picture.convert("L").getcolors()) > 20
    assert dict(matplotlib.rcParams) == before


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["$\\frac{", "two\nlines " + "long " * 30, "漢字", ""])
def test_any_name_can_be_drawn(name: str) -> None:
    schedule = short(name=name)
    assert len(schedule.title) <= LONGEST_NAME
    assert "\n" not in summarize(schedule)
    plot_schedules([schedule])


@pytest.mark.parametrize("t_T", [1, 2, 3])
def test_very_short_schedules(t_T: int) -> None:
    plot_schedules([short(t_T)])


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[plot\]'"):
        draw_schedules([short()])


def test_import_leaves_matplotlib_alone(tmp_path: Path) -> None:
    figures = "schedule_figure, repaint.visual.comparison_figure, repaint.visual.resampling_figure"
    script = tmp_path / "script.py"
    script.write_text(f"import sys, repaint.visual.{figures}; sys.exit('matplotlib' in sys.modules)")
    assert processes.run(script).returncode == 0
