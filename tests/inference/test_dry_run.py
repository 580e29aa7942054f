"""Dry runs: what they print, for all configurations of the repository."""

from pathlib import Path

import pytest
import yaml

from repaint.config.loading import load_config
from repaint.config.run import Config
from tests.helpers.command import run, user_error
from tests.helpers.tiny import make_run

ROOT = Path(__file__).parents[2]


def test_dry_run_prints_the_plan_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    assert run(conf, "--dry_run", "--set", "seed=3") == 0
    out = capsys.readouterr().out
    resolved = yaml.safe_load(out[: out.index(f"{tmp_path}/gt/00.png +")])
    assert resolved["seed"] == 3
    assert resolved["schedule_jump_params"]["jump_n_sample"] == 2
    assert f"{tmp_path}/gt/02.png + {tmp_path}/masks/02.png -> {tmp_path}/out/inpainted/02.png" in out
    assert "7 network calls a batch (14 in all)" in out
    assert "memory: about" in out
    assert "missing" not in out
    assert not (tmp_path / "out").exists()


def test_dry_run_shows_betas_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, betas=[0.001, 0.5] * 100)
    assert run(conf, "--dry_run") == 0
    out = capsys.readouterr().out
    assert "betas: 200 numbers from 0.001 to 0.5\n" in out
    assert "diffusion_steps: 200\n" in out
    assert "noise_schedule" not in out


ALL_CONFS = sorted(path for path in (ROOT / "confs").glob("*.yml") if not path.name.startswith(("train", "eval")))
KINDS = ("thin", "thick", "ev2li", "nn2", "ex64", "genhalf")  # masks of the paper
PUBLISHED = ("test_c256", "test_inet256", "test_p256")
LIKE_THIN = [ROOT / f"confs/{family}_{kind}.yml" for family in PUBLISHED for kind in KINDS[1:]]


@pytest.mark.parametrize("conf", sorted({*ALL_CONFS} - {*LIKE_THIN}), ids=lambda path: path.stem)
def test_dry_run_resolves_every_configuration(
    conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(conf, "--dry_run") == 0
    out = capsys.readouterr().out
    if conf.stem == "quickstart" or conf.stem.startswith("faces64"):
        assert "missing" not in out
        assert "8 pictures of 64x64" in out
    elif conf.stem in ("wall", "photo"):
        assert "1 pictures through windows of 64x64" in out
    elif conf.stem == "kodak":
        assert "missing: data/kodak" in out or "12 pictures through windows of 64x64" in out
    elif conf.stem == "held_out":
        assert "T=20 j=1 r=4, 77 network calls a batch" in out
        assert "missing: data/held_out" in out or "100 pictures of 64x64" in out
    else:
        assert "T=250 j=10 r=10, 2410 network calls a batch" in out


@pytest.mark.parametrize("conf", LIKE_THIN, ids=lambda path: path.stem)
def test_a_published_family_differs_in_its_masks_alone(conf: Path) -> None:
    family, _, kind = conf.stem.rpartition("_")
    found, thin = (load_config(Config, ROOT / f"confs/{family}_{each}.yml") for each in (kind, "thin"))
    assert found.name == conf.stem
    assert found.model_copy(update={"name": thin.name, "data": thin.data}) == thin
    data, of_thin = found.eval_data, thin.eval_data
    assert data.mask_path is not None
    assert Path(data.mask_path).name == kind
    assert data.model_copy(update={"mask_path": of_thin.mask_path, "paths": of_thin.paths}) == of_thin


def test_all_masks_of_the_paper_have_their_configurations() -> None:
    names = {f"{family}_{kind}" for family in (*PUBLISHED, "faces64") for kind in KINDS}
    others = {"quickstart", "faces64", "face_example", "wall", "held_out", "photo", "kodak"}
    assert {path.stem for path in ALL_CONFS} == names | others


def test_dry_run_finds_weights_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path)
    user_error(capsys, run(conf, "--dry_run", "--set", "num_channels=64"), "num_channels is 32, not 64")
