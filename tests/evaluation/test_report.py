from repaint.evaluation.bootstrapping import Estimate
from repaint.evaluation.comparison import Summary
from repaint.evaluation.report import markdown_table, markdown_tables


def test_markdown_table() -> None:
    assert markdown_table(["a", "b"], [["x", 1], ["y", 2]]) == "| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n"


def test_names_with_the_sign_between_cells() -> None:
    summary = Summary("one | two", "left | right", 1, 1, 0.5, {"psnr": Estimate(20.0, None, None)}, [])
    table = markdown_tables([summary]).partition("### PSNR")[2].splitlines()[2:]
    assert table == [r"|  | left \| right |", "| --- | --- |", r"| one \| two | 20.00 |"]
