"""The design script, end to end: what it finds, writes and refuses, and that `test.py` runs it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from repaint.commands.fill import main as fill_command
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.pipeline.process import build_times
from repaint.schedule import count_network_calls
from tests.helpers.scripts import Call, script_in
from tests.helpers.tiny import make_run, read_pixels

pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
QUICK = ("--trials", "10", "--rounds", "1")
TABLE = ("--spectrum", "3", "--size", "8", "--fewest_steps", "4", "--evenness", "0")  # the field of the known table


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line within this process: exit code, output, errors. Writes into `tmp_path`."""
    return script_in(tmp_path, "design_schedule", monkeypatch, capsys)


@pytest.fixture
def without_the_papers_rows(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The long schedules take most of the time of a short search."""
    monkeypatch.setattr("repaint.commands.handlers.schedule_design.KNOWN", ())


def test_the_table_and_a_design(call: Call, tmp_path: Path) -> None:
    """The paper's rows, measured independently (0.032, 0.072 and 0.124), and a schedule far below them."""
    face_example = str(ROOT / "confs/face_example.yml")
    code, out, _ = call("--conf_path", face_example, *TABLE, "--trials", "20", "--rounds", "1", "--out", "my.yml")
    assert code == 0
    numbers = [tuple(map(float, line.replace(",", "").split()[-2:])) for line in out[1:6]]
    assert [calls for calls, _ in numbers] == [2410, 1210, 230, 232, 240]
    distances = [distance for _, distance in numbers]
    assert distances[:3] == pytest.approx([0.032, 0.072, 0.124], rel=0.05)
    assert distances[4] <= 0.010
    config = load_config(Config, "my.yml")
    assert count_network_calls(build_times(config)) == 240
    assert config.model_path == load_config(Config, face_example).model_path
    with Image.open("my.png") as figure:
        assert figure.width > 500
    comments = [line for line in Path("my.yml").read_text().splitlines() if line.startswith("#")]
    assert comments[0].startswith("# python scripts/design_schedule.py --conf_path")
    assert comments[1:] == [f"# {line}" for line in out[:6]]


@pytest.mark.usefixtures("without_the_papers_rows")
def test_a_design_for_own_pictures_and_masks_runs(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over a base with a preset, in a folder of its own: what the base's run has written stays as it was."""
    base = make_run(tmp_path, schedule="preview")
    settings = yaml.safe_load(base.read_text())
    for key in ("timestep_respacing", "schedule_jump_params"):
        del settings[key]
    base.write_text(yaml.safe_dump(settings))
    assert fill_command(["--conf_path", str(base), "--device", "cpu"]) == 0
    before = read_pixels(tmp_path / "out/inpainted/00.png")
    Path("designs").mkdir()
    options = ("--pictures", "gt", "--mask", "masks", "half", "--calls", "20", *QUICK, "--out", "designs/mine.yml")
    code, _, err = call("--conf_path", str(base), *options)
    assert code == 0, err
    assert yaml.safe_load(Path("designs/mine.yml").read_text())["base"] == f"../{base.name}"
    assert fill_command(["--conf_path", "designs/mine.yml", "--device", "cpu"]) == 0
    assert "20 network calls" in capsys.readouterr().out
    assert len(list(Path("log/mine/pictures").glob("*.png"))) == 3
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/inpainted/00.png"), before)


@pytest.mark.usefixtures("without_the_papers_rows")
def test_a_design_is_never_behind_even_passes(call: Call, tmp_path: Path) -> None:
    """Also where nothing is searched, and for a process of few steps, for which the paper's schedule has too many."""
    base = make_run(tmp_path, diffusion_steps=30)
    options = ("--conf_path", str(base), "--mask", "half", "--trials", "0", "--rounds", "0")
    for calls, rows in (("66", 2), ("20", 2)):
        code, out, err = call(*options, "--calls", calls, "--overwrite")
        assert code == 0, err
        even, designed = (float(line.split()[-1]) for line in out[1 : 1 + rows])
        assert designed <= even
        build_times(load_config(Config, "schedule.yml"))


def test_the_bases_own_steps_are_kept(call: Call, tmp_path: Path) -> None:
    base = make_run(tmp_path, use_ddim=True, ddim_eta=0.3, diffusion_steps=30)
    assert call("--conf_path", str(base), "--mask", "half", "--calls", "20", *QUICK)[0] == 0
    config = load_config(Config, "schedule.yml")
    assert (config.use_ddim, config.ddim_eta) == (True, 0.3)


@pytest.mark.usefixtures("without_the_papers_rows")
def test_steps_of_ddim_can_be_chosen(call: Call, tmp_path: Path) -> None:
    """A variance that is neither learned nor small is too large for few steps: that of eta = 1 wins, and is written."""
    base = make_run(tmp_path, learn_sigma=False)
    options = ("--conf_path", str(base), "--mask", "half", "--calls", "20", *QUICK)
    distances = []
    for eta in ((), ("--eta", "0", "1")):
        code, out, _ = call(*options, *eta, "--overwrite")
        assert code == 0
        config = load_config(Config, "schedule.yml")
        assert config.use_ddim == ("eta=" in out[-3]) == bool(eta)
        distances.append(float(out[-3].split()[-1]))
    assert distances[1] < distances[0]


@pytest.mark.usefixtures("without_the_papers_rows")
def test_the_same_seed_writes_the_same(call: Call, tmp_path: Path) -> None:
    base = make_run(tmp_path)
    free = ("--evenness", "0", "--fewest_steps", "4", "--trials", "10", "--rounds", "0")
    options = ("--conf_path", str(base), "--mask", "thick", "half", "--calls", "60", *free)
    texts = []
    for seed in ("1", "1", "2"):
        assert call(*options, "--seed", seed, "--overwrite")[0] == 0
        texts.append(Path("schedule.yml").read_text().replace(f"--seed {seed}", ""))
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--calls", "5"), "--calls 5: from 20 to 2000 network calls can be designed"),
        (("--calls", "30", "--fewest_steps", "31"), "--fewest_steps 31: from 2 to 30, the calls or the steps"),
        (("--calls", "2000", "--fewest_steps", "1001"), "--fewest_steps 1001: from 2 to 1000, the calls or the steps"),
        (("--evenness", "1.5"), "--evenness 1.5: from 0 to 1"),
        (("--eta", "2"), "--eta [2.0]: from 0 to 1"),
        (("--trials", "-1"), "--trials must be at least 0"),
        (("--size", "4"), "pictures of 8 to 1024 pixels a side can be looked at, not of 4; see --size"),
        (("--spectrum", "nan"), "--spectrum nan: from 0 to 5"),
        (("--spectrum", "-1"), "--spectrum -1.0: from 0 to 5"),
        (("--pictures", "gt", "--spectrum", "2"), "--pictures and --spectrum exclude each other"),
        (("--mask", "nowhere"), "nowhere: neither a kind of mask"),
        (("--pictures", "nowhere"), "nowhere: no such folder"),
        (("--mask", "nothing.png"), "--mask nothing.png: leaves nothing to fill"),
        (("--out", "schedule.png"), "--out 'schedule.png': a local configuration, name it so"),
        (("--out", "gs://b/schedule.yml"), "--out 'gs://b/schedule.yml': a local configuration, name it so"),
        (("--out", "conf.yml", "--overwrite"), "--out conf.yml: the design is laid over this file"),
        (("--out", "base.yml", "--overwrite"), "--out base.yml: the design is laid over this file"),
        (("--out", "mine.yml"), "mine.png exists already; give another --out, or --overwrite"),
        (("--out", "folder.yml", "--overwrite"), "folder.yml exists already"),
        (("--conf_path", "nowhere.yml"), "nowhere.yml: no such configuration file"),
    ],
)
def test_mistakes_take_one_line_and_write_nothing(
    call: Call, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    make_run(tmp_path).rename(tmp_path / "base.yml")
    (tmp_path / "conf.yml").write_text("base: base.yml\n")
    (tmp_path / "folder.yml").mkdir()
    for name in ("nothing.png", "mine.png"):
        Image.new("L", (16, 16), 255).save(tmp_path / name)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    code, out, err = call("--conf_path", "conf.yml", *QUICK, *options)
    assert (code, out) == (2, [])
    assert message in err
    assert err.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_what_a_base_or_a_process_rules_out(call: Call, tmp_path: Path) -> None:
    guided = str(make_run(tmp_path, classifier_path="classifier.pt", classifier_scale=1.0))
    assert "which cannot steer DDIM's steps" in call("--conf_path", guided, "--eta", "0")[2]
    tiny = str(make_run(tmp_path, betas=[1e-18, 1e-18], timestep_respacing="2"))
    options = ("--conf_path", tiny, "--calls", "20", "--fewest_steps", "2")
    assert "betas are so small that they are lost in rounding" in call(*options)[2]


@pytest.mark.usefixtures("without_the_papers_rows")
def test_a_langevin_design_runs(call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = make_run(tmp_path, count=1)
    options = ("--method", "langevin", "--calls", "20", "--fewest_steps", "4", "--mask", "half", "--size", "8")
    code, out, err = call("--conf_path", str(base), *options, "--trials", "2", "--rounds", "0", "--out", "mine.yml")
    assert code == 0, err
    assert "mine.yml written" in out
    assert not Path("mine.png").exists()
    config = load_config(Config, "mine.yml")
    assert config.langevin is not None
    assert len(build_times(config)) - 1 == len(config.langevin.inner_steps)
    assert fill_command(["--conf_path", "mine.yml", "--device", "cpu"]) == 0
    assert "20 network calls" in capsys.readouterr().out
