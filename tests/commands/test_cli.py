"""The console command: subcommands, help, errors."""

import pytest

from repaint import cli


def test_help_lists_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("fill", "train", "evaluate", "schedule", "masks", "benchmark", "demo"):
        assert f"  {name} " in text


@pytest.mark.parametrize("words", [[], ["paint"], ["schedule"], ["schedule", "draw"]])
def test_unknown_or_missing_subcommands_end_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: repaint")
    assert error.startswith("error: ")


@pytest.mark.parametrize(
    "command", ["fill", "train", "evaluate", "schedule plot", "schedule design", "masks", "benchmark", "demo"]
)
def test_every_subcommand_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"usage: repaint {command} " in capsys.readouterr().out


def test_a_subcommand_gets_its_arguments(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    assert cli.main(["masks", "ev2li", "--size", "16", "--out", f"{tmp_path}/masks"]) == 0
    assert "1 ev2li masks" in capsys.readouterr().out
