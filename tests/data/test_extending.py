"""Canvases of extended pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from repaint.data.conversion import Photo
from repaint.data.decoding import decode
from repaint.data.encoding import encode
from repaint.data.examples import ReadSettings, make_example
from repaint.data.extending import Extension, Margins, extend_photo
from repaint.data.masks import MaskRule
from repaint.data.pairing import Pair
from repaint.errors import DataError

PAIR = Pair(0, "a.png", "a.png", None)
SIDES = st.integers(0, 30)


def read(picture: np.ndarray, mask: np.ndarray | None, extension: Extension, **settings: object):
    reading = ReadSettings(16, "window", extension=extension, **settings)  # type: ignore[arg-type]
    return make_example(PAIR, Image.fromarray(picture), None if mask is None else Image.fromarray(mask), reading)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_the_old_picture_stays_where_it_is(
    left: int, right: int, top: int, bottom: int, height: int, width: int, masked: bool
) -> None:
    picture = noise(height, width)
    mask = np.where(np.random.default_rng(1).random((height, width)) < 0.5, 255, 0).astype(np.uint8) if masked else None
    rule = MaskRule() if masked or left + right + top + bottom else MaskRule(channel="grey")
    example = read(picture, mask, Extension(left, right, top, bottom), rule=rule)
    assert example.pixels.shape == (top + height + bottom, left + width + right, 3)
    rows, columns = example.inner
    assert (rows, columns) == (slice(top, top + height), slice(left, left + width))
    np.testing.assert_array_equal(example.pixels[rows, columns], picture)
    known = np.ones((height, width), bool) if mask is None else mask == 255
    np.testing.assert_array_equal(example.known[rows, columns], known)
    assert example.known.sum() == known.sum()  # nothing beyond
    assert bool(example.windows) == (not example.known.all())


@given(st.floats(0.001, 10), st.integers(1, 300), st.integers(1, 300))
def test_shares_are_of_width_and_height(share: float, width: int, height: int) -> None:
    margins = Extension(left=share, bottom=share).margins(width, height, "a.png")
    assert abs(margins.left - share * width) <= 0.5 or margins.left == 1
    assert abs(margins.bottom - share * height) <= 0.5 or margins.bottom == 1
    assert min(margins.left, margins.bottom) >= 1
    assert (margins.right, margins.top) == (0, 0)
    assert Extension(left=1, top=1).margins(width, height, "a.png") == Margins(left=1, top=1)  # pixels


def test_the_extended_picture_has_no_more_pixels_than_a_picture_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    assert read(noise(20, 20), None, Extension(left=10)).pixels.size == 600 * 3
    with pytest.raises(DataError, match=r"a\.png: extended to 31x20 it has more than 600 pixels; extend it less"):
        read(noise(20, 20), None, Extension(left=11))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)  # pictures in memory have no limit of their own
    assert read(noise(20, 20), np.full((20, 20), 255, np.uint8), Extension()).pixels.size == 1200


def test_the_extended_picture_must_fit_into_its_format() -> None:
    with pytest.raises(DataError, match=r"16400x4 is more than a webp file can hold"):
        read(noise(4, 100), None, Extension(right=16_300), file_format="webp")


def test_transparency_of_the_old_picture_is_kept_and_the_new_part_is_opaque() -> None:
    picture = noise(8, 8, 4)
    example = read(picture, None, Extension(top=4))
    assert example.photo.alpha is not None
    np.testing.assert_array_equal(example.photo.alpha[4:], picture[..., 3])
    assert (example.photo.alpha[:4] == 255).all()
    assert example.known[4:].all()  # a transparent part is a hole only if it is asked for
    alpha = read(picture, None, Extension(top=4), rule=MaskRule(channel="alpha"))
    np.testing.assert_array_equal(alpha.known[4:], picture[..., 3] >= 128)


def test_exif_data_have_the_new_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength] = 8, 12
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.ExifImageWidth: 8, ExifTags.Base.ExifImageHeight: 12, ExifTags.Base.ISOSpeedRatings: 100,
    }  # fmt: skip
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    Image.fromarray(noise(12, 8)).save(tmp_path / "a.jpg", exif=exif)
    example = make_example(
        PAIR, decode(str(tmp_path / "a.jpg")), None, ReadSettings(16, "window", extension=Extension(5))
    )
    assert example.pixels.shape == (8, 5 + 12, 3)  # turned upright
    for file_format in ("png", "jpg", "webp"):
        with Image.open(io.BytesIO(encode(example.photo, file_format))) as written:
            found = written.getexif()
        assert found[ExifTags.Base.Make] == "Camera"
        assert (found[ExifTags.Base.ImageWidth], found[ExifTags.Base.ImageLength]) == (17, 8)
        entries = found.get_ifd(ExifTags.IFD.Exif)
        assert (entries[ExifTags.Base.ExifImageWidth], entries[ExifTags.Base.ExifImageHeight]) == (17, 8)
        assert entries[ExifTags.Base.ISOSpeedRatings] == 100
        assert found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


def test_exif_data_without_a_size_get_none() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    photo = extend_photo(Photo(noise(4, 4), metadata={"exif": exif.tobytes(), "dpi": (72, 72)}), Margins(1, 1, 1, 1))
    loaded = Image.Exif()
    loaded.load(photo.metadata["exif"])
    assert dict(loaded) == {ExifTags.Base.Make: "Camera"}
    assert photo.metadata["dpi"] == (72, 72)


def test_sixteen_bits_become_eight_as_without_extension() -> None:
    levels = np.random.default_rng(0).integers(0, 65_536, (9, 7), np.uint16)
    example = read(levels, None, Extension(right=3))
    np.testing.assert_array_equal(example.pixels[:, :7, 0], (levels / 257).round())


@pytest.mark.parametrize("fit", ["pad", "resize"])
def test_a_picture_extended_so_far_that_nothing_of_it_is_seen(fit: str) -> None:
    reading = ReadSettings(16, fit, extension=Extension(100, 100, 100, 100))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"the picture is extended so far that with fit: .* nothing known is left"):
        make_example(PAIR, Image.fromarray(noise(8, 8)), None, reading)
