import pytest

from repaint.errors import ConfigError
from repaint.evaluation.comparison import Row
from repaint.evaluation.differences import differences


def row(method: str, picture: str, fill: int = 0, mask: str = "half", **values: float) -> Row:
    return Row(method, mask, picture, fill, 0.5, values)


def test_the_mean_difference_over_shared_pictures() -> None:
    rows = [row("a", "1", psnr=20.0), row("a", "2", psnr=22.0), row("a", "3", psnr=90.0)]
    rows += [row("b", "1", psnr=23.0), row("b", "2", psnr=23.0)]
    (summary,) = differences(rows, "a")
    assert (summary.method, summary.pictures, summary.fills) == ("b", 2, 2)
    assert summary.metrics["psnr"].mean == 2


def test_a_metric_that_not_every_fill_has_does_not_count_for_its_picture() -> None:
    """The manifest of a second folder of results may lack, and so the cost of some fills."""
    rows = [row("a", "1", psnr=20.0, calls=5.0), row("a", "2", psnr=20.0, calls=5.0)]
    rows += [row("b", "1", 0, psnr=21.0, calls=7.0), row("b", "1", 1, psnr=23.0)]
    rows += [row("b", "2", 0, psnr=21.0, calls=9.0), row("b", "2", 1, psnr=23.0, calls=9.0)]
    (summary,) = differences(rows, "a")
    assert summary.metrics["psnr"].mean == 2
    assert summary.metrics["calls"].mean == 4  # of the second picture alone


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ConfigError, match="--against c: no method of this name"):
        differences([row("a", "1", psnr=20.0), row("b", "1", psnr=21.0)], "c")


def test_a_method_beside_no_other_is_refused() -> None:
    with pytest.raises(ConfigError, match="--against a: no other method is measured under its masks"):
        differences([row("a", "1", psnr=20.0), row("b", "1", mask="box", psnr=21.0)], "a")
