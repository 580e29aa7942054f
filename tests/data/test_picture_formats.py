"""Modes and file formats of pictures through the command: what results keep."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers.command import manifest
from tests.helpers.pictures import FAST, fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import read_pixels

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGB", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("1", "png"), ("CMYK", "jpg"), ("RGBA", "webp"),
     ("RGB", "bmp"), ("I;16", "png"), ("RGB", "tif"), ("CMYK", "tif")],
)  # fmt: skip
def test_kinds_of_pictures(tmp_path: Path, mode: str, ending: str) -> None:
    known = two_holes(40, 50)
    prepare_run(tmp_path, known, **FAST)
    picture = Image.fromarray(smooth(40, 50))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / f"gt/a.{ending}", **({"lossless": True} if ending == "webp" else {}))
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    with Image.open(tmp_path / f"gt/a.{ending}") as stored:
        stored.load()
        plain = np.asarray(picture.convert("L") if mode == "I;16" else stored.convert("RGB"))
    if mode == "I;16":
        plain = np.repeat((np.asarray(picture) // 257).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(filled[known][:, :3], plain[known])
    assert filled.shape[2] == (4 if mode == "LA" else 3)  # WebP files do not store an alpha that hides nothing


def test_profile_and_transparency_are_kept(tmp_path: Path) -> None:
    known = two_holes(40, 50)
    prepare_run(tmp_path, known, **FAST)
    alpha = np.random.default_rng(7).integers(1, 256, (40, 50), np.uint8)
    Image.fromarray(np.dstack([smooth(40, 50), alpha])).save(tmp_path / "gt/a.png", icc_profile=SRGB)
    for ending in ("png", "webp"):
        out = fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format=ending, paths={
            "srs": str(tmp_path / ending / "inpainted")})  # fmt: skip
        with Image.open(tmp_path / ending / f"inpainted/a.{ending}") as filled:
            assert filled.info["icc_profile"] == SRGB
            np.testing.assert_array_equal(np.asarray(filled)[known], np.dstack([smooth(40, 50), alpha])[known])
            np.testing.assert_array_equal(np.asarray(filled)[..., 3], alpha)
    assert out.name == "inpainted"


def test_jpeg_results_are_near(tmp_path: Path) -> None:
    known = two_holes(40, 50)
    prepare_run(tmp_path, known, **FAST)
    Image.fromarray(smooth(40, 50)).save(tmp_path / "gt/a.png")
    out = fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format="jpg")
    with Image.open(out / "a.jpg") as filled:
        assert filled.format == "JPEG"
        error = np.abs(np.asarray(filled).astype(int) - smooth(40, 50))
    assert error[10:20, 25:].mean() < 4  # far from the holes, whose noise JPEG smears
    assert manifest(tmp_path)[0]["name"] == "a.jpg"


def test_transparency_that_jpeg_files_cannot_hold_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_run(tmp_path, two_holes(40, 50), **FAST)
    for name, opacity in (("clear", 99), ("clearer", 9), ("opaque", 255)):
        Image.fromarray(np.dstack([smooth(40, 50), np.full((40, 50), opacity, np.uint8)])).save(
            tmp_path / f"gt/{name}.png"
        )
    for ending, notes in (("jpg", 1), ("png", 0)):
        paths = {"srs": str(tmp_path / ending / "inpainted")}
        fill(
            tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format=ending, paths=paths,
            num_samples_per_image=2,
        )  # fmt: skip
        printed = capsys.readouterr().out
        assert printed.count("has no transparency") == notes
        assert printed.count("format: jpg has no transparency; that of 2 pictures is left out (png keeps it)") == notes


def test_a_cmyk_profile_is_used(tmp_path: Path) -> None:
    """Without a real CMYK profile at hand: a broken one must not stop the picture."""
    known = two_holes(40, 50)
    prepare_run(tmp_path, known, **FAST)
    buffer = io.BytesIO()
    Image.fromarray(smooth(40, 50)).convert("CMYK").save(buffer, "JPEG", icc_profile=b"no profile")
    (tmp_path / "gt/a.jpg").write_bytes(buffer.getvalue())
    filled = read_pixels(fill(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    with Image.open(io.BytesIO(buffer.getvalue())) as stored:
        np.testing.assert_array_equal(filled[known], np.asarray(stored.convert("RGB"))[known])
