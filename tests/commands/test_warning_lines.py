import warnings
from pathlib import Path

import pytest
from PIL import Image

from repaint.commands.errors import guard
from repaint.data import notices
from repaint.data.decoding import decode


def test_warnings_about_files_are_lines_and_appear_once(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        for text in ("a.png: odd", "a.png: odd", "b.png: odd"):
            notices.warn(text)
        return 0

    assert guard(work) == 0
    assert capsys.readouterr().err == "note: a.png: odd\nnote: b.png: odd\n"


def test_warnings_of_pillow_get_the_name_of_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01"  # five entries, none of which is there
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name, exif=exif)

    def work() -> int:
        for name in ("a.jpg", "b.jpg", "a.jpg"):
            decode(str(tmp_path / name))
        return 0

    assert guard(work) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(".jpg")[0] for line in lines] == [f"note: {tmp_path}/{name}" for name in "ab"]
    assert all("Corrupt EXIF data" in line for line in lines)


def test_other_warnings_stay_as_they_are() -> None:
    def work() -> int:
        warnings.warn("of somebody else", stacklevel=1)
        return 0

    with pytest.warns(UserWarning, match="of somebody else"):
        assert guard(work) == 0
