"""The figures of comparisons: the Pareto front, and that labels can be read."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repaint.visual import comparison_figure
from repaint.visual.comparison_figure import Mark, Panel, common_methods, pareto_front, plot_costs, plot_shares

pytest.importorskip("matplotlib")

points = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=12)


def marks_of(places: list[tuple[int, int]]) -> list[Mark]:
    return [Mark(f"m{number}", x, y, y - 1, y + 2) for number, (x, y) in enumerate(places)]


@given(points, st.booleans())
def test_the_front_is_what_no_other_beats(places: list[tuple[int, int]], higher: bool) -> None:
    marks = marks_of(places)
    front = pareto_front(marks, higher)
    sign = 1 if higher else -1

    def beats(one: Mark, other: Mark) -> bool:
        as_good = one.x <= other.x and sign * one.y >= sign * other.y
        return as_good and (one.x, one.y) != (other.x, other.y)

    unbeaten = {(mark.x, mark.y) for mark in marks if not any(beats(other, mark) for other in marks)}
    assert [(mark.x, mark.y) for mark in front] == sorted(unbeaten)


def test_names_do_not_cover_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr("repaint.visual.comparison_figure.encode", lambda figure: found.append(figure) or b"")
    places = [(10, 5), (11, 5), (12, 5), (77, 8), (90, 9), (2410, 9)]
    names = ["T=10, r=1", "T=10, r=1 again", "$x_1$", "fast", "best (T=250, j=5, r=15)", "n" * 60]
    marks = [Mark(name, x, y, y - 0.3, y + 0.3) for name, (x, y) in zip(names, places, strict=True)]
    plot_costs([[Panel("thick", "PSNR", True, marks)]])
    (axes,) = found[0].axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == [*names[:5], "n" * 29 + "…"]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 + 1 for box in boxes)
    ticks = [text.get_text() for text in axes.get_xticklabels()]
    assert ticks == ["10", "20", "50", "100", "200", "500", "1,000", "2,000"]


@pytest.mark.parametrize("plot", [plot_costs, plot_shares])
def test_figures_are_png_files(plot: object) -> None:
    empty = Panel("thin", "SSIM", True, [])
    rows = [
        [Panel(title, "LPIPS", False, marks_of([(3, 4), (30, 2)])) for title in ("thick $", "half")],
        [empty, empty],
    ]
    picture = Image.open(io.BytesIO(plot(rows)))  # type: ignore[operator]
    assert picture.format == "PNG"
    assert np.asarray(picture.convert("L")).min() < 100


def test_names_with_numbers_of_calls_are_points_of_their_methods() -> None:
    names = ["RePaint, 29 calls", "RePaint, 2,410 calls", "Langevin, 30 calls"]
    assert common_methods([*names, *names]) == ["RePaint", "Langevin"]
    assert common_methods([*names, "Telea"]) == []  # which has a point and a label of its own
    assert common_methods(names[1:]) == []


def test_a_method_is_a_line_through_its_points_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(comparison_figure, "encode", lambda figure: drawn.append(figure) or b"")
    marks = [Mark(f"{name}, {calls} calls", calls, quality, quality, quality)
             for name, calls, quality in [("A", 60, 2.0), ("A", 30, 1.0), ("B", 30, 3.0)]]  # fmt: skip
    plot_costs([[Panel("half", "PSNR", True, marks)]])
    (axes,) = drawn[0].axes
    lines = {line.get_label(): list(line.get_xydata().flatten()) for line in axes.get_lines()}
    assert lines["A"] == [30, 1, 60, 2]
    assert lines["B"] == [30, 3]
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B"]
