"""The resampling figure and its command line."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from repaint.errors import ConfigError
from repaint.visual.resampling_figure import Curve, draw_resampling
from tests.helpers.scripts import Call, script_in

matplotlib = pytest.importorskip("matplotlib")

FLAT = Curve("flat", ["a", "b"], [10, 100], [0.4, 0.39])
FALLING = Curve("falling", ["", "c"], [20, 200], [0.4, 0.1])
SLOWING_DOWN = [
    "T=50, j=1, r=1: 50 network calls, distance 0.4224",
    "T=100, j=1, r=1: 100 network calls, distance 0.4089",
    "T=250, j=1, r=1: 250 network calls, distance 0.4037",
    "T=500, j=1, r=1: 500 network calls, distance 0.4028",
    "T=1000, j=1, r=1: 1000 network calls, distance 0.4026",
]


def test_figure_has_a_labelled_line_for_each_curve() -> None:
    (axes,) = draw_resampling([FLAT, FALLING]).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    for line, curve in zip(axes.lines, (FLAT, FALLING), strict=True):
        assert (list(line.get_xdata()), list(line.get_ydata())) == (curve.calls, curve.distances)
    assert {"flat", "falling", "a", "b", "c"} <= {text.get_text() for text in axes.texts}
    colors = {text.get_text(): text.get_color() for text in axes.texts}
    assert colors["flat"] == axes.lines[0].get_color() != axes.lines[1].get_color() == colors["c"]


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"the resampling figure needs matplotlib: pip install '\.\[plot\]'"):
        draw_resampling([FLAT])


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The script within this process: exit code, output, errors. Writes into `tmp_path`."""
    return script_in(tmp_path, "plot_resampling", monkeypatch, capsys)


def test_command_draws_and_prints(call: Call) -> None:
    out = Path("new/figure.png")
    code, lines, errors = call("--steps", "60", "--length", "6", "--passes", "3", "1", "--out", str(out))
    assert (code, errors) == (0, "")
    assert lines[:5] == SLOWING_DOWN
    assert [text.split(": ")[0] for text in lines[5:]] == ["T=60, j=6, r=1", "T=60, j=6, r=3"]
    assert float(lines[6].split()[-1]) < 0.25
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "picture.jpg"), "'picture.jpg': the figure is a PNG file"),
        (("--steps", "0"), "--steps must be at most 3 numbers between 1 and 1000, not [0]"),
        (("--steps", "1001"), "not [1001]"),
        (("--steps", "10", "20", "30", "40"), "at most 3 numbers"),
        (("--length", "0"), "--length and --passes are from 1, not 0 and"),
        (("--passes", "2", "0"), "not 10 and [2, 0]"),
        (("--passes", "1000"), "more than 100,000 network calls are too many; lower --passes or --steps"),
    ],
)
def test_mistakes_are_one_line(call: Call, arguments: tuple[str, ...], message: str) -> None:
    code, lines, errors = call(*arguments)
    assert (code, lines) == (2, [])
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert not list(Path().iterdir())
