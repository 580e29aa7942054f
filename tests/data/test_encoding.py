import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from repaint.data.conversion import to_photo
from repaint.data.decoding import decode, load
from repaint.data.encoding import encode, encode_png
from repaint.data.extending import Margins, extend_photo
from tests.helpers.files import grey_profile, png_file


def test_encode_png_is_lossless(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    (tmp_path / "x.png").write_bytes(encode_png(pixels))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "x.png")), pixels)


def exif_of_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0110] = "Model X"
    exif[0x8769] = {0x9003: "2026:01:02 03:04:05", 0x829A: 0.5}
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    return exif


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
@pytest.mark.parametrize("letter", ["ü".encode(), "ü".encode("latin-1") + b"x", "ü".encode("cp437") + b"x"])
@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
def test_letters_in_exif_data_stay_as_they_are(
    tmp_path: Path, ending: str, file_format: str, letter: bytes, extended: bool, orientation: int
) -> None:
    """Cameras and programs write them in encodings of their own, though the standard has ASCII alone."""
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright] = "(c) 2024 J@@rgen"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.CameraOwnerName: "Z@@rich"}
    source = tmp_path / f"x.{ending}"
    Image.new("RGB", (8, 6), "red").save(source, exif=exif.tobytes())
    content = source.read_bytes().replace(b"J@@rgen", b"J%srgen" % letter).replace(b"Z@@rich", b"Z%srich" % letter)
    if ending == "png":
        content = checked_anew(content)
    source.write_bytes(content)
    photo = to_photo(decode(str(source)))
    result = encode(extend_photo(photo, Margins(left=2)) if extended else photo, file_format)
    assert b"(c) 2024 J%srgen" % letter in result
    assert b"Z%srich" % letter in result


def checked_anew(content: bytes) -> bytes:
    """A PNG file with the check sum of its EXIF data calculated again."""
    start = content.index(b"eXIf")
    end = start + 4 + int.from_bytes(content[start - 4 : start])
    return content[:end] + struct.pack(">I", zlib.crc32(content[start:end])) + content[end + 4 :]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_data_are_those_of_the_upright_picture(tmp_path: Path, ending: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "Model X"
    exif[ExifTags.Base.Orientation] = orientation  # 0 and 9 do not exist
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExifImageWidth: 8, ExifTags.Base.ExifImageHeight: 6}
    source = str(tmp_path / f"x.{ending}")
    Image.new("RGB", (8, 6), "red").save(source, exif=exif.tobytes())
    with Image.open(io.BytesIO(encode(to_photo(decode(source)), "png"))) as result:
        found = result.getexif()
        assert dict(found).keys() == {ExifTags.Base.Model, ExifTags.IFD.Exif}
        entries = found.get_ifd(ExifTags.IFD.Exif)
        assert (entries[ExifTags.Base.ExifImageWidth], entries[ExifTags.Base.ExifImageHeight]) == result.size


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("file_format", ["png", "jpg", "webp"])
def test_exif_data_but_the_orientation_and_resolution_are_kept(tmp_path: Path, ending: str, file_format: str) -> None:
    source = str(tmp_path / f"x.{ending}")
    Image.new("RGB", (8, 6), "red").save(source, exif=exif_of_a_camera().tobytes(), dpi=(300, 200))
    photo = to_photo(decode(source))
    with Image.open(io.BytesIO(encode(photo, file_format))) as result:
        exif = result.getexif()
        assert result.size == (6, 8)
        assert exif[0x0110] == "Model X"
        assert 0x0112 not in exif
        assert exif.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
        assert exif.get_ifd(0x8825)[1] == "N"
        if ending != "webp" and file_format != "webp":  # WebP files have none
            assert result.info["dpi"] == pytest.approx((300, 200), abs=0.1)


def test_the_tags_of_a_tiff_file_that_describe_its_storage_stay_behind(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "x.tif", description="a red field")
    with Image.open(io.BytesIO(encode(to_photo(decode(str(tmp_path / "x.tif"))), "png"))) as result:
        assert dict(result.getexif()) == {0x010E: "a red field"}
        assert "dpi" not in result.info  # Pillow reads a missing resolution as 1


def test_a_picture_without_metadata_gets_none(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for ending in ("png", "tif", "webp"):
        Image.fromarray(pixels).save(tmp_path / f"x.{ending}", lossless=True)
        assert encode(to_photo(decode(str(tmp_path / f"x.{ending}"))), "png") == encode_png(pixels)


CHUNKS = [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", struct.pack(">8I", *range(8))), (b"cICP", b"\x0c\x0d\0\1")]


def test_the_chunks_of_png_about_colour_are_kept(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    (tmp_path / "x.png").write_bytes(png_file(samples, "rgb", 8, CHUNKS))
    content = encode(to_photo(decode(str(tmp_path / "x.png"))), "png")
    for name, value in CHUNKS:
        assert struct.pack(">I", len(value)) + name + value in content
    assert encode(to_photo(load(Image.open(tmp_path / "x.png"), "x")), "png") == content


def test_chunks_about_colours_before_a_conversion_stay_behind() -> None:
    picture = Image.open(io.BytesIO(png_file(np.array([[55]]), "grey", 8, CHUNKS)))
    picture.info["icc_profile"] = grey_profile(1.0)
    content = encode(to_photo(load(picture, "x")), "png")
    assert b"gAMA" not in content
    assert b"cICP" not in content


def test_exif_data_too_long_for_a_jpeg_file_are_left_out() -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 70_000
    picture = Image.new("RGB", (4, 4))
    picture.info["exif"] = exif.tobytes()
    photo = to_photo(load(picture, "x"))
    assert not Image.open(io.BytesIO(encode(photo, "jpg"))).getexif()
    assert len(Image.open(io.BytesIO(encode(photo, "png"))).getexif()[0x010E]) == 70_000
