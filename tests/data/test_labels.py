from pathlib import Path

import pytest

from repaint.data.labels import read_labels
from repaint.data.pairing import pair_pictures
from repaint.errors import DataError
from tests.helpers.tiny import touch


def test_labels(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.b.png", "c,d.jpg", "sub/a.b.png")
    pairs, _ = pair_pictures(gt, touch(tmp_path, "m.png") + "/m.png")
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffa.b.png, 7\n\nc,d,12\nsub/a.b,9\n", encoding="utf-8")
    assert read_labels(str(path), pairs) == [7, 12, 9]
    path.write_text("a.b.png,7\nc,d.jpg,12\n")
    assert read_labels(str(path), pairs) == [7, 12, 7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.b,7\n", r"no label for .*c,d\.jpg; add the line"),
        (b"a.b.png seven\n", r"line 1: .* is not of the form name,label"),
        (b"a.b,7\na.b,8\n", r"line 2: a\.b has a label already"),
        (b"a.b," + b"9" * 5000, r"is not of the form"),
        (b"\xff\xfe", r"not a text file"),
    ],
)
def test_bad_labels(tmp_path: Path, content: bytes, message: str) -> None:
    pairs, _ = pair_pictures(touch(tmp_path / "gt", "a.b.png", "c,d.jpg"), touch(tmp_path, "m.png") + "/m.png")
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_labels(str(tmp_path / "labels.csv"), pairs)


def test_pictures_of_one_stem_have_labels_of_their_own(tmp_path: Path) -> None:
    gt = touch(tmp_path / "gt", "a.png", "a.jpg", "sub/a.jpg", "sub/a.png")
    pairs, _ = pair_pictures(gt, None)
    (tmp_path / "labels.txt").write_text("a.png,1\na.jpg,2\nsub/a,3\n")
    assert read_labels(str(tmp_path / "labels.txt"), pairs) == [2, 1, 3, 3]
