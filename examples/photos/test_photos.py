"""Tests of the photographs' scripts, on made-up packages and pictures: no network, no photograph."""
# ruff: noqa: D103, E402, S311 - the names of tests say what they test; imports need sys.path; seeds are no secrets

import hashlib
import io
import random
import struct
import sys
import zlib
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import attribution
import cut_crops
from rcc import ContainerError, read_container
from sources import Source, read_list

FREE = ("public domain", "CC0-", "CC-BY-", "GPL-", "LGPL-")


def picture_bytes(seed: int, width: int = 200, height: int = 150) -> bytes:
    """A small PNG of colourful noise at several scales."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 10, width // 10, 3), np.uint8))
    buffer = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "png")
    return buffer.getvalue()


def source_of(file: str, data: bytes, package: str = "pictures", path: str = "", weight: float = 1) -> Source:
    """An entry of the list."""
    digest = hashlib.sha256(data).hexdigest()
    return Source(file, package, path or file, "A title", "Somebody", "CC0-1.0", "", weight, 1, digest)


def container(files: dict[str, bytes]) -> bytes:
    """A Qt resource container of version 3 with all files in one folder, every second one packed."""
    names, payload, entries = b"", b"", b""

    def name_of(text: str) -> int:
        nonlocal names
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return len(names) - 6 - 2 * len(text)

    folder = name_of("folder")
    for number, (name, data) in enumerate(files.items()):
        packed = struct.pack(">I", len(data)) + zlib.compress(data) if number % 2 else data
        entries += struct.pack(">IHHHIQ", name_of(name), number % 2, 0, 0, len(payload), 0)
        payload += struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0) + struct.pack(">IHIIQ", folder, 2, len(files), 2, 0) + entries
    start = 24
    offsets = (start, start + len(tree), start + len(tree) + len(payload))
    return b"qres" + struct.pack(">5I", 3, *offsets, 0) + tree + payload + names


def contents(folder: Path) -> dict[str, bytes]:
    """Relative name and bytes of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three listed pictures."""
    folder = tmp_path / "sources"
    folder.mkdir()
    listed = []
    for number in range(3):
        data = picture_bytes(number)
        (folder / f"{number}.png").write_bytes(data)
        listed.append(source_of(f"{number}.png", data, weight=1 + number))
    monkeypatch.setattr(cut_crops, "read_list", lambda: listed)
    return folder


def cut(photos: Path, out: Path, *options: str) -> int:
    """Cut a few small crops in one process."""
    command = ["--sources", str(photos), "--out", str(out), "--count=12", "--size=32", "--workers=1", *options]
    return cut_crops.main(command)


def assert_one_line(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """The error is a single line with these words."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def test_every_photograph_of_the_list_has_an_author_and_a_free_licence() -> None:
    sources = read_list()
    assert len({source.file for source in sources}) == len({source.sha256 for source in sources}) == len(sources)
    for source in sources:
        assert source.author
        assert source.title
        assert source.licence.startswith(FREE)
        assert not {"NC", "ND"} & set(source.licence.split("-"))
        assert source.weight > 0
        assert source.shrink >= 1
        assert "/" not in source.file


def test_attribution_is_up_to_date() -> None:
    assert (HERE / "ATTRIBUTION.md").read_text(encoding="utf-8") == attribution.compose(read_list())


def test_containers_are_read() -> None:
    files = {"a.webp": b"first", "b.webp": b"second" * 100, "c": b""}
    assert read_container(container(files)) == {f"folder/{name}": data for name, data in files.items()}


@pytest.mark.parametrize("data", [b"", b"RIFF" + bytes(40), b"qres" + bytes(3), container({"a": b"12345"})[:80]])
def test_damaged_containers_are_refused(data: bytes) -> None:
    with pytest.raises(ContainerError):
        read_container(data)


def test_crops_are_the_same_whatever_the_number_of_workers(photos: Path, tmp_path: Path) -> None:
    assert cut(photos, tmp_path / "one") == cut(photos, tmp_path / "two", "--workers=2") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == {"seed.txt", *(f"000/{index:06d}.png" for index in range(12))}
    assert Image.open(tmp_path / "one/000/000003.png").size == (32, 32)
    assert cut(photos, tmp_path / "other", "--seed=1") == 0
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_an_interrupted_or_smaller_set_is_completed(photos: Path, tmp_path: Path) -> None:
    assert cut(photos, tmp_path / "all") == 0
    assert cut(photos, tmp_path / "part", "--count=5") == 0
    (tmp_path / "part/000/000002.png").unlink()
    assert cut(photos, tmp_path / "part") == 0
    assert contents(tmp_path / "part") == contents(tmp_path / "all")


def test_another_size_in_the_same_folder_is_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(photos, tmp_path / "out", "--count=3") == 0
    capsys.readouterr()
    assert cut(photos, tmp_path / "out", "--size=64") == 2
    assert_one_line(capsys, "has crops of 32 pixels, not 64")


