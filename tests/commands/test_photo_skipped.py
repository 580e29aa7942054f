"""Pictures on the command line that cannot be filled, in a dry run as in the real one, or are results themselves."""

from pathlib import Path

import pytest
import torch

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.training import adaptation
from tests.commands.test_photo import Photos
from tests.helpers.tiny import tiny_unet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    return Photos(tmp_path)


@pytest.mark.parametrize("options", [["--dry_run"], []])
@pytest.mark.parametrize(
    ("size", "out", "limit"),
    [((16_500, 20), "wide.webp", "a webp file can hold (16383"), ((65_501, 16), "w.JPG", "a jpg file can hold (65500")],
)
def test_a_picture_too_wide_for_the_format_of_its_fills(
    photos: Photos,
    options: list[str],
    size: tuple[int, int],
    out: str,
    limit: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos.picture("wide.png", size)
    photos.mask("m.png", size)
    assert photos.fill("wide.png", "--mask", "m.png", "--out", out, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"wide.png: {size[0]}x{size[1]} is more than {limit} pixels a side); give --out a name that ends in" in line
    assert not Path(out).exists()


def test_what_is_added_counts_for_the_format(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    photos.picture("wide.png", (16_380, 8))
    assert photos.fill("wide.png", "--extend", "right=4", "--out", "wide.webp", "--dry_run") == 2
    assert "16384x8 is more than" in capsys.readouterr().err
    assert photos.fill("wide.png", "--extend", "right=3", "--out", "wide.webp", "--dry_run") == 0


@pytest.mark.parametrize("options", [["--dry_run"], []])
def test_unreadable_pictures_among_several_are_skipped(
    photos: Photos, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.png").write_bytes(b"no picture")
    assert photos.fill("broken.png", "photo.png", "--mask", "mask.png", *options) == 3
    printed = capsys.readouterr()
    assert printed.err.startswith("skipped: broken.png: ")
    assert "photo.png -> photo_filled.png" in printed.out
    assert photos.fill("photo.png", "--mask", "mask.png", "--overwrite") == 0
    assert photos.fill("broken.png", "photo.png", "--mask", "mask.png", *options) == 3  # also when the others are done
    assert capsys.readouterr().err.startswith("skipped: broken.png: ")


def test_a_fill_that_is_not_finite_names_its_picture_and_what_may_help(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    photos.picture("other.png")
    state = tiny_unet().state_dict()
    state["out.2.bias"][:] = float("nan")
    Path("m.safetensors").write_bytes(encode_checkpoint(state, {}))
    assert photos.fill("photo.png", "other.png", "--mask", "mask.png", "--set", "precision=fp16") == 3
    for line, name in zip(capsys.readouterr().err.splitlines(), ("photo.png", "other.png"), strict=True):
        assert line.startswith(f"skipped: {name}: fill 0: not finite from transition 1 on ")
        assert line.endswith("; fp16 overflows easily, take precision: bf16 instead")


def test_an_adaptation_that_fails_names_its_picture(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos.picture("other.png")
    monkeypatch.setattr(adaptation, "_loss", lambda *_: torch.tensor(torch.nan))
    pictures = ("photo.png", "other.png", "--mask", "mask.png")
    assert photos.fill(*pictures, "--set", "adapt={steps: 1, batch_size: 1}") == 3
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("skipped: ")]
    for line, name in zip(lines, pictures, strict=False):
        assert line == f"skipped: {name}: adapt: the loss is nan at step 0; lower adapt.lr"
    assert len(lines) == 2


def test_results_in_a_folder_among_the_pictures_are_not_taken_for_pictures(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.png", "two.png"):
        photos.picture(f"photos/{name}")
    command = ("photos", "--mask", "mask.png", "--out", "photos/filled")
    assert photos.fill(*command) == 0
    filled = {path.name: path.read_bytes() for path in Path("photos/filled").iterdir()}
    assert filled.keys() == {"one.png", "two.png"}
    Path("photos/filled/two.png").unlink()
    assert photos.fill(*command) == 0
    assert "1 of 2 pictures are filled already" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in Path("photos/filled").iterdir()} == filled
    Path("photos/filled").rename("elsewhere")
    Path("photos/filled").symlink_to("../elsewhere")
    assert photos.fill(*command, "--overwrite") == 0
    assert {path.name: path.read_bytes() for path in Path("elsewhere").iterdir()} == filled
    assert photos.fill("photos", "--mask", "mask.png", "--out", "photos") == 2  # all pictures, none a result
    assert "the result would replace an input" in capsys.readouterr().err
    for name in ("one.png", "two.png"):
        Path(f"photos/{name}").unlink()
    assert photos.fill(*command) == 2
    assert "photos: holds no pictures but those in photos/filled" in capsys.readouterr().err
