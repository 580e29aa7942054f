"""The figures of comparisons: what stands on the front, in which panel, and that names can be read."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.comparison import Bin, Summary
from repaint.evaluation.figures import cost_panels, share_panels
from repaint.visual.comparison_figure import Mark, Panel, pareto_front, plot_costs, plot_shares

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


def summary(method: str, mask: str, calls: float | None, psnr: float, shares: tuple[float, ...] = (0.1,)) -> Summary:
    metrics = {"psnr_hole": Estimate(psnr, psnr - 1, psnr + 1), "l1": Estimate(0.1)}
    metrics |= {} if calls is None else {"calls": Estimate(calls)}
    bins = [Bin(share, share + 0.1, 3, metrics) for share in shares]
    return Summary(method, mask, 3, 3, 0.2, metrics, bins)


def test_panels() -> None:
    summaries = [
        summary("a", "thick", 10, 20),
        summary("b", "thick", 0, 25),
        summary("c", "thick", None, 30),
        summary("a", "half", 10, 20),
        summary("b", "half", 10, 21),
        summary("a", "thin", 10, 20, (0.1, 0.2)),
        summary("b", "thin", 20, float("inf"), (0.1,)),
    ]
    (row,) = cost_panels(summaries)  # of the measures that are drawn, only PSNR is there
    assert [(panel.title, panel.higher_is_better) for panel in row] == [("thick", True), ("thin", True)]
    assert row[0].marks == [Mark("a", 10, 20, 19, 21), Mark("b", 1, 25, 24, 26)]
    assert [mark.name for mark in row[1].marks] == ["a"]  # infinity has no place
    ((panel,),) = share_panels(summaries)
    assert [(mark.name, round(mark.x)) for mark in panel.marks] == [("a", 15), ("a", 25)]
    assert cost_panels(summaries[:1]) == share_panels(summaries[:1]) == []


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
