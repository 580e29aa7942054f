"""The command that draws schedules."""

from pathlib import Path

import pytest
from PIL import Image

from repaint.commands.handlers import schedule_plot
from repaint.commands.schedule_plot import PAPER as PARAMETERS
from repaint.config.sampling import ScheduleJumpParams
from repaint.schedule import get_schedule_jump
from repaint.visual.schedule_figure import Schedule, draw_schedules, summarize
from tests.helpers import processes
from tests.helpers.scripts import Call, script_in
from tests.helpers.tiny import write_config

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
PAPER = (
    "T=250, j=10, r=10: 2410 network calls, 2160 forward steps, calls at low/middle/high noise 34.5% / 34.4% / 31.1%"
)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line within this process: exit code, output, errors. Writes into `tmp_path`."""
    return script_in(tmp_path, "repaint.commands.schedule_plot", monkeypatch, capsys)


def test_command_draws_all_sources_side_by_side(tmp_path: Path) -> None:
    out = tmp_path / "new" / "three.png"
    texts = ("--schedule", "t_T=50, jump_length=5, jump_n_sample=5", "--schedule", "jump_n_sample=1")
    conf = ("--conf_path", "confs/face_example.yml")
    done = processes.run("scripts/plot_schedule.py", *conf, *texts, "--t_T", "20", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert names == ["face_example", "T=20, j=10, r=10", "T=50, j=5, r=5", "T=250"]
    assert "T=50, j=5, r=5: 230 network calls, 180 forward steps" in done.stdout
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    assert [path.name for path in out.parent.iterdir()] == ["three.png"]


def test_command_reports_a_mistake_in_one_line(call: Call, tmp_path: Path) -> None:
    code, lines, error = call("--schedule", "t_T=50,jmp_length=5", "--out", "a.png")
    assert (code, lines) == (2, [])
    assert error == (
        "error: --schedule 't_T=50,jmp_length=5': unknown parameter 'jmp_length'; did you mean 'jump_length'?\n"
    )
    assert not list(tmp_path.iterdir())


def test_default_is_the_schedule_of_the_paper(call: Call, tmp_path: Path) -> None:
    assert call() == (0, [PAPER], "")
    assert (tmp_path / "schedule.png").is_file()


def test_flags_reach_the_schedule(call: Call) -> None:
    flags = "--t_T 30 --n_sample 2 --jump_length 9 --jump_n_sample 2 --jump2_length 3 --jump2_n_sample 2"
    flags += " --jump3_length 2 --jump3_n_sample 3 --start_resampling 25"
    code, lines, _ = call(*flags.split())
    times = get_schedule_jump(30, 2, 9, 2, 3, 2, 2, 3, 25)
    assert code == 0
    assert lines == [summarize(Schedule("T=30, j=9, r=2, j2=3, r2=2, j3=2, r3=3, n=2, start=25", times))]


def test_several_files_by_their_names(call: Call) -> None:
    data = "model_path: m\ndata: {eval: {a: {gt_path: g, mask_path: m, paths: {srs: s}}}}\ntimestep_respacing: "
    Path("first.yml").write_text(f"{data}20\n")
    Path("second.yml").write_text(f"name: $x\n{data}30\n")
    code, lines, _ = call("--conf_path", "first.yml", "second.yml")
    assert code == 0
    assert [line.split(",")[0] for line in lines] == ["first: 110 network calls", "$x: 210 network calls"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--t_T", "0"), "t_T must be at least 1, not 0"),
        (("--t_T", "-3"), "t_T must be at least 1, not -3"),
        (("--jump_length", "ten"), "jump_length must be a whole number, not 'ten'"),
        (("--schedule", "t_T=0"), "t_T must be at least 1, not 0"),
        (("--schedule", "t_T=2.5"), "t_T must be a whole number, not '2.5'"),
        (("--schedule", "t_T=9,t_T=8"), "t_T is given twice"),
        (("--schedule", "t_T"), "write it as t_T=50"),
        (("--schedule", ""), "write it as t_T=50"),
        (("--schedule", "steps\n=5"), "unknown parameter 'steps'; there are t_T, n_sample"),
        (("--conf_path", "nope.yml"), "nope.yml: no such configuration file"),
        (("--out", "picture.jpg"), "'picture.jpg': the figure is a PNG file"),
        (("--out", "file/picture.png"), "file/picture.png: cannot be written"),
        (("--out", "folder.png"), "folder.png: cannot be written"),
    ],
)
def test_mistakes_are_one_line(call: Call, arguments: tuple[str, ...], message: str) -> None:
    Path("file").touch()
    Path("folder.png").mkdir()
    code, lines, errors = call(*arguments)
    assert (code, lines) == (2, [])
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder.png"]


def test_uneven_steps_put_all_schedules_on_the_scale_of_the_timesteps(call: Call, tmp_path: Path) -> None:
    keys = {"timestep_respacing": "at:0,10,20,999", "schedule_jump_params": {}, "resample": [5]}
    path = write_config(tmp_path, name="uneven", **keys)
    arguments = ("--conf_path", str(path), "--schedule", "t_T=4,jump_n_sample=1")
    code, (first, second), _ = call(*arguments)
    assert code == 0
    assert first == "uneven: 8 network calls, 4 forward steps, calls at low/middle/high noise 87.5% / 0.0% / 12.5%"
    assert "calls at low/middle/high noise 50.0% / 25.0% / 25.0%" in second
    upper, lower = draw_schedules([Schedule("uneven", [3, 2, 1, 0, -1], [0, 10, 20, 999])]).subfigs[0].axes
    assert list(upper.lines[0].get_ydata()) == [999, 20, 10, 0, -1]
    assert (upper.get_ylabel(), lower.get_xlim()[1]) == ("timestep", 1000)
    code, _, error = call(*arguments, "--schedule", "t_T=1001,jump_n_sample=1")
    assert (code, error) == (
        2,
        "error: a schedule of 1001 steps does not fit beside presets or uneven steps, which are of 1000\n",
    )


def test_presets_are_shown_by_the_timesteps_of_the_network(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Schedule] = []
    monkeypatch.setattr(schedule_plot, "plot_schedules", lambda schedules: drawn.extend(schedules) or b"figure")
    assert call("--schedule", "paper", "--schedule", "t_T=4,jump_n_sample=1")[0] == 0
    assert [schedule.heights[0] for schedule in drawn] == [999, 999]
    assert [schedule.steps for schedule in drawn] == [250, 4]


def test_files_are_shown_by_their_own_timesteps(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: list[Schedule] = []
    monkeypatch.setattr(schedule_plot, "plot_schedules", lambda schedules: drawn.extend(schedules) or b"figure")
    long = str(write_config(tmp_path, diffusion_steps=4000, timestep_respacing="4"))
    assert call("--conf_path", long)[0] == 0
    assert drawn.pop().timesteps is None  # even steps need no other scale
    assert call("--conf_path", long, "--schedule", "paper")[0] == 0
    assert [schedule.heights[0] for schedule in drawn] == [3999, 3999]
    drawn.clear()
    sections = str(write_config(tmp_path, diffusion_steps=4000, timestep_respacing="3,1"))
    assert call("--conf_path", sections)[0] == 0
    assert drawn[0].timesteps == [0, 1000, 1999, 2000]


def test_a_method_without_jumps_has_no_jump_schedule(call: Call, tmp_path: Path) -> None:
    path = write_config(tmp_path, schedule_jump_params={}, method="langevin")
    code, lines, error = call("--conf_path", str(path))
    assert (code, lines) == (2, [])
    assert error == f"error: {path}: method: langevin goes straight down; only jump schedules are drawn\n"


def test_parameters_are_those_of_the_configuration() -> None:
    assert ScheduleJumpParams(t_T=250).model_dump() == PARAMETERS
