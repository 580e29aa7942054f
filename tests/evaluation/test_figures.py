"""Panels of the comparison figures: which methods and measures they show."""

from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.comparison import Bin, Summary
from repaint.evaluation.figures import cost_panels, share_panels
from repaint.visual.comparison_figure import Mark


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
