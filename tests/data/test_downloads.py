"""Published files that are missing: the message has the right argument of download.sh."""

import re
from pathlib import Path

import pytest
import yaml

from repaint.commands.evaluate import main as evaluate
from repaint.commands.fill import main as fill
from repaint.config.loading import load_config
from repaint.config.run import Config
from repaint.data.downloads import download_name, explain_missing
from repaint.inference.inputs import find_missing
from tests.helpers.command import run, user_error
from tests.helpers.tiny import make_run

ROOT = Path(__file__).parents[2]
ARGUMENTS = {
    "face_example": "example celeba",
    "c256": "example celeba",
    "inet256": "example imagenet",
    "p256": "example places",
}


@pytest.mark.parametrize("conf", [*sorted(ROOT.glob("confs/test_*.yml")), ROOT / "confs/face_example.yml"], ids=str)
def test_every_published_configuration(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = next(argument for word, argument in ARGUMENTS.items() if word in conf.stem)
    config = load_config(Config, conf)
    if "face" not in conf.stem and "_thick" not in conf.stem:  # the rest without starting the command
        assert f"`bash download.sh {wanted}`" in str(explain_missing(find_missing(config)))
        return
    user_error(
        capsys, fill(["--conf_path", str(conf), "--device=cpu"]), f"`bash download.sh {wanted}`", "`python test.py`"
    )
    assert fill(["--conf_path", str(conf), "--device=cpu", "--dry_run"]) == 0
    assert f"`bash download.sh {wanted}`" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_arguments_are_those_of_the_script() -> None:
    usage = (ROOT / "download.sh").read_text()
    for name, files in re.findall(r"^  (\w+) .*-> (.*)$", usage, re.MULTILINE):
        for file in files.split(", "):
            assert download_name(f"./data/{file}") == name


def test_only_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, count=1)
    user_error(capsys, run(conf, "--set", "model_path=x/places256_300000.pt"), "`bash download.sh places`")
    changed = "data.eval.tiny.mask_path=data/datasets/gt_keep_masks/thin"
    user_error(capsys, run(conf, "--set", changed), "gt_keep_masks/thin: missing; `bash download.sh example`")
    user_error(capsys, run(conf, "--set", "data.eval.tiny.mask_path=nowhere"), "nowhere: no such mask file or folder")


def test_what_the_archive_lacks(tmp_path: Path) -> None:
    (tmp_path / "datasets/gts").mkdir(parents=True)
    assert download_name(f"{tmp_path}/datasets/gts/c256") == "example"
    (tmp_path / "datasets/gt_keep_masks").mkdir()
    assert download_name(f"{tmp_path}/datasets/gts/c256") is None
    assert download_name("gs://bucket/datasets/gts/face") is None


def test_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("all.yml").write_text(yaml.safe_dump({"entries": [{"conf_path": str(ROOT / "confs/face_example.yml")}]}))
    user_error(capsys, evaluate(["--comparison", "all.yml", "--device=cpu"]), "`bash download.sh example`")
