"""Where results of pictures on the command line go, and what an interruption leaves of them."""

import errno
import os
import time
from pathlib import Path

import pytest

from repaint.commands.handlers.photo_jobs import write_together
from repaint.data import local_files
from repaint.errors import WriteError
from tests.commands.test_photo import Photos

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    photos = Photos(tmp_path)
    photos.picture("a.png")
    photos.picture("b.png")
    return photos


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException, written: bool = False) -> None:
    """Let the writing of a file fail, before it is there or right after."""
    write = local_files.write

    def fail(path: Path, content: bytes) -> None:
        if path.name != name or written:
            write(path, content)
        if path.name == name:
            raise error

    monkeypatch.setattr(local_files, "write", fail)


@pytest.mark.parametrize("written", [False, True])
def test_after_ctrl_c_between_fills_the_same_command_goes_on(
    photos: Photos, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    command = ("a.png", "b.png", "--mask", "mask.png", "--fills", "3")
    with monkeypatch.context() as patch:
        fail_at(patch, "a_filled_1.png", KeyboardInterrupt(), written)
        assert photos.fill(*command) == 130
    assert not list(Path().glob("*_filled*"))
    assert photos.fill(*command) == 0
    assert len(list(Path().glob("*_filled_?.png"))) == 6


def test_a_full_disk_leaves_no_part_of_the_fills(
    photos: Photos, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_at(monkeypatch, "b_filled_1.png", OSError(errno.ENOSPC, "No space left on device"))
    assert photos.fill("a.png", "b.png", "--mask", "mask.png", "--fills", "2") == 2
    assert "b_filled_1.png: cannot be written (No space left on device)" in capsys.readouterr().err
    assert sorted(path.name for path in Path().glob("*_filled*")) == ["a_filled_0.png", "a_filled_1.png"]


def test_files_that_were_there_before_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, last = (str(tmp_path / name) for name in ("old.png", "new.png", "last.png"))
    Path(old).write_bytes(b"before")
    fail_at(monkeypatch, "last.png", OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(WriteError):
        write_together({old: b"after", new: b"after", last: b"after"})
    assert Path(old).exists()
    assert not Path(new).exists()
    assert not Path(last).exists()


def test_a_picture_with_a_part_of_its_fills_does_not_stop_the_others(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a_filled_0.png").write_bytes(b"mine")
    command = ("a.png", "b.png", "--mask", "mask.png", "--fills", "2")
    line = "skipped: a_filled_0.png: exists already, but not all fills of its picture; --overwrite replaces it\n"
    for options in (["--dry_run"], [], []):  # also when the others are done
        assert photos.fill(*command, *options) == 3
        assert capsys.readouterr().err == line
    assert Path("b_filled_1.png").exists()
    assert Path("a_filled_0.png").read_bytes() == b"mine"
    assert photos.fill("a.png", "--mask", "mask.png", "--fills", "2") == 2
    assert capsys.readouterr().err == line.replace("skipped", "error")
    assert photos.fill(*command, "--overwrite") == 0


def test_unfinished_files_of_killed_processes_are_removed(photos: Photos) -> None:
    old, young = Path("out/.repaint-old.part"), Path("out/.repaint-young.part")
    Path("out").mkdir()
    for path in (old, young):
        path.write_bytes(b"part")
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))
    assert photos.fill("a.png", "--mask", "mask.png", "--out", "out", "--dry_run") == 0
    assert old.exists()
    assert photos.fill("a.png", "--mask", "mask.png", "--out", "out") == 0
    assert not old.exists()
    assert young.exists()  # a running process may be writing it


@pytest.mark.parametrize(
    ("pictures", "out"),
    [(["a.png", "b.png"], "out.v2/"), (["a.png", "b.png"], "out.v2"), (["a.png"], "out.v2/"), (["a.png"], "out.png/")],
)
def test_a_folder_may_have_a_dot_in_its_name(photos: Photos, pictures: list[str], out: str) -> None:
    assert photos.fill(*pictures, "--mask", "mask.png", "--out", out) == 0
    assert sorted(path.name for path in Path(out).iterdir()) == pictures


@pytest.mark.parametrize(
    ("pictures", "out", "message"),
    [
        (
            ["a.png"],
            "out.v2",
            "--out out.v2: results can be written as png, jpg, webp; end the name of a folder",
        ),
        (["a.png", "b.png"], "x.jpg", "--out x.jpg: a file, but there are 2 pictures; name a folder"),
        (["a.png", "b.png"], "x.TIFF", "--out x.TIFF: a file, but there are 2 pictures; name a folder"),
    ],
)
def test_what_is_no_folder_is_refused(
    photos: Photos, pictures: list[str], out: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert photos.fill(*pictures, "--mask", "mask.png", "--out", out) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not Path(out).exists()
