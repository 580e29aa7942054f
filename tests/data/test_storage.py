import io
import os
import resource
import stat
import time
from pathlib import Path, PureWindowsPath
from typing import NoReturn

import blobfile as bf
import pytest
import urllib3

from repaint.data import storage
from repaint.errors import DataError


def test_listing_is_recursive_sorted_and_relative(tmp_path: Path) -> None:
    for name in ("b.png", "a/x.y.png", "a/deep/ü.png", ".hidden", ".git/z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert storage.list_files(str(tmp_path)) == ["a/deep/ü.png", "a/x.y.png", "b.png"]
    assert storage.list_files(f"{tmp_path}/") == storage.list_files(str(tmp_path))


def test_missing_folder_and_file() -> None:
    with pytest.raises(DataError, match="no/where: no such folder"):
        storage.list_files("no/where")
    with pytest.raises(DataError, match="no/file: no such file"):
        storage.read_bytes("no/file")


def test_write_makes_folders_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c.txt"
    storage.write_bytes(str(path), b"one")
    storage.write_bytes(str(path), b"two")
    assert path.read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["c.txt"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o044, "results are readable for others, as umask allows"


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.txt"
    path.write_bytes(b"old")

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"c\.txt: cannot be written \(No space left on device\)"):
        storage.write_bytes(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["c.txt"]
    with pytest.raises(DataError, match="No space left"):
        storage.append_line(str(path), "line")


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="results cannot be written there"):
        storage.check_writable(str(tmp_path / "file/folder"))
    with pytest.raises(DataError, match="cannot be written"):
        storage.write_bytes(str(tmp_path / "file/x.png"), b"")
    with pytest.raises(DataError, match="cannot be written"):
        storage.append_line(str(tmp_path / "file/x.txt"), "")


def test_a_line_that_does_not_fit_leaves_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    storage.append_line(str(path), "first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # Python ignores the signal that comes with it
    try:
        with pytest.raises(DataError) as raised:
            storage.append_line(str(path), "second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "lines.txt: cannot be written (No space left on device)" in str(raised.value)
    assert path.read_text() == "first\n"


def test_append(tmp_path: Path) -> None:
    path = str(tmp_path / "log/manifest.jsonl")
    storage.append_line(path, "a")
    storage.append_line(path, "b")
    assert Path(path).read_text() == "a\nb\n"


def test_join_and_parent() -> None:
    assert storage.join("out", "a/b.png") == str(Path("out/a/b.png"))
    assert storage.join("gs://bucket/out", "a/b.png") == "gs://bucket/out/a/b.png"
    assert storage.parent("log/x/inpainted") == str(Path("log/x"))
    assert storage.parent("gs://bucket/out/inpainted/") == "gs://bucket/out"


class FakeBlobs:
    """The part of blobfile that storage uses, over a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def BlobFile(self, path: str, mode: str) -> io.BytesIO:  # noqa: N802 - blobfile's name
        if mode == "rb":
            return io.BytesIO(self.files[path])
        blobs = self

        class Writer(io.BytesIO):
            def close(self) -> None:
                blobs.files[path] = self.getvalue()
                super().close()

        return Writer()

    def exists(self, path: str) -> bool:
        return path in self.files

    def makedirs(self, path: str) -> None:
        if path.startswith("gs://forbidden"):
            raise bf.Error("403")


def test_remote_paths_go_through_blobfile(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FakeBlobs()
    monkeypatch.setattr(storage._remote, "files", blobs)
    monkeypatch.setattr(storage._remote, "mark_reached", lambda: None)
    storage.write_bytes("gs://bucket/a.txt", b"one")
    storage.append_line("gs://bucket/a.txt", "two")
    storage.append_line("gs://bucket/new.txt", "three")
    assert blobs.files == {"gs://bucket/a.txt": b"onetwo\n", "gs://bucket/new.txt": b"three\n"}
    assert storage.read_bytes("gs://bucket/new.txt") == b"three\n"
    storage.check_writable("gs://bucket/out")
    with pytest.raises(DataError, match=r"gs://forbidden/out: results cannot be written there \(403\)"):
        storage.check_writable("gs://forbidden/out")


@pytest.mark.parametrize("name", ["run:1", "scan:2", "a//b", "C:", "http:"])
def test_local_names_with_colons_and_double_slashes(tmp_path: Path, name: str) -> None:
    folder = f"{tmp_path}/{name}"
    storage.check_writable(folder)
    storage.write_bytes(storage.join(folder, "scan:2.png"), b"1")
    storage.append_line(f"{folder}/log:1.txt", "x")
    assert storage.list_files(folder) == ["log:1.txt", "scan:2.png"]
    assert storage.read_bytes(f"{folder}//scan:2.png", max_bytes=1) == b"1"
    with storage.open_binary(f"{folder}/scan:2.png") as file:
        assert file.read() == b"1"
    assert storage.is_folder(folder)
    assert storage.exists(f"/{folder}/scan:2.png")  # two slashes in front, as of a share
    storage.remove(f"{folder}/scan:2.png")
    assert not storage.exists(f"{folder}/scan:2.png")


@pytest.mark.parametrize(
    "path", ["run:1/x", "scan:2.png", "//share/x", "C:/x", "C:\\x", r"\\host\share\x", "gs:/x", "https://a.b/c"]
)
def test_what_blobfile_does_not_know_is_local(path: str) -> None:
    assert not storage.is_remote(path)


@pytest.mark.parametrize("path", ["gs://b/x", "az://a/c/x", "https://a.blob.core.windows.net/c/x"])
def test_what_blobfile_knows_is_remote(path: str) -> None:
    assert storage.is_remote(path)


def test_paths_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_LocalPath", PureWindowsPath)
    assert storage.join("C:\\out", "a/b.png") == "C:\\out\\a\\b.png"
    assert storage.join(r"\\host\share", "b.png") == r"\\host\share\b.png"
    assert storage.parent(r"C:\out\inpainted") == r"C:\out"
    assert storage.name_of(r"C:\out.v2\a.png") == "a.png"
    assert storage.parent("gs://b/a/c") == "gs://b/a"


def test_storage_without_network_is_found_out_soon_and_quietly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    fresh = storage._Remote()

    def unreachable() -> NoReturn:
        raise urllib3.exceptions.ConnectTimeoutError("no network")

    fresh.files._conf._get_http_pool = unreachable
    monkeypatch.setattr(storage, "_remote", fresh)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(DataError, match=r"^gs://bucket/x: cannot be read \(.*no network\)$"):
        storage.exists("gs://bucket/x")
    assert time.monotonic() - started < 30
    assert capfd.readouterr() == ("", "")


def test_storage_that_has_answered_is_waited_for() -> None:
    remote = storage._Remote()
    assert remote.files._conf.retry_limit == 3
    remote.mark_reached()
    assert remote.files._conf.retry_limit == 12


def test_kinds_of_path_that_cannot_be_read() -> None:
    for call in (storage.exists, storage.is_folder, storage.list_files, storage.read_bytes):
        with pytest.raises(DataError, match="s3://bucket/x: cannot be read"):
            call("s3://bucket/x")
    with pytest.raises(DataError, match="cannot be"):
        storage.read_bytes("a\0b")


def test_listing_follows_links_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link").symlink_to(tmp_path / "real")
    (tmp_path / "folder/circle").symlink_to(tmp_path / "folder")
    for spelling in (f"{tmp_path}/folder", f"{tmp_path}/folder//", f"{tmp_path}/folder/."):
        assert storage.list_files(spelling) == ["link/a.png"]


def test_contains(tmp_path: Path) -> None:
    assert storage.contains(str(tmp_path), f"{tmp_path}/x/../y")
    assert storage.contains(str(tmp_path), f"{tmp_path}/")
    assert not storage.contains(f"{tmp_path}/a", f"{tmp_path}/ab")
    assert storage.contains("gs://b/a", "gs://b/a/c")
    assert not storage.contains("gs://b/a", "gs://b/ab")


def test_a_link_in_a_folder_is_among_its_files(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "a/sub").mkdir(parents=True)
    (tmp_path / "a/link").symlink_to(tmp_path / "else")
    (tmp_path / "same").symlink_to(tmp_path / "a")
    for inside in ("a", "a/x", "a/link", "a/link/x/y", "a/sub/../link", "same/link/x"):
        assert storage.lists(str(tmp_path / "a"), str(tmp_path / inside)), inside
        assert storage.lists(str(tmp_path / "same"), str(tmp_path / inside)), inside
    for outside in ("else", "else/x", "a/../else", "ab", "."):
        assert not storage.lists(str(tmp_path / "a"), str(tmp_path / outside)), outside
    assert storage.lists("gs://b/a", "gs://b/a/c")
    assert not storage.lists("gs://b/a", "gs://b/ab")


def test_names_as_long_as_names_can_be(tmp_path: Path) -> None:
    name = "n" * 251 + ".png"
    storage.write_bytes(str(tmp_path / name), b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_what_could_keep_a_reader_waiting_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "device.png"):
        with pytest.raises(DataError, match=rf"{name}: not a regular file"):
            storage.read_bytes(str(tmp_path / name))


def test_files_larger_than_they_can_need_to_be(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"12345")
    assert storage.read_bytes(str(path), 5) == b"12345"
    with pytest.raises(DataError, match=r"large: 5 bytes are more than such a file can need \(4\)"):
        storage.read_bytes(str(path), 4)


def test_remove(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    storage.remove(str(path))
    assert not path.exists()
    with pytest.raises(DataError, match="cannot be deleted"):
        storage.remove(str(path))


def test_a_folder_does_not_contain_impossible_places(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in ("loop/file", "zero\0byte"):
        assert not storage.contains(str(tmp_path), str(tmp_path / place))