def test_another_seed_in_the_same_folder_is_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cut(photos, out, "--count=3", "--seed=1") == 0
    before = contents(out)
    for options in ([], ["--count=3"]):  # a set to be completed, and a complete one
        capsys.readouterr()
        assert cut(photos, out, *options) == 2
        assert_one_line(capsys, "has crops of --seed 1, not 0; choose another folder")
    assert contents(out) == before
    assert cut(photos, out, "--seed=1") == 0
    assert len(contents(out)) == 13


def test_a_set_that_does_not_tell_its_seed_is_completed(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cut(photos, out, "--count=3") == 0
    (out / "seed.txt").unlink()
    assert cut(photos, out) == 0
    assert len(contents(out)) == 12  # whose the first ones are is not known


def test_missing_pictures_give_one_line(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cut(tmp_path, tmp_path / "out") == 2
    assert_one_line(capsys, "run fetch_sources.py")
    assert cut(photos, tmp_path / "out", "--size=512") == 2
    assert_one_line(capsys, "512 pixels")
    (photos / "1.png").unlink()
    assert cut(photos, tmp_path / "out") == 0
    assert "so other crops than with all: 1.png" in capsys.readouterr().err
    (photos / "2.png").write_bytes(picture_bytes(2)[:500])
    assert cut(photos, tmp_path / "broken") == 2
    assert "2.png: cannot be read as a picture" in capsys.readouterr().err


def test_windows_reach_from_full_resolution_to_the_whole_picture() -> None:
    class Draws(list[float]):
        def random(self) -> float:
            return self.pop(0)

    def side(*draws: float) -> int:
        return cut_crops.side_of_window(1000, 50, Draws(draws))  # type: ignore[arg-type]

    assert side(0.1) == 50
    assert [side(0.9, 0.0), side(0.9, 1.0), side(0.9, 0.5)] == [50, 1000, round((50 * 1000) ** 0.5)]


def test_plain_windows_are_thinned_out(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = np.full((400, 400, 3), 128, np.uint8)
    half[:, 200:] = np.random.default_rng(0).integers(0, 256, (400, 200, 3))
    Image.fromarray(half).save(tmp_path / "half.png")
    (tmp_path / "half.png").replace(photos / "0.png")
    listed = [replace(source, weight=float(source.file == "0.png")) for source in cut_crops.read_list()]
    monkeypatch.setattr(cut_crops, "read_list", lambda: listed)
    assert cut(photos, tmp_path / "out", "--count=80", "--size=16") == 0
    crops = [np.asarray(Image.open(path)) for path in (tmp_path / "out").rglob("*.png")]
    plain = sum(not np.ptp(crop, axis=(0, 1)).any() for crop in crops)
    assert 8 <= plain < 28  # nearly half of all windows are, of which three in ten are taken as they come


def test_some_crops_have_another_tone() -> None:
    crop = Image.new("RGB", (4, 4), (180, 160, 140))
    toned = [np.asarray(cut_crops.change_tone(crop, random.Random(seed)))[0, 0] for seed in range(400)]
    changed = np.array([tone for tone in toned if tuple(tone) != crop.getpixel((0, 0))])
    assert 0.3 < len(changed) / 400 < 0.5
    assert (changed.min(axis=1) == 255).sum() >= 4  # clipped to white
    assert (changed.max(axis=1) < 90).sum() >= 4  # dark
    assert np.ptp(changed.astype(int), axis=1).max() > 100  # colourful
    again = cut_crops.change_tone(crop, random.Random(7))
    assert again.tobytes() == cut_crops.change_tone(crop, random.Random(7)).tobytes()


def test_some_crops_have_the_colours_of_other_things() -> None:
    orange = (200, 140, 60)
    crop = Image.new("RGB", (4, 4), orange)
    crops = [cut_crops.change_colours(crop, random.Random(seed)) for seed in range(400)]
    changed = np.array([each.getpixel((0, 0)) for each in crops if each.getpixel((0, 0)) != orange], int)
    assert 0.18 < len(changed) / 400 < 0.32
    assert {tuple(order) for order in changed.argsort(axis=1)} == set(permutations(range(3)))  # every hue
    spread = np.ptp(changed, axis=1)
    assert spread.min() >= 140  # none is paler than it was
    assert ((changed == 0).any(axis=1) & (changed == 255).any(axis=1)).sum() >= 4  # pure colours
    again = cut_crops.change_colours(crop, random.Random(4))
    assert again.tobytes() == cut_crops.change_colours(crop, random.Random(4)).tobytes()


def test_crops_of_a_run_have_other_colours(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (60, 60), (200, 140, 60)).save(photos / "0.png")
    listed = [replace(source, weight=float(source.file == "0.png")) for source in cut_crops.read_list()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_crops, "read_list", lambda: listed)
        assert cut(photos, tmp_path / "out", "--count=60", "--size=16") == 0
    crops = [np.asarray(Image.open(path))[0, 0].astype(int) for path in (tmp_path / "out").rglob("*.png")]
    assert 4 <= sum(red < max(green, blue) - 20 for red, green, blue in crops) <= 20  # no exposure turns orange blue


@pytest.mark.parametrize("option", ["--size=0", "--count=0", "--seed=-1", "--workers=x", "--x"])
def test_bad_options_give_one_line(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cut(tmp_path, tmp_path / "out", option)
    assert stop.value.code == 2
    assert_one_line(capsys, option.partition("=")[0])
