"""Classes of pictures named on the command line, for models that need them."""

from pathlib import Path

import numpy as np
import pytest

from repaint.checkpoints.safe_files import encode_checkpoint
from tests.commands.test_photo import Photos
from tests.helpers.command import user_error
from tests.helpers.tiny import read_pixels, tiny_unet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    photos = Photos(tmp_path)
    (tmp_path / "m.safetensors").write_bytes(encode_checkpoint(tiny_unet(num_classes=5).state_dict(), {}))
    for name in ("a.png", "sub/a.png", "c.png"):
        photos.picture(f"photos/{name}")
    Path("labels.csv").write_text("a,3\nsub/a,1\nc,4\n")
    return photos


def filled(photos: Photos, out: str, classes: object) -> list[np.ndarray]:
    words = ["--mask", "mask.png", "--out", out, "--set", f"cond_y={classes}"]
    assert photos.fill("photos", *words) == 0
    return [read_pixels(Path(out, name)) for name in ("a.png", "c.png", "sub/a.png")]


def test_each_picture_has_its_class(photos: Photos) -> None:
    alike = [filled(photos, f"all{label}", label) for label in (3, 4, 1)]
    expected = [fills[number] for number, fills in enumerate(alike)]
    for found in (filled(photos, "listed", [3, 4, 1]), filled(photos, "named", "labels.csv")):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("[3,4]", "cond_y lists 2 classes for 3 pictures"),
        ("[3,4,7]", "cond_y: class 7 is not in 0..4"),
        ("short.csv", "short.csv: no label for photos/c.png; add the line 'c,LABEL'"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--dry_run"]])
def test_wrong_classes_end_before_the_work(
    photos: Photos, capsys: pytest.CaptureFixture[str], classes: str, message: str, options: list[str]
) -> None:
    Path("short.csv").write_text("a,3\nsub/a,1\n")
    words = ["--mask", "mask.png", "--out", "filled", "--set", f"cond_y={classes}", *options]
    user_error(capsys, photos.fill("photos", *words), message)
    assert not Path("filled").exists()


def test_a_resumed_command_keeps_the_classes(photos: Photos) -> None:
    before = filled(photos, "filled", [3, 4, 1])
    Path("filled/c.png").unlink()
    for one, other in zip(filled(photos, "filled", [3, 4, 1]), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options", [[], ["--dry_run"]])
def test_classes_that_nothing_needs_are_a_note(
    photos: Photos, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    words = ["photos", "--mask", "mask.png", "--set", "cond_y=3", *options]
    assert photos.fill(*words, "--out", "with_class") == 0
    assert "without effect" not in capsys.readouterr().out
    (photos.folder / "m.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
    assert photos.fill(*words, "--out", "without") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "without effect" in line]
    assert line.startswith("note: ")
    assert line.endswith("keys without effect: cond_y")
