"""The methods figure and its command line."""

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from repaint.errors import ConfigError
from repaint.visual.methods_figure import Line, draw_methods
from tests.helpers.scripts import Call, script_in

matplotlib = pytest.importorskip("matplotlib")

LINES = [Line("first", [10, 100], [0.4, 0.39]), Line("second", [10, 100], [0.3, 0.1])]


def test_figure_has_a_panel_for_each_mask_and_a_line_for_each_method() -> None:
    figure = draw_methods({"half": LINES, "box": LINES[::-1], "thin": LINES})
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == ["half", "box", "thin"]
    for axes in panels:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for line, expected in zip(panels[0].lines, LINES, strict=True):
        assert (list(line.get_xdata()), list(line.get_ydata())) == (expected.calls, expected.distances)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first", "second"]


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"the methods figure needs matplotlib: pip install '\.\[plot\]'"):
        draw_methods({"half": LINES})


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The script within this process: exit code, output, errors. Writes into `tmp_path`."""
    return script_in(tmp_path, "plot_methods", monkeypatch, capsys)


def test_command_draws_and_prints(call: Call) -> None:
    """Values of the laws, which test_method_laws.py checks, at the best of the grid."""
    code, lines, errors = call("--calls", "30", "--masks", "genhalf", "--out", "figure.png")
    assert (code, errors) == (0, "")
    found = {line.split(", ")[1]: float(re.findall(r"distance ([\d.]+)", line)[0]) for line in lines}
    expected = {"RePaint": 0.325, "replacement": 0.446, "DDNM": 0.326, "DPS": 0.249}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert found["Langevin"] < 0.246
    assert found["PiGDM"] < 0.266
    with Image.open("figure.png") as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "picture.jpg"), "'picture.jpg': the figure is a PNG file"),
        (("--calls", "9"), "--calls are from 10 to 500, not [9]"),
        (("--masks", "thin", "thick", "nn2", "box", "ex64"), "--masks: at most 4"),
    ],
)
def test_mistakes_are_one_line(call: Call, arguments: tuple[str, ...], message: str) -> None:
    code, lines, errors = call(*arguments)
    assert (code, lines) == (2, [])
    assert message in errors
    assert errors.count("\n") == 1
