"""Masks written by `scripts/make_masks.py`."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import processes
from tests.helpers.command import user_error
from tests.helpers.tiny import SIZE, read_pixels, write_pictures

ROOT = Path(__file__).parents[1]


def test_masks_from_the_script(tmp_path: Path) -> None:
    write_pictures(tmp_path / "gt", 3)
    out = tmp_path / "masks"
    done = processes.run("scripts/make_masks.py", "thick", "--size", str(SIZE), "--count", "3", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"3 thick masks in {out}\n"
    assert [path.name for path in sorted(out.iterdir())] == ["000000.png", "000001.png", "000002.png"]
    assert set(np.unique(read_pixels(out / "000001.png"))) <= {0, 255}
    assert processes.run("scripts/make_masks.py", "thick", "--size", "0", "--out", out).returncode == 2


def make_masks(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["make_masks.py", *map(str, arguments)])
    code = runpy.run_path(str(ROOT / "scripts/make_masks.py"))["main"]()
    assert isinstance(code, int)
    return code


def test_a_mask_for_each_picture_has_its_size_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "gt", 2, size=(30, 20), suffix=".jpg")
    arguments = ("genhalf", "--width", 0.1, "--pictures", tmp_path / "gt", "--out", tmp_path / "masks")
    assert make_masks(monkeypatch, *arguments) == 0
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["00.png", "01.png"]
    mask = read_pixels(tmp_path / "masks/00.png")
    np.testing.assert_array_equal(mask, np.tile(np.where(np.arange(30) < 27, 255, 0), (20, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["box", "--pictures", "{}/gt", "--out", "{}/gt"], "00.png would lie among the pictures in {}/gt"),
        (["box", "--pictures", "{}/gt", "--out", "{}/gt/masks"], "00.png would lie among the pictures"),
        (["box", "--pictures", "{}/gt", "--out", "{}/gt/link"], "00.png would lie among the pictures"),
        (["box", "--pictures", "{}/gt", "--out", "{}"], "gt/00.png would lie among the pictures"),
        (["box", "--pictures", "{}/twins", "--out", "{}/masks"], "00.jpg and 00.png would share the mask 00.png"),
        (["box", "--pictures", "{}/gt", "--size", "64", "--out", "{}/masks"], "--size and --count are those of the"),
        (["box", "--pictures", "{}/gt", "--count", "1", "--out", "{}/masks"], "--size and --count are those of the"),
        (["thick", "--size", "100000", "--out", "{}/masks"], "at most 89,478,485 pixels; give at most 9459"),
        (["box", "--size", "9460", "--out", "{}/masks"], "--size 9460: a mask has at most 89,478,485 pixels"),
        (["genhalf", "--width", "0.01", "--size", "16", "--out", "{}/masks"], "genhalf has no hole at 16x16"),
        (["box", "--width", "0.01", "--pictures", "{}/gt", "--out", "{}/masks"], "box has no hole at 16x16"),
    ],
)
def test_masks_that_would_be_useless_or_replace_pictures(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    write_pictures(tmp_path / "gt", 1)
    write_pictures(tmp_path / "gt/gt", 1)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "gt/link").symlink_to(tmp_path / "elsewhere")
    for suffix in (".png", ".jpg"):
        write_pictures(tmp_path / "twins", 1, suffix=suffix)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    code = make_masks(monkeypatch, *(argument.format(tmp_path) for argument in arguments))
    user_error(capsys, code, message.format(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
