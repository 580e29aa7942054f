"""Pictures of any size and kind, masks from anywhere, several fills: through the command, with real files."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageCms

from repaint.commands.fill import main as fill_command
from repaint.data.examples import Example, Reading, load_example
from repaint.data.mask_generators import generate_mask
from repaint.data.pairing import Pair
from repaint.diffusion.gaussian import Model
from repaint.inference import sheets
from repaint.pipeline import pipeline
from repaint.sampler import Callback, Step
from repaint.visual.contact_sheets import contact_sheet
from tests.helpers.tiny import make_run, read_pixels, write_config

RNG = np.random.default_rng(7)
TOP_LEVEL = {
    "num_samples_per_image", "seed", "paste_known", "inpa_inj_sched_prev", "animation", "animation_frames",
    "snapshot_interval",
}  # fmt: skip


def smooth(height: int, width: int) -> np.ndarray:
    """A picture that survives JPEG files well."""
    y, x = np.mgrid[:height, :width]
    return np.stack([40 + 150 * x / width, 60 + 120 * y / height, 128 + 60 * np.sin(x / 9)], axis=-1).astype(np.uint8)


def run(folder: Path, code: int = 0, **data: Any) -> Path:
    """Run the tiny model on `folder`/gt with changed data keys (None removes one); the folder of filled pictures."""
    conf = folder / "conf.yml"
    tree = yaml.safe_load(conf.read_text())
    top = {key: data.pop(key) for key in list(data) if key in TOP_LEVEL}
    settings = tree["data"]["eval"]["tiny"] | data
    tree["data"]["eval"]["tiny"] = {key: value for key, value in settings.items() if value is not None}
    conf.write_text(yaml.safe_dump(tree | top))
    assert fill_command(["--conf_path", str(conf), "--device", "cpu"]) == code
    return folder / "out/inpainted"


def prepare(folder: Path, known: np.ndarray | None = None) -> None:
    """A run without pictures; `known` becomes the one mask."""
    make_run(folder, 0)
    write_config(folder)
    if known is not None:
        Image.fromarray(np.where(known, 255, 0).astype(np.uint8)).save(folder / "mask.png")


def two_holes(height: int, width: int) -> np.ndarray:
    known = np.ones((height, width), bool)
    known[5:12, 6:15] = False
    known[height - 20 : height - 8, width - 25 : width - 9] = False
    return known


def manifest(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out/manifest.jsonl").read_text().splitlines()]


def test_windows_on_a_turned_jpeg_leave_every_known_pixel_alone(tmp_path: Path) -> None:
    known = two_holes(90, 60)  # of the picture as people see it
    prepare(tmp_path, known)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    Image.fromarray(np.rot90(smooth(90, 60))).save(tmp_path / "gt/photo.v1.jpg", exif=exif, quality=90)
    out = run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"))
    with Image.open(tmp_path / "gt/photo.v1.jpg") as stored:
        upright = np.rot90(np.asarray(stored), -1)
    filled = read_pixels(out / "photo.v1.png")
    assert filled.shape == (90, 60, 3)
    np.testing.assert_array_equal(filled[known], upright[known])
    assert (filled[~known] != upright[~known]).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt/photo.v1.png"), upright)
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/photo.v1.png"), np.where(known, 255, 0))
    assert manifest(tmp_path)[0]["nfe"] == 2 * 7  # two windows


@pytest.mark.parametrize("fit", ["window", "pad", "resize"])
@pytest.mark.parametrize("size", [(70, 50), (9, 13), (16, 16), (200, 40)])
def test_any_size_comes_back_with_only_the_hole_changed(tmp_path: Path, fit: str, size: tuple[int, int]) -> None:
    height, width = size
    known = np.ones(size, bool)
    known[height // 3 : height // 2, : width // 2] = False
    prepare(tmp_path, known)
    pixels = RNG.integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    filled = read_pixels(run(tmp_path, fit=fit, mask_path=str(tmp_path / "mask.png")) / "a.png")
    np.testing.assert_array_equal(filled[known], pixels[known])
    assert (filled[~known] != pixels[~known]).any()


def test_a_strip_goes_through_windows_but_is_too_thin_for_a_square(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = np.ones((200, 10), bool)
    known[60:70, :5] = False
    prepare(tmp_path, known)
    Image.fromarray(smooth(200, 10)).save(tmp_path / "gt/a.png")
    filled = read_pixels(run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    np.testing.assert_array_equal(filled[known], smooth(200, 10)[known])
    capsys.readouterr()
    run(tmp_path, code=3, fit="pad", paths={"srs": str(tmp_path / "pad/inpainted")})
    assert "with fit: pad nothing known is left at 16x16 pixels; use fit: window" in capsys.readouterr().err


def test_what_is_in_the_hole_does_not_matter(tmp_path: Path) -> None:
    known = two_holes(90, 60)
    fills = []
    for content in (0, 255):
        folder = tmp_path / str(content)
        prepare(folder, known)
        Image.fromarray(np.where(known[..., None], smooth(90, 60), content).astype(np.uint8)).save(folder / "gt/a.png")
        fills.append(read_pixels(run(folder, fit="window", mask_path=str(folder / "mask.png")) / "a.png"))
    np.testing.assert_array_equal(*fills)


def test_a_picture_does_not_depend_on_the_batch_its_windows_share(tmp_path: Path) -> None:
    for batch_size in (1, 4):
        folder = tmp_path / str(batch_size)
        prepare(folder)
        for i, size in enumerate([(90, 60), (40, 80), (30, 30)]):
            Image.fromarray(smooth(*size)).save(folder / f"gt/{i}.png")
        run(folder, fit="window", mask_path=None, mask={"kind": "thick", "seed": 3}, batch_size=batch_size)
    for i in range(3):
        one, four = (read_pixels(tmp_path / f"{b}/out/inpainted/{i}.png").astype(int) for b in (1, 4))
        assert np.abs(one - four).max() <= 1


def test_context_is_what_the_network_sees_around_a_hole(tmp_path: Path) -> None:
    known = np.ones((120, 120), bool)
    known[45:75, 45:75] = False
    near, far = smooth(120, 120), smooth(120, 120)
    far[22:28] = 255 - far[22:28]  # within 1.5 times the hole, not within 0.2 times
    fills = {}
    for context in (0.2, 1.5):
        for name, pixels in (("near", near), ("far", far)):
            folder = tmp_path / f"{name}{context}"
            prepare(folder, known)
            Image.fromarray(pixels).save(folder / "gt/a.png")
            out = run(folder, fit="window", mask_path=str(folder / "mask.png"), window_context=context)
            fills[name, context] = read_pixels(out / "a.png")[~known]
    np.testing.assert_array_equal(fills["near", 0.2], fills["far", 0.2])
    assert (fills["near", 1.5] != fills["far", 1.5]).any()
    assert (fills["near", 1.5] != fills["near", 0.2]).any()


# Masks from elsewhere


@pytest.mark.parametrize("mask", [{"kind": "box", "width": 0.5}, {"kind": "text", "text": "Hi", "seed": 2}])
def test_boxes_and_letters_from_the_configuration(tmp_path: Path, mask: dict) -> None:
    prepare(tmp_path)
    pixels = smooth(40, 60)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    filled = read_pixels(run(tmp_path, fit="window", mask_path=None, mask=mask) / "a.png")
    options = {key: value for key, value in mask.items() if key not in ("kind", "seed")}
    known = generate_mask(mask["kind"], (40, 60), mask.get("seed", 0), **options)
    np.testing.assert_array_equal(read_pixels(tmp_path / "out/gt_keep_mask/a.png"), np.where(known, 255, 0))
    np.testing.assert_array_equal(filled[known], pixels[known])
    assert (filled[~known] != pixels[~known]).any(axis=1).mean() > 0.9
    assert 0.02 < (~known).mean() < 0.6


def test_masks_by_rule_need_no_file(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "masks").rmdir()
    pixels = smooth(40, 60)
    Image.fromarray(pixels).save(tmp_path / "gt/a.png")
    mask = {"kind": "genhalf", "side": "left", "width": 0.25}
    filled = read_pixels(run(tmp_path, fit="window", mask_path=None, mask=mask) / "a.png")
    np.testing.assert_array_equal(filled[:, 15:], pixels[:, 15:])
    assert (filled[:, :15] != pixels[:, :15]).any()


def test_masks_by_rule_in_the_published_crop_are_of_the_networks_size(tmp_path: Path) -> None:
    prepare(tmp_path)
    for i in range(2):
        Image.fromarray(smooth(40, 60)).save(tmp_path / f"gt/{i}.png")
    run(tmp_path, mask_path=None, mask={"kind": "thin", "seed": 3})
    masks = [read_pixels(tmp_path / f"out/gt_keep_mask/{i}.png") for i in range(2)]
    assert masks[0].shape == (16, 16)
    assert (masks[0] != masks[1]).any()


def test_the_transparent_part_is_filled_and_becomes_opaque(tmp_path: Path) -> None:
    prepare(tmp_path)
    known = two_holes(60, 50)
    alpha = np.where(known, 200, 0).astype(np.uint8)
    Image.fromarray(np.dstack([smooth(60, 50), alpha])).save(tmp_path / "gt/a.png")
    filled = read_pixels(run(tmp_path, fit="window", mask_path=None, mask_channel="alpha") / "a.png")
    np.testing.assert_array_equal(filled[known], np.dstack([smooth(60, 50), alpha])[known])
    assert (filled[~known][:, 3] == 255).all()


def test_a_painted_colour_is_the_hole_in_the_picture_or_in_a_copy(tmp_path: Path) -> None:
    painted = smooth(60, 50)
    painted[20:35, 10:30] = 0, 0, 255
    for place in ("itself", "copy"):
        folder = tmp_path / place
        prepare(folder)
        Image.fromarray(painted if place == "itself" else smooth(60, 50)).save(folder / "gt/a.png")
        Image.fromarray(painted).save(folder / "masks/a.png")
        mask_path = None if place == "itself" else str(folder / "masks")
        filled = read_pixels(run(folder, fit="window", mask_path=mask_path, mask_color="#00f") / "a.png")
        hole = read_pixels(folder / "out/gt_keep_mask/a.png") == 0
        assert hole[20:35, 10:30].all()
        assert hole.sum() < 20 * 25
        np.testing.assert_array_equal(filled[~hole], painted[~hole])
        assert (filled[hole] != painted[hole]).any(axis=1).mean() > 0.9


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"mask_path": None}, "there are no masks; give mask_path"),
        ({"mask": {"kind": "thick"}}, "the masks come from 'mask' and from elsewhere too"),
        ({"mask_path": None, "mask": {"kind": "thick", "side": "left"}}, "masks of the kind thick have no side"),
        ({"mask_path": None, "mask": {"kind": "blob"}}, "mask.kind: input should be 'thin', 'medium'"),
        ({"mask_channel": "alpha", "mask_color": "red"}, "exclude each other"),
        ({"mask_polarity": "hole_white", "mask_color": "red"}, "is about grey mask files"),
        ({"mask_polarity": "hole_white", "mask_path": None, "mask": {"kind": "box"}}, "is about grey mask files"),
        ({"window_context": 1}, "window_context has no meaning without fit: window"),
        ({"animation_frames": 9}, "animation_frames has no meaning without animation"),
        ({"animation": "avi"}, "animation: input should be 'gif', 'webp' or 'mp4'"),
        ({"num_samples_per_image": 0}, "num_samples_per_image: input should be greater than or equal to 1"),
        ({"format": "bmp"}, "format: input should be 'png', 'jpg' or 'webp'"),
        (
            {"mask_path": None, "mask": {"kind": "box", "width": 2}},
            "width: input should be less than or equal to 1",
        ),
        ({"mask_color": "blurple"}, "a colour such as '#00f'"),
        ({"fit": "window", "paste_known": False}, "only fit: crop can show it"),
        ({"fit": "window", "inpa_inj_sched_prev": False}, "inpa_inj_sched_prev: false ignores the picture"),
        ({"fit": "pad", "inpa_inj_sched_prev": False}, "only fit: crop allows it"),
        ({"fit": "window", "drop_last": True}, "drop_last: how many windows there are"),
        ({"batch_size": 5, "drop_last": True}, "drop_last: there are fewer than 5 pictures, which full batches of"),
        ({"fit": "stretch"}, "fit: input should be 'crop', 'window', 'pad' or 'resize'"),
    ],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: dict, says: str) -> None:
    make_run(tmp_path)
    run(tmp_path, code=2, **data)
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_a_picture_without_transparency_is_reported_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path)
    Image.fromarray(smooth(30, 30)).save(tmp_path / "gt/a.png")
    Image.new("RGBA", (30, 30), (9, 9, 9, 0)).save(tmp_path / "gt/b.png")
    out = run(tmp_path, code=3, fit="window", mask_path=None, mask_channel="alpha")
    assert "a.png: has no transparent part" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["b.png"]


# Kinds of pictures, kinds of files


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("mode", "ending"),
    [("RGB", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("1", "png"), ("CMYK", "jpg"), ("RGBA", "webp"),
     ("RGB", "bmp"), ("I;16", "png"), ("RGB", "tif"), ("CMYK", "tif")],
)  # fmt: skip
def test_kinds_of_pictures(tmp_path: Path, mode: str, ending: str) -> None:
    known = two_holes(40, 50)
    prepare(tmp_path, known)
    picture = Image.fromarray(smooth(40, 50))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / f"gt/a.{ending}", **({"lossless": True} if ending == "webp" else {}))
    filled = read_pixels(run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    with Image.open(tmp_path / f"gt/a.{ending}") as stored:
        stored.load()
        plain = np.asarray(picture.convert("L") if mode == "I;16" else stored.convert("RGB"))
    if mode == "I;16":
        plain = np.repeat((np.asarray(picture) // 257).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(filled[known][:, :3], plain[known])
    assert filled.shape[2] == (4 if mode == "LA" else 3)  # WebP files do not store an alpha that hides nothing


def test_profile_and_transparency_are_kept(tmp_path: Path) -> None:
    known = two_holes(40, 50)
    prepare(tmp_path, known)
    alpha = RNG.integers(1, 256, (40, 50), np.uint8)
    Image.fromarray(np.dstack([smooth(40, 50), alpha])).save(tmp_path / "gt/a.png", icc_profile=SRGB)
    for ending in ("png", "webp"):
        out = run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format=ending, paths={
            "srs": str(tmp_path / ending / "inpainted")})  # fmt: skip
        with Image.open(tmp_path / ending / f"inpainted/a.{ending}") as filled:
            assert filled.info["icc_profile"] == SRGB
            np.testing.assert_array_equal(np.asarray(filled)[known], np.dstack([smooth(40, 50), alpha])[known])
            np.testing.assert_array_equal(np.asarray(filled)[..., 3], alpha)
    assert out.name == "inpainted"


def test_jpeg_results_are_near(tmp_path: Path) -> None:
    known = two_holes(40, 50)
    prepare(tmp_path, known)
    Image.fromarray(smooth(40, 50)).save(tmp_path / "gt/a.png")
    out = run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format="jpg")
    with Image.open(out / "a.jpg") as filled:
        assert filled.format == "JPEG"
        error = np.abs(np.asarray(filled).astype(int) - smooth(40, 50))
    assert error[10:20, 25:].mean() < 4  # far from the holes, whose noise JPEG smears
    assert manifest(tmp_path)[0]["name"] == "a.jpg"


def test_transparency_that_jpeg_files_cannot_hold_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(tmp_path, two_holes(40, 50))
    for name, opacity in (("clear", 99), ("clearer", 9), ("opaque", 255)):
        Image.fromarray(np.dstack([smooth(40, 50), np.full((40, 50), opacity, np.uint8)])).save(
            tmp_path / f"gt/{name}.png"
        )
    for ending, notes in (("jpg", 1), ("png", 0)):
        paths = {"srs": str(tmp_path / ending / "inpainted")}
        run(
            tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), format=ending, paths=paths,
            num_samples_per_image=2,
        )  # fmt: skip
        printed = capsys.readouterr().out
        assert printed.count("has no transparency") == notes
        assert printed.count("format: jpg has no transparency; that of 2 pictures is left out (png keeps it)") == notes


def test_a_cmyk_profile_is_used(tmp_path: Path) -> None:
    """Without a real CMYK profile at hand: a broken one must not stop the picture."""
    known = two_holes(40, 50)
    prepare(tmp_path, known)
    buffer = io.BytesIO()
    Image.fromarray(smooth(40, 50)).convert("CMYK").save(buffer, "JPEG", icc_profile=b"no profile")
    (tmp_path / "gt/a.jpg").write_bytes(buffer.getvalue())
    filled = read_pixels(run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png")) / "a.png")
    with Image.open(io.BytesIO(buffer.getvalue())) as stored:
        np.testing.assert_array_equal(filled[known], np.asarray(stored.convert("RGB"))[known])


# Several fills


def test_several_fills_have_seeds_of_their_own_and_do_not_depend_on_their_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, 2)
    out = run(tmp_path, num_samples_per_image=3, batch_size=4)
    printed = capsys.readouterr().out
    assert "tiny: 2 pictures of 16x16, 3 fills each, in 2 batches," in printed
    assert "6 fills made; results in" in printed
    assert "diversity: two fills of a picture differ by 0." in printed
    names = [f"0{i}_{k}.png" for i in range(2) for k in range(3)]
    assert sorted(path.name for path in out.iterdir()) == names
    fills = {name: read_pixels(out / name) for name in names}
    assert len({fill.tobytes() for fill in fills.values()}) == 6
    seeds = {line["name"]: line["seed"] for line in manifest(tmp_path)}
    assert seeds == {f"0{i}_{k}.png": i + k * 1_000_003 for i in range(2) for k in range(3)}
    assert sorted(path.name for path in (tmp_path / "out/sheets").iterdir()) == ["00.png", "01.png"]
    single = tmp_path / "single"
    make_run(single, 2)
    alone = read_pixels(run(single, seed=1_000_003) / "00.png").astype(int)
    assert np.abs(alone - fills["00_1.png"]).max() <= 1


def test_a_failing_fill_costs_itself_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path, 2)
    (tmp_path / "gt/01.png").write_bytes(b"damaged")
    real, calls = pipeline.p_sample_loop, []

    def once_broken(model: Model, *arguments: Any, **options: Any) -> torch.Tensor:
        calls.append(1)
        factor = float("nan") if len(calls) == 1 else 1
        return real(lambda *inputs: model(*inputs) * factor, *arguments, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", once_broken)
    out = run(tmp_path, code=3, num_samples_per_image=3, batch_size=1)
    captured = capsys.readouterr()
    assert captured.err.count("skipped: ") == 2  # one line for each of the pictures, not for each of the fills
    assert "2 fills made, 2 pictures could not be done in full; results in" in captured.out
    assert sorted(path.name for path in out.iterdir()) == ["00_1.png", "00_2.png"]
    for folder in ("gt", "gt_masked", "gt_keep_mask"):
        assert [path.name for path in (tmp_path / "out" / folder).iterdir()] == ["00.png"]


def test_drop_last_keeps_pictures_whose_fills_make_full_batches(tmp_path: Path) -> None:
    for fills, batch_size, kept in ((3, 2, 4), (4, 2, 5), (2, 4, 4), (1, 3, 3)):
        folder = tmp_path / f"{fills}_{batch_size}"
        make_run(folder, 5)
        run(folder, num_samples_per_image=fills, batch_size=batch_size, drop_last=True)
        names = {line["name"] for line in manifest(folder)}
        assert len(names) == kept * fills
        assert {name[:2] for name in names} == {f"0{i}" for i in range(kept)}


def test_sheets_read_each_picture_once_and_hold_it_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path, two_holes(500, 400))
    for name in ("a", "b"):
        Image.fromarray(smooth(500, 400)).save(tmp_path / f"gt/{name}.png")
    read, rows = [], []

    def spy_read(pair: Pair, reading: Reading) -> Example:
        read.append(pair.name)
        return load_example(pair, reading)

    def spy_sheet(shown: list, columns: list) -> np.ndarray:
        rows.extend(shown)
        return contact_sheet(shown, columns)

    monkeypatch.setattr(sheets, "load_example", spy_read)
    monkeypatch.setattr(sheets, "contact_sheet", spy_sheet)
    run(tmp_path, fit="pad", mask_path=str(tmp_path / "mask.png"), num_samples_per_image=2)
    assert read == ["a.png", "b.png"]
    assert [name for name, _ in rows] == ["a.png", "b.png"]
    assert {pixels.shape for _, pictures in rows for pixels in pictures} == {(256, 205, 3)}
    assert len(list((tmp_path / "out/sheets").iterdir())) == 2


def test_interrupted_samples_are_completed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, 2)
    out = run(tmp_path, num_samples_per_image=2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "01_1.png").unlink()
    run(tmp_path)
    out_text = capsys.readouterr().out
    assert "3 of 4 fills are finished already" in out_text
    assert "1 fills made; results in" in out_text
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


# Seeing what happens


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_animations_and_snapshots(tmp_path: Path, kind: str) -> None:
    make_run(tmp_path, 2)
    still = tmp_path / "still"
    make_run(still, 2)
    out = run(tmp_path, animation=kind, animation_frames=5, snapshot_interval=3)
    assert sorted(path.name for path in (tmp_path / "out/animations").iterdir()) == [f"00.{kind}", f"01.{kind}"]
    assert (tmp_path / f"out/animations/00.{kind}").stat().st_size > 500
    snapshots = sorted(path.name for path in (tmp_path / "out/snapshots/01").iterdir())
    assert snapshots == ["000003.png", "000006.png"]
    assert (out / "00.png").read_bytes() == (run(still) / "00.png").read_bytes()
    assert not (still / "out/animations").exists()


def test_every_window_has_its_animation(tmp_path: Path) -> None:
    known = two_holes(90, 60)
    prepare(tmp_path, known)
    Image.fromarray(smooth(90, 60)).save(tmp_path / "gt/a.png")
    run(tmp_path, fit="window", mask_path=str(tmp_path / "mask.png"), animation="gif", animation_frames=3)
    films = tmp_path / "out/animations"
    names = sorted(str(path.relative_to(films)) for path in films.rglob("*.gif"))
    assert names == ["a/window0.gif", "a/window1.gif"]


def test_films_of_pictures_named_like_windows_do_not_replace_each_other(tmp_path: Path) -> None:
    prepare(tmp_path)
    places = {"a": two_holes(90, 60), "a_window0": two_holes(30, 30), "a/window0": two_holes(30, 30)}
    for name, known in places.items():
        for folder, pixels in (("gt", smooth(*known.shape)), ("masks", np.where(known, 255, 0).astype(np.uint8))):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    run(tmp_path, fit="window", animation="gif", animation_frames=2, snapshot_interval=7)
    calls = sum(line["nfe"] for line in manifest(tmp_path))
    assert calls >= (2 + 1 + 1) * 7
    assert len(list((tmp_path / "out/animations").rglob("*.gif"))) == calls // 7
    assert len(list((tmp_path / "out/snapshots").rglob("*.png"))) == calls // 7


def test_snapshots_are_on_disk_when_a_run_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, 2)
    real = pipeline.p_sample_loop

    def interrupted(*arguments: Any, callback: Callback, **options: Any) -> torch.Tensor:
        def watch(step: Step) -> None:
            callback(step)
            if step.nfe == 5:
                raise KeyboardInterrupt

        return real(*arguments, callback=watch, **options)

    monkeypatch.setattr(pipeline, "p_sample_loop", interrupted)
    run(tmp_path, code=130, snapshot_interval=2)
    for name in ("00", "01"):
        shots = sorted(path.name for path in (tmp_path / "out/snapshots" / name).iterdir())
        assert shots == ["000002.png", "000004.png"]
