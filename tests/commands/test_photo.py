"""Pictures named on the command line: no YAML, results beside them, nothing replaced by accident."""

import errno
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main
from repaint.data import decoding, examples, in_memory, local_files
from repaint.data.bundled import locate_model
from repaint.inpainter import Inpainter
from repaint.pipeline import precision_choice
from tests.helpers.tiny import read_pixels, tiny_unet

SIZE = 16
STEPS = ["timestep_respacing=3", "schedule_jump_params={jump_length: 1, jump_n_sample: 1}"]
FLAGS = [f"image_size={SIZE}", "num_head_channels=16", "noise_schedule=linear"]


class Photos:
    """A folder with a tiny model, pictures and masks; calls the command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "m.safetensors").write_bytes(encode_checkpoint(tiny_unet().state_dict(), {}))
        self.picture("photo.png")
        self.mask("mask.png")

    def picture(self, name: str, size: tuple[int, int] = (40, 24)) -> np.ndarray:
        pixels = np.random.default_rng(len(name)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return pixels

    def mask(self, name: str, size: tuple[int, int] = (40, 24)) -> np.ndarray:
        mask = np.full((size[1], size[0]), 255, np.uint8)
        mask[8:14, 10:20] = 0
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
        return mask

    def fill(self, *arguments: str) -> int:
        settings = [word for text in (*STEPS, *FLAGS) for word in ("--set", text)]
        return main([*arguments, "--model", "m.safetensors", "--device", "cpu", *settings])


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    monkeypatch.chdir(tmp_path)
    return Photos(tmp_path)


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_result_lies_beside_the_picture(photos: Photos) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png") == 0
    before, after, mask = read_pixels(Path("photo.png")), read_pixels(Path("photo_filled.png")), photos.mask("mask.png")
    assert np.array_equal(before[mask == 255], after[mask == 255])
    assert not np.array_equal(before[mask == 0], after[mask == 0])


def test_an_existing_result_is_kept_unless_overwrite_is_given(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photo_filled.png").write_bytes(b"mine")
    assert photos.fill("photo.png", "--mask", "mask.png") == 2
    assert "photo_filled.png exists already; --overwrite replaces it" in capsys.readouterr().err
    assert Path("photo_filled.png").read_bytes() == b"mine"
    assert photos.fill("photo.png", "--mask", "mask.png", "--overwrite") == 0
    assert read_pixels(Path("photo_filled.png")).shape == (24, 40, 3)


def test_several_fills_differ(photos: Photos) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png", "--fills", "2", "--out", "out/best.png") == 0
    first, second = read_pixels(Path("out/best_0.png")), read_pixels(Path("out/best_1.png"))
    assert not np.array_equal(first, second)


def test_seed_decides_the_fill(photos: Photos) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert photos.fill("photo.png", "--mask", "mask.png", "--out", f"{name}.png", "--seed", seed) == 0
    a, b, c = (read_pixels(Path(f"{name}.png")) for name in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_folder_keeps_names_and_is_finished_by_a_second_call(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.png", "sub/two.v2.png"):
        photos.picture(f"photos/{name}")
        photos.mask(f"masks/{name}")
    assert photos.fill("photos", "--mask", "masks", "--out", "filled") == 0
    assert sorted(str(p.relative_to("filled")) for p in Path("filled").rglob("*.png")) == ["one.png", "sub/two.v2.png"]
    Path("filled/one.png").unlink()
    kept = Path("filled/sub/two.v2.png").stat().st_mtime_ns
    assert photos.fill("photos", "--mask", "masks", "--out", "filled") == 0
    assert "1 of 2 pictures are filled already" in capsys.readouterr().out
    assert Path("filled/one.png").exists()
    assert Path("filled/sub/two.v2.png").stat().st_mtime_ns == kept


def test_results_beside_the_pictures_of_a_folder_are_not_taken_for_pictures(photos: Photos) -> None:
    for name in ("one.png", "two.png", "three_filled.png"):
        photos.picture(f"photos/{name}")
    assert photos.fill("photos", "--mask", "mask.png") == 0
    assert photos.fill("photos", "--mask", "mask.png", "--overwrite") == 0
    names = {path.name for path in Path("photos").iterdir()}
    assert names == {
        "one.png", "one_filled.png", "two.png", "two_filled.png", "three_filled.png", "three_filled_filled.png",
    }  # fmt: skip


def test_a_bad_picture_costs_only_itself(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    photos.picture("photos/good.png")
    Path("photos/bad.png").write_bytes(b"not a picture")
    assert photos.fill("photos", "--mask", "mask.png", "--out", "filled") == 3
    assert "skipped: photos/bad.png" in capsys.readouterr().err
    assert Path("filled/good.png").exists()


def test_results_that_cannot_be_written_are_noticed_before_the_work(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inpainter, "__call__", lambda *_, **__: pytest.fail("a picture was filled"))
    photos.picture("other.png")
    Path("file").write_bytes(b"mine")
    for out, place in (("file", "file"), ("file/folder", "file/folder"), ("file/best.png", "file")):
        pictures = ["photo.png"] if out.endswith(".png") else ["photo.png", "other.png"]
        assert photos.fill(*pictures, "--mask", "mask.png", "--out", out) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {place}: results cannot be written there (")
    assert Path("file").read_bytes() == b"mine"


def test_a_full_disk_ends_the_run(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def write(path: Path, _content: bytes) -> None:
        tried.append(path.name)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local_files, "write", write)
    photos.picture("other.png")
    assert photos.fill("photo.png", "other.png", "--mask", "mask.png", "--out", "filled") == 2
    error = f"error: {Path('filled/photo.png')}: cannot be written (No space left on device)\n"
    assert capsys.readouterr().err == error
    assert tried == ["photo.png"]


def test_holes_by_colour_and_by_transparency(photos: Photos) -> None:
    pixels = photos.picture("painted.png")
    pixels[8:14, 10:20] = (255, 0, 255)
    Image.fromarray(pixels).save("painted.png")
    assert photos.fill("painted.png", "--mask_color", "#f0f") == 0
    assert not (read_pixels(Path("painted_filled.png"))[8:14, 10:20] == (255, 0, 255)).all(axis=2).any()
    alpha = photos.mask("unused.png")
    Image.fromarray(np.dstack([pixels, alpha])).save("clear.png")
    assert photos.fill("clear.png", "--mask_channel", "alpha") == 0
    after = read_pixels(Path("clear_filled.png"))
    assert (after[..., 3] == 255).all()
    assert np.array_equal(after[..., :3][alpha == 255], pixels[alpha == 255])


def test_dry_run_counts_and_writes_nothing(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path().iterdir())
    assert photos.fill("photo.png", "--mask", "mask.png", "--dry_run") == 0
    assert "photo.png -> photo_filled.png: 3 network calls" in capsys.readouterr().out
    assert photos.fill("photo.png", "--mask", "mask.png", "--dry_run", "--out", "new/folder") == 0
    assert sorted(Path().iterdir()) == before


def test_the_choice_of_auto_precision_is_printed(
    photos: Photos, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision_choice, "measure_rates", lambda _shape: {"fp32": 500.0, "bf16": 900.0})
    for options in (["--dry_run"], []):
        assert photos.fill("photo.png", "--mask", "mask.png", "--set", "precision=auto", *options) == 0
        assert "precision: auto is bf16 (measured: fp32 500, bf16 900 GFLOP/s a core)\n" in capsys.readouterr().out


def test_the_model_can_be_adapted_to_the_picture(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png", "--out", "plain.png") == 0
    assert photos.fill("photo.png", "--mask", "mask.png", "--adapt", "2", "--set", "adapt.batch_size=2") == 2
    assert "--adapt" in capsys.readouterr().err
    assert photos.fill("photo.png", "--mask", "mask.png", "--adapt", "2") == 0
    assert (read_pixels(Path("photo_filled.png")) != read_pixels(Path("plain.png"))).any()
    assert len(list(Path("adapted_models").iterdir())) == 1
    assert photos.fill("photo.png", "--mask", "mask.png", "--adapt", "--dry_run", "--overwrite") == 0
    assert "adapt: before each picture 300 training steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png"], "where is the hole?"),
        (["photo.png", "--mask", "mask.png", "--mask_color", "#f0f"], "leave one out"),
        (["photo.png", "--mask", "mask.png", "--conf_path", "x.yml"], "--conf_path"),
        (["photo.png", "photo.png", "--mask", "mask.png"], "would both be written"),
        (["photo.png", "--mask", "mask.png", "--out", "photo.png"], "would replace an input"),
        (["photo.png", "--mask", "mask.png", "--out", "x.tiff"], "can be written as png, jpg, webp"),
        (["photo.png", "missing.png", "--mask", "mask.png"], "missing.png: no such picture or folder"),
        (["photo.png", "--mask", "nowhere.png"], "nowhere.png: no such mask"),
        (["photo.png", "--mask_color", "nocolour"], "nocolour"),
        (["photo.png", "--mask", "mask.png", "--set", "resample=[2]", "--schedule", "fast"], "resample"),
    ],
)
def test_mistakes_end_in_one_line(
    photos: Photos, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert photos.fill(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png", "--fills", "0"], "--fills: '0' is no whole number from 1 to 100,000"),
        (["photo.png", "--seed", "-1"], "--seed: '-1' is no whole number"),
        (["photo.png", "--seed", "9" * 20], "is no whole number"),
        (["--adapt", "photo.png"], "'photo.png' is no whole number from 1 to 1,000,000; name pictures before --adapt"),
        (["photo.png", "--schedule", "quick"], "invalid choice: 'quick'"),
    ],
)
def test_wrong_arguments_end_in_one_line_too(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("test.py: error: argument ")
    assert message in line


@pytest.mark.parametrize("models", [[], ["--model", "photos64"], ["--model", locate_model("photos64")]])
def test_the_bundled_model_of_photographs_refines_by_whatever_name(
    photos: Photos, capsys: pytest.CaptureFixture[str], models: list[str]
) -> None:
    photos.picture("large.png", (300, 200))
    known = np.full((200, 300), 255, np.uint8)
    known[50:150, 100:200] = 0
    Image.fromarray(known).save("hole.png")
    calls, sampled = [], "--set=refine_from=0.4"
    for refine in ([sampled], [sampled, "--refine", "auto"], [], ["--refine", "none"]):
        assert main(["large.png", "--mask", "hole.png", "--dry_run", "--device", "cpu", *models, *refine]) == 0
        found = re.search(r"large_filled.png: ([\d,]+) network calls", capsys.readouterr().out)
        assert found
        calls.append(int(found[1].replace(",", "")))
    assert calls[0] == calls[1] > calls[2] == calls[3] == 60
    assert main(["large.png", "--mask", "hole.png", "--dry_run", *models, sampled, "--refine", "none"]) == 2


@pytest.mark.parametrize(("refine", "copied"), [("1", True), ("none", False)])
def test_the_progress_bar_says_when_texture_is_copied(
    photos: Photos, refine: str, copied: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert photos.fill("photo.png", "--mask", "mask.png", "--fit", "resize", "--refine", refine) == 0
    states = capsys.readouterr().err.split("\r")
    busy = [state for state in states if "call/s, copying texture]" in state]
    assert bool(busy) == copied
    assert all("photo.png (1/1): 100%" in state for state in busy)
    assert re.search(r"100%.* \d+/\d+ \[[^,]*, [^,]*call/s\s*\]\s*$", states[-1])


def test_what_is_assumed_of_a_model_is_a_note(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    assert photos.fill("photo.png", "--mask", "mask.png") == 0
    printed = capsys.readouterr()
    (line,) = [line for line in printed.out.splitlines() if "assumed" in line]
    assert "assumed" not in printed.err
    assert line.startswith("note: m.safetensors does not specify all flags; assumed: ")


def test_an_adapted_model_is_found_again_when_the_first_picture_is_done(photos: Photos) -> None:
    """Pictures of two folders: the models lie beside the first result, finished or not."""
    for path in ("a/a.png", "b/other.png"):
        photos.picture(path)
    words = ["a/a.png", "b/other.png", "--mask", "mask.png", "--adapt", "1"]
    assert photos.fill(*words) == 0
    Path("b/other_filled.png").unlink()
    assert photos.fill(*words) == 0
    assert len(list(Path("a/adapted_models").iterdir())) == 2
    assert not Path("b/adapted_models").exists()


def test_options_of_pictures_need_a_picture(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fills", "3"]) == 2
    assert "--fills goes with pictures on the command line" in capsys.readouterr().err


def test_each_file_is_decoded_once(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, decoded = decoding.decode, []
    for reader in (examples, in_memory):
        monkeypatch.setattr(reader, "decode", lambda path: decoded.append(path) or decode(path))
    assert photos.fill("photo.png", "--mask", "mask.png") == 0
    assert decoded == ["photo.png", "mask.png"]


def test_lost_transparency_is_a_note(photos: Photos, capsys: pytest.CaptureFixture[str]) -> None:
    alpha = np.full((24, 40), 255, np.uint8)
    alpha[:4] = 100
    Image.fromarray(np.dstack([photos.picture("plain.png"), alpha])).save("clear.png")
    note = "format: jpg has no transparency; that of 1 picture is left out (png keeps it)\n"
    for name, out, count in (("clear", "a.JPG", 1), ("clear", "a.png", 0), ("plain", "b.jpg", 0)):
        assert photos.fill(f"{name}.png", "--mask", "mask.png", "--out", out) == 0
        assert capsys.readouterr().out.count(note) == count
