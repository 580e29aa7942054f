"""What the evaluation refuses before it runs or measures anything, and what `--run` ends with."""

from pathlib import Path

import pytest

from repaint.commands.evaluate import main
from repaint.commands.handlers import evaluate as handler
from repaint.evaluation.comparison import Evaluator
from repaint.inference.target_filler import TargetFiller
from tests.helpers.tiny import make_run, write_masks, write_pictures


def call(*arguments: object) -> int:
    return main([*map(str, arguments), "--device", "cpu"])


def write_folders(folder: Path) -> list[object]:
    """Pictures, masks, and two methods' results, which are the truth."""
    write_masks(folder / "half")
    for name in ("gt", "good", "best"):
        write_pictures(folder / name)
    return ["--truth", folder / "gt", "--masks", folder / "half", "--results", folder / "good", folder / "best"]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs or measures fails the test."""
    monkeypatch.setattr(handler.runner, "run", lambda *_: pytest.fail("a run has begun"))
    monkeypatch.setattr(Evaluator, "evaluate", lambda *_: pytest.fail("something was measured"))


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("run", [False, True])
def test_a_wrong_name_of_the_method_to_subtract(tmp_path: Path, capsys: pytest.CaptureFixture[str], run: bool) -> None:
    arguments = [*write_folders(tmp_path), "--out", tmp_path / "eval"]
    if run:
        arguments += ["--conf_path", make_run(tmp_path), "--run"]
    assert call(*arguments, "--against", "godo") == 2
    error = "error: --against godo: no method of this name is measured; did you mean 'good'?\n"
    assert capsys.readouterr().err == error
    assert not (tmp_path / "eval").exists()


@pytest.mark.usefixtures("no_work")
def test_a_single_method_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = write_folders(tmp_path)[:-1]
    assert call(*arguments, "--out", tmp_path / "eval", "--against", "good") == 2
    error = "error: --against good: no other method is measured under its masks; leave --against out\n"
    assert capsys.readouterr().err == error


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("run", [False, True])
def test_results_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], run: bool) -> None:
    file = tmp_path / "eval"
    file.write_text("mine")
    arguments = ["--conf_path", make_run(tmp_path), "--run"] if run else write_folders(tmp_path)
    assert call(*arguments, "--out", file) == 2
    assert capsys.readouterr().err == f"error: {file}: results cannot be written there (File exists)\n"
    assert file.read_text() == "mine"


def test_an_interrupted_run_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_filler: TargetFiller) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TargetFiller, "run", interrupt)
    for options in ([], ["--allow_missing"]):
        assert call("--conf_path", make_run(tmp_path), "--run", "--out", tmp_path / "eval", *options) == 130
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("interrupted: the pictures finished so far are kept")
