from repaint.evaluation.report import markdown_table


def test_markdown_table() -> None:
    assert markdown_table(["a", "b"], [["x", 1], ["y", 2]]) == "| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n"
