import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repaint.data.conversion import to_photo, to_rgb
from repaint.data.decoding import EXTENSIONS, decode, is_picture, load, upright_size, warn_of_unread
from repaint.data.images import crop_to_array
from repaint.data.notices import current_file
from repaint.errors import DataError, DataWarning
from tests.helpers.files import exif_block, png_file, tiff_file


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.full((16, 16), 128 * 257 if mode.startswith("I") else 128, np.uint16 if mode == "I;16" else np.int32)
    picture = Image.fromarray(grey) if mode.startswith("I") else Image.fromarray(grey.astype(np.uint8)).convert(mode)
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I") else "x.png")
    picture.save(path)
    array = crop_to_array(decode(str(path)), 16)
    assert array.shape == (16, 16, 3)
    if mode != "1":
        assert abs(int(array[8, 8, 0]) - 128) <= 1


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png: not a readable picture"):
        decode(str(path))


def test_truncated_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="not a readable picture"):
        decode(str(path))


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "x.png"
    Image.new("L", (11, 11)).save(path)
    with pytest.raises(DataError, match="more than 100 pixels"):
        decode(str(path))


def test_messages_name_the_file_and_no_object_of_python(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(DataError, match=r"x\.png: not a readable picture \(of no format that is known here\)$"):
        decode(str(tmp_path / "x.png"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("ending", "options"),
    [(".jpg", {}), (".webp", {}), (".png", {}), (".tif", {}), (".tif", {"compression": "tiff_lzw"})],
)
def test_every_format_has_one_upright_size(tmp_path: Path, ending: str, options: dict, orientation: int) -> None:
    path = str(tmp_path / f"x{ending}")
    Image.new("RGB", (7, 5)).save(path, exif=b"Exif\0\0" + exif_block(orientation), **options)
    assert upright_size(path) == decode(path).size == ((5, 7) if orientation >= 5 else (7, 5))


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "x.jpg")
    Image.new("RGB", (7, 5)).save(path, exif=b"Exif\0\0" + exif_block(9))
    assert upright_size(path) == decode(path).size == (7, 5)


@pytest.mark.parametrize("name", ["a.jfif", "a.JPE", "a.avif", "a.jp2", "a.ppm", "a.pgm", "a.tga", "a.apng"])
def test_endings_of_pictures(name: str) -> None:
    assert is_picture(name)
    assert name[1:].lower() in EXTENSIONS


def test_pictures_of_a_kind_that_is_not_read_are_reported() -> None:
    with pytest.warns(DataWarning, match=r"^photos: a\.HEIC and 1 more files left out, of a kind that is not read"):
        warn_of_unread("photos", ["a.HEIC", "b.png", "c.psd", "notes.txt"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unread("photos", ["b.png", "notes.txt"])


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP", "MPO"])
def test_of_several_frames_the_first_is_taken_and_a_warning_reports_it(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "x", kind, save_all=True, append_images=frames[1:])
    with pytest.warns(DataWarning, match=r"x: 3 frames, of which only the first is used"):
        picture = decode(str(tmp_path / "x"))
    assert np.asarray(to_rgb(picture))[4, 4, 0] > 250


def test_warnings_of_pillow_belong_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    seen, real = [], Image.open
    monkeypatch.setattr(Image, "open", lambda file: seen.append(current_file()) or real(file))
    decode(str(tmp_path / "x.png"))
    assert seen == [str(tmp_path / "x.png")]
    assert current_file() is None


def test_libtiff_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.tif", compression="tiff_lzw")
    content = (tmp_path / "x.tif").read_bytes()
    (tmp_path / "x.tif").write_bytes(content[:3000] + bytes(200) + content[3200:])
    with pytest.raises(DataError, match=r"x\.tif: not a readable picture"):
        decode(str(tmp_path / "x.tif"))
    assert capfd.readouterr().err == ""


# Modes of pictures of other programs


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_transparency_is_kept(mode: str) -> None:
    straight = Image.new(mode.upper(), (4, 4), (200, 100) if mode == "La" else (200, 80, 40, 100))
    photo = to_photo(load(straight.convert(mode), "x"))
    assert photo.alpha is not None
    assert (photo.alpha == 100).all()
    assert np.abs(photo.pixels[0, 0].astype(int) - (200 if mode == "La" else [200, 80, 40])).max() <= 2


def test_lab_is_a_colour_space_and_not_transparent() -> None:
    photo = to_photo(load(Image.new("LAB", (4, 4), (128, 128, 128)), "x"))
    assert photo.alpha is None
    assert photo.pixels.shape == (4, 4, 3)
    assert np.abs(photo.pixels.astype(int) - 119).max() <= 3  # L* of 50 is grey level 119 of sRGB


MODES = [
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "I;16",
    "I;16B",
    "I;16L",
    "I;16N",
    "F",
]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_a_photo(mode: str) -> None:
    photo = to_photo(load(Image.new(mode, (3, 2)), "x"))
    assert photo.pixels.shape == (2, 3, 3)
    assert (photo.alpha is not None) == (mode in ("LA", "La", "PA", "RGBA", "RGBa"))


def test_a_picture_of_another_program_is_left_as_it_is() -> None:
    picture = Image.open(io.BytesIO(png_file(np.array([[1, 2]]), "grey", 4, [(b"tRNS", b"\0\2")])))
    photo = to_photo(load(picture, "x"))
    assert picture.info["transparency"] == 2
    np.testing.assert_array_equal(photo.alpha, [[255, 0]])


# Ranges of samples


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([0.0, 1.5], "floats beyond 0 and 1, whose range is unknown"),
        ([-0.1, 0.5], "floats beyond 0 and 1"),
        ([0.0, float("nan")], "some of its pixels are not finite"),
    ],
)
def test_floats_of_unknown_range_are_refused(tmp_path: Path, values: list[float], says: str) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(DataError, match=rf"depth\.tif: .*{says}"):
        decode(str(tmp_path / "depth.tif"))


def test_whole_numbers_of_unknown_range_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(tiff_file(np.array([[65535, 5]]), 16, 1, tags=[(339, "H", (2,))]))
    with pytest.raises(DataError, match=r"x\.tif: its pixels are below zero, so their range is unknown"):
        decode(str(tmp_path / "x.tif"))
    with pytest.raises(DataError, match=r"x: its pixels are above 65535, so their range is unknown"):
        load(Image.fromarray(np.array([[70_000]], np.int32)), "x")


def test_a_tag_without_sense_is_passed_over(tmp_path: Path) -> None:
    samples = np.array([[0, 32768, 65535]])
    for number, tags in enumerate([[(281, "H", (0,))], [(280, "H", (9,)), (281, "H", (9,))], [(341, "f", (np.inf,))]]):
        (tmp_path / f"{number}.tif").write_bytes(tiff_file(samples, 16, 1, tags=tags))
        grey = np.asarray(to_rgb(decode(str(tmp_path / f"{number}.tif"))))[0, :, 0]
        np.testing.assert_array_equal(grey, [0, 128, 255])


def test_the_docs_have_the_limit_of_pixels() -> None:
    page = Path(__file__).parents[2] / "docs/masks_and_sizes.md"
    assert f"at most {Image.MAX_IMAGE_PIXELS:,} pixels" in page.read_text(encoding="utf-8")
