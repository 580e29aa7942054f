"""Files of every mode, depth, transparency, orientation, profile and container: pixels against a conversion of our own.

The reference works on the samples that were written, by the definitions of the formats: a level is its share of the
largest one, a key is equal or not, a turn is an index, the curve of sRGB a formula.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from repaint.data.decoding import upright_size
from repaint.data.encoding import encode
from repaint.data.examples import ReadSettings, load_example
from repaint.data.mask_generators import make_generator
from repaint.data.masks import to_grey
from repaint.data.pairing import Pair
from tests.helpers.files import exif_block, grey_profile, png_file, tiff_file, turned

HEIGHT, WIDTH = 5, 7
ORIENTATIONS = range(1, 9)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LINEAR = grey_profile(1.0)


def result_of(content: bytes, folder: Path, ending: str) -> tuple[np.ndarray, Image.Image]:
    """The pixels of the result of a file, as another program sees them, and the result itself."""
    path = folder / f"x{ending}"
    path.write_bytes(content)
    reading = ReadSettings(16, "window", generator=make_generator("box"))
    example = load_example(Pair(0, "x.png", str(path), None), reading)
    picture = Image.open(BytesIO(encode(example.photo, "png")))
    assert upright_size(str(path)) == picture.size
    return np.asarray(picture).astype(int), picture


def shares(samples: np.ndarray, bits: int) -> np.ndarray:
    return samples / (2**bits - 1)


def srgb_curve(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def as_rgb(levels: np.ndarray) -> np.ndarray:
    """Levels [H, W] or [H, W, 3] in 0..1 -> [H, W, 3] in 0..255."""
    levels = levels if levels.ndim == 3 else levels[..., None].repeat(3, axis=2)
    return np.floor(levels * 255 + 0.5)


def check(got: np.ndarray, colours: np.ndarray, alpha: np.ndarray | None, tolerance: int) -> None:
    expected = colours if alpha is None else np.dstack([colours, alpha])
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= tolerance


# PNG


@dataclass(frozen=True)
class Png:
    kind: str
    bits: int
    keyed: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{self.bits}{'+key' if self.keyed else ''}"


PNGS = [
    *(Png("grey", bits, keyed) for bits in (1, 2, 4, 8, 16) for keyed in (False, True)),
    *(Png("palette", bits, keyed) for bits in (1, 2, 4, 8) for keyed in (False, True)),
    *(Png("rgb", bits, keyed) for bits in (8, 16) for keyed in (False, True)),
    *(Png(kind, bits) for kind in ("grey+alpha", "rgba") for bits in (8, 16)),
]


def draw(channels: int, bits: int, seed: int) -> np.ndarray:
    """Samples of all sizes, of which a few are almost equal."""
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    samples = np.random.default_rng(seed).integers(0, 2**bits, shape)
    samples[0, 1] = samples[0, 0] ^ 1  # not the key, though it is but one unit off
    return samples


TURNS = [*((orientation, False) for orientation in ORIENTATIONS), (1, True), (6, True)]  # with and without a profile


@pytest.mark.parametrize(("orientation", "profile"), TURNS)
@pytest.mark.parametrize("png", PNGS, ids=str)
def test_png(tmp_path: Path, png: Png, orientation: int, profile: bool) -> None:
    channels = {"grey": 1, "palette": 1, "grey+alpha": 2, "rgb": 3, "rgba": 4}[png.kind]
    samples = draw(channels, png.bits, seed=png.bits)
    chunks, alpha = [], None
    if profile:
        content = LINEAR if png.kind.startswith("grey") else SRGB
        chunks.append((b"iCCP", b"x\0\0" + zlib.compress(content)))
    if png.kind == "palette":
        palette = np.random.default_rng(1).integers(0, 256, (2**png.bits, 3))
        chunks.append((b"PLTE", palette.astype(np.uint8).tobytes()))
        colours = palette[samples]
        if png.keyed:
            opacities = np.random.default_rng(2).integers(0, 256, 2**png.bits)
            chunks.append((b"tRNS", opacities.astype(np.uint8).tobytes()))
            alpha = opacities[samples]
    else:
        levels = shares(
            samples[..., 0] if png.kind == "grey+alpha" else samples if channels == 1 else samples[..., :3], png.bits
        )
        if (png.kind, png.bits, profile) == ("grey+alpha", 16, True):
            levels = shares(samples[..., 0] >> 8, 8)  # of which Pillow reads 8 bits, before the curve spreads them
        colours = as_rgb(srgb_curve(levels) if profile and png.kind.startswith("grey") else levels)
        if png.keyed:
            key = np.atleast_1d(samples[0, 0])
            chunks.append((b"tRNS", key.astype(">u2").tobytes()))
            same = samples.reshape(HEIGHT, WIDTH, -1) == key
            alpha = np.where(same.all(axis=2), 0, 255)
        elif png.kind in ("grey+alpha", "rgba"):
            alpha = as_rgb(shares(samples[..., -1], png.bits))[..., 0]
    if orientation > 1:
        chunks.append((b"eXIf", exif_block(orientation)))
    got, result = result_of(png_file(samples, png.kind, png.bits, chunks), tmp_path, ".png")
    exact = png.bits <= 8 and not (profile and png.kind.startswith("grey"))
    check(got, turned(colours, orientation), None if alpha is None else turned(alpha, orientation), not exact)
    assert result.info.get("icc_profile") == (SRGB if profile and not png.kind.startswith("grey") else None)
    assert not result.getexif()


# TIFF

UNSIGNED, SIGNED, FLOAT = 1, 2, 3


@dataclass(frozen=True)
class Tiff:
    name: str
    bits: int
    photometric: int = 1
    channels: int = 1
    sample_format: int = UNSIGNED
    used: tuple[float, float] | None = None  # values of black and white, if not those of the bits
    tags: tuple = ()
    order: str = "<"

    def __str__(self) -> str:
        return self.name


def limits(first: int, kind: str, low: float, high: float) -> tuple:
    return ((first, kind, (low,)), (first + 1, kind, (high,)))


TIFFS = [
    Tiff("grey1", 1), Tiff("grey2", 2), Tiff("grey4", 4), Tiff("grey8", 8), Tiff("grey12", 12), Tiff("grey16", 16),
    Tiff("grey16-big-endian", 16, order=">"),
    Tiff("grey16-white-is-zero", 16, photometric=0), Tiff("grey8-white-is-zero", 8, photometric=0),
    Tiff("grey4-white-is-zero", 4, photometric=0),
    Tiff("grey16-holding-12", 16, used=(0, 4095), tags=limits(280, "H", 0, 4095)),
    Tiff("grey16-holding-12-big-endian", 16, used=(0, 4095), tags=limits(280, "H", 0, 4095), order=">"),
    Tiff("grey16-from-1000", 16, used=(1000, 5000), tags=limits(340, "H", 1000, 5000)),
    Tiff("grey16-signed", 16, sample_format=SIGNED, used=(0, 32767)),
    Tiff("grey16-signed-limits", 16, sample_format=SIGNED, used=(-500, 500),
         tags=limits(340, "h", -500, 500)),
    Tiff("grey8-signed", 8, sample_format=SIGNED, used=(0, 127)),
    Tiff("grey32", 32), Tiff("grey32-holding-16", 32, used=(0, 65535)),
    Tiff("float", 32, sample_format=FLOAT, used=(0, 1)),
    Tiff("float-white-is-zero", 32, photometric=0, sample_format=FLOAT, used=(0, 1)),
    Tiff("float-limits", 32, sample_format=FLOAT, used=(-3, 12.5), tags=limits(340, "f", -3, 12.5)),
    Tiff("float-big-endian", 32, sample_format=FLOAT, used=(0, 1), order=">"),
    Tiff("rgb8", 8, 2, 3), Tiff("rgb16", 16, 2, 3), Tiff("rgb16-big-endian", 16, 2, 3, order=">"),
    Tiff("rgb16-holding-12", 16, 2, 3, used=(0, 4095), tags=((280, "H", (0,) * 3), (281, "H", (4095,) * 3))),
    Tiff("rgb16-holding-12-big-endian", 16, 2, 3, used=(0, 4095), order=">",
         tags=((280, "H", (0,) * 3), (281, "H", (4095,) * 3))),
    Tiff("rgba8", 8, 2, 4, tags=((338, "H", (2,)),)), Tiff("rgba16", 16, 2, 4, tags=((338, "H", (2,)),)),
    Tiff("grey8+alpha", 8, 1, 2, tags=((338, "H", (2,)),)),
]  # fmt: skip


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("tiff", TIFFS, ids=str)
def test_tiff(tmp_path: Path, tiff: Tiff, orientation: int) -> None:
    low, high = tiff.used or (0, 2**tiff.bits - 1)
    shape = (HEIGHT, WIDTH) if tiff.channels == 1 else (HEIGHT, WIDTH, tiff.channels)
    levels = np.random.default_rng(tiff.bits).random(shape)
    levels.flat[:2] = 0, 1
    samples = (low + levels * (high - low)).astype(np.float32)
    if tiff.sample_format != FLOAT:
        samples = (low + levels * (high - low)).round().astype(np.int64)
    levels = (samples.astype(np.float64) - low) / (high - low)
    if tiff.photometric == 0:
        levels = 1 - levels
    stored = samples if tiff.sample_format == FLOAT else samples % 2**tiff.bits
    own = ((339, "H", (tiff.sample_format,) * tiff.channels), (274, "H", (orientation,)), *tiff.tags)
    content = tiff_file(stored, tiff.bits, tiff.photometric, tiff.order, own)
    got, result = result_of(content, tmp_path, ".tif")
    has_alpha = tiff.channels in (2, 4)
    colours = as_rgb(levels[..., 0] if tiff.channels == 2 else levels[..., :3] if tiff.channels > 1 else levels)
    alpha = turned(as_rgb(levels[..., -1])[..., 0], orientation) if has_alpha else None
    check(got, turned(colours, orientation), alpha, int(tiff.bits > 8))
    assert not result.getexif()


@pytest.mark.parametrize("profile", ["linear", "sRGB"])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_with_a_profile(tmp_path: Path, bits: int, profile: str) -> None:
    samples = draw(1, bits, seed=3)
    content = LINEAR if profile == "linear" else SRGB
    got, result = result_of(tiff_file(samples, bits, 1, tags=[(34675, "B", tuple(content))]), tmp_path, ".tif")
    levels = shares(samples, bits)
    check(got, as_rgb(srgb_curve(levels) if profile == "linear" else levels), None, 1)
    assert result.info.get("icc_profile") == (None if profile == "linear" else SRGB)


# Containers that Pillow writes


MODES = {
    ".bmp": ("1", "L", "P", "RGB"),
    ".dib": ("L", "RGB"),
    ".gif": ("L", "P"),
    ".ppm": ("RGB",),
    ".pgm": ("L", "I;16"),
    ".pbm": ("1",),
    ".pnm": ("L", "RGB"),
    ".tga": ("L", "LA", "P", "RGB", "RGBA"),
    ".webp": ("RGB", "RGBA"),
    ".jp2": ("L", "LA", "RGB", "RGBA", "I;16"),
    ".j2k": ("RGB",),
    ".jpg": ("L", "RGB", "CMYK"),
    ".jpe": ("RGB",),
    ".jfif": ("L", "RGB"),
    ".apng": ("RGB", "RGBA"),
    ".tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    ".avif": ("RGB", "RGBA"),
}
FORMATS = {".jfif": "JPEG", ".jpe": "JPEG", ".apng": "PNG", ".pgm": "PPM"}
OPTIONS = {"WEBP": {"lossless": True, "exact": True}, "JPEG": {"quality": 100}}
LOSSY = {".jpg": 12, ".jpe": 12, ".jfif": 12, ".avif": 24}  # of smooth pictures
WITH_EXIF = (".webp", ".jpg", ".jpe", ".jfif", ".apng", ".tif", ".avif")
CONTAINERS = [
    (ending, mode, orientation)
    for ending, modes in MODES.items()
    for mode in modes
    for orientation in (ORIENTATIONS if ending in WITH_EXIF else (1,))
]
DECODERS = {".avif": "avif", ".jp2": "jpg_2000", ".j2k": "jpg_2000", ".webp": "webp"}


@pytest.mark.parametrize(("ending", "mode", "orientation"), CONTAINERS)
def test_container(tmp_path: Path, ending: str, mode: str, orientation: int) -> None:
    if ending in DECODERS and not features.check(DECODERS[ending]):
        pytest.skip("this Pillow lacks the format")
    y, x = np.mgrid[:24, :32]
    grey = (x * 4 + y * 4 + 8).astype(np.uint8)
    rgb = np.dstack([grey, grey[:, ::-1], 255 - grey])
    alpha = (255 - x * 3).astype(np.uint8)
    black = grey > 100
    pixels, colours = {
        "1": (black, np.where(black, 255, 0)), "L": (grey, grey), "P": (grey, grey), "RGB": (rgb, rgb),
        "LA": (np.dstack([grey, alpha]), grey), "RGBA": (np.dstack([rgb, alpha]), rgb),
        "CMYK": (np.dstack([255 - rgb, 0 * grey]), rgb), "I;16": (grey.astype(np.uint16) * 257, grey),
    }[mode]  # fmt: skip
    if mode == "P":
        picture = Image.fromarray(pixels)
        picture.putpalette([level for value in range(256) for level in (255 - value, value, value)])
        colours = np.dstack([255 - grey, grey, grey])
    else:
        picture = Image.fromarray(pixels, "CMYK") if mode == "CMYK" else Image.fromarray(pixels)
    kind, buffer = FORMATS.get(ending, Image.registered_extensions()[ending]), BytesIO()
    turn = {"exif": b"Exif\0\0" + exif_block(orientation)} if orientation > 1 else {}
    picture.save(buffer, kind, **OPTIONS.get(kind, {}), **turn)
    got, _ = result_of(buffer.getvalue(), tmp_path, ending)
    expected = as_rgb(colours / 255)
    has_alpha = mode in ("LA", "RGBA")
    check(got, turned(expected, orientation), turned(alpha, orientation) if has_alpha else None, LOSSY.get(ending, 0))


def test_the_table_is_long_enough() -> None:
    assert len(PNGS) * len(TURNS) + len(TIFFS) * 8 + 4 + len(CONTAINERS) >= 200


def test_masks_are_read_alike(tmp_path: Path) -> None:
    """Grey levels of masks do not go through the profile."""
    samples = draw(1, 8, seed=4)
    content = png_file(samples, "grey", 8, [(b"iCCP", b"x\0\0" + zlib.compress(LINEAR))])
    assert (np.asarray(to_grey(Image.open(BytesIO(content)))) == samples).all()
    assert struct.unpack(">I", LINEAR[:4])[0] == len(LINEAR)
