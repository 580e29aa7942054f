"""Runs whose pictures have names that are hard for their results: over the limit, or of one stem."""

import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from repaint.commands.fill import main as fill
from repaint.data.names import shorten_stem
from tests.helpers.command import manifest, run
from tests.helpers.tiny import SIZE, make_run

LONG = "x" * 251
SHORT = shorten_stem(LONG, 255)


def edit_data(conf: Path, **changes: object) -> Path:
    tree = yaml.safe_load(conf.read_text())
    tree["data"]["eval"]["tiny"].update(changes)
    conf.write_text(yaml.safe_dump(tree))
    return conf


def results(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out/inpainted").iterdir()}


def test_names_over_the_limit_are_shortened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = edit_data(make_run(tmp_path, count=2, num_samples_per_image=2), format="webp")
    (tmp_path / "gt/00.png").rename(tmp_path / f"gt/{LONG}.png")
    (tmp_path / "masks/00.png").rename(tmp_path / f"masks/{LONG}.png")
    assert run(conf, "--dry_run") == 0
    assert f"{SHORT}_1.webp" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert run(conf) == 0
    assert f"names of results over 255 bytes are shortened: {SHORT}.png" in capsys.readouterr().out
    assert results(tmp_path) == {"01_0.webp", "01_1.webp", f"{SHORT}_0.webp", f"{SHORT}_1.webp"}
    assert len(manifest(tmp_path)) == 4
    assert run(conf) == 0
    assert "4 of 4 fills are finished already" in capsys.readouterr().out


def test_names_that_just_fit_stay(tmp_path: Path) -> None:
    conf = make_run(tmp_path, count=1)
    (tmp_path / "gt/00.png").rename(tmp_path / f"gt/{LONG}.png")
    (tmp_path / "masks/00.png").rename(tmp_path / f"masks/{LONG}.png")
    assert run(conf) == 0
    assert results(tmp_path) == {f"{LONG}.png"}


def test_pictures_of_one_stem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = make_run(tmp_path, count=2)
    Image.open(tmp_path / "gt/00.png").save(tmp_path / "gt/00.jpg")
    assert run(conf) == 0
    assert "pictures of one name keep their ending in the results' names: 00.jpg, 00.png" in capsys.readouterr().out
    assert results(tmp_path) == {"00.jpg.png", "00.png.png", "01.png"}


def test_masks_among_the_pictures(tmp_path: Path) -> None:
    conf = edit_data(make_run(tmp_path, count=2), mask_path=str(tmp_path / "gt"))
    for name in ("00", "01"):
        shutil.move(tmp_path / f"masks/{name}.png", tmp_path / f"gt/{name}_mask.png")
    assert run(conf) == 0
    assert results(tmp_path) == {"00.png", "01.png"}
    assert [Path(line["mask"]).name for line in manifest(tmp_path)] == ["00_mask.png", "01_mask.png"]


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    make_run(tmp_path, count=2)
    model, mask = f"--model={tmp_path}/model.safetensors", f"--mask={tmp_path}/masks/00.png"
    flags = [f"--set=image_size={SIZE}", "--set=num_head_channels=16", "--set=timestep_respacing=2"]
    return [model, mask, *flags, "--device=cpu", "--schedule=preview"]


def test_pictures_of_the_command_line(tmp_path: Path, settings: list[str]) -> None:
    gt = tmp_path / "gt"
    Image.open(gt / "00.png").save(gt / "00.jpg")
    (gt / "01.png").rename(gt / f"{LONG}.png")
    assert fill([str(gt), *settings]) == 0
    filled = {"00.jpg_filled.png", "00.png_filled.png", f"{SHORT}_filled.png"}
    assert {path.name for path in gt.iterdir()} == {"00.jpg", "00.png", f"{LONG}.png"} | filled
    assert fill([str(gt), *settings, "--overwrite"]) == 0  # the results are not taken for pictures
    assert {path.name for path in gt.iterdir()} == {"00.jpg", "00.png", f"{LONG}.png"} | filled


def test_pictures_of_one_name_from_two_folders(tmp_path: Path, settings: list[str]) -> None:
    shutil.copytree(tmp_path / "gt", tmp_path / "more")
    names = [f"{tmp_path}/{folder}/00.png" for folder in ("gt", "more")]
    assert fill([*names, *settings, f"--out={tmp_path}/filled"]) == 0
    filled = sorted(path.name for path in (tmp_path / "filled").iterdir())
    assert len(filled) == 2
    assert all(name.startswith("00~") for name in filled)
