"""Outpainting of folders through the command with a configuration: results, resume, processes, dry run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import processes
from tests.helpers.command import manifest, run
from tests.helpers.pictures import fill, prepare_run, smooth, two_holes
from tests.helpers.tiny import read_pixels

EXTEND = {"left": "25%", "right": 7, "bottom": "50%"}


def prepare(folder: Path, **changes: object) -> dict[str, np.ndarray]:
    prepare_run(folder, two_holes(48, 40), **changes)
    pictures = {"a": smooth(48, 40), "b": np.random.default_rng(1).integers(0, 256, (48, 40, 3), np.uint8)}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"gt/{name}.png")
    return pictures


def old_part(pixels: np.ndarray) -> np.ndarray:
    assert pixels.shape[:2] == (48 + 24, 10 + 40 + 7)
    return pixels[:48, 10:50]


@pytest.mark.parametrize("fit", ["window", "pad", "resize"])
@pytest.mark.parametrize("masked", [True, False])
def test_the_old_pictures_stay_exact(tmp_path: Path, fit: str, masked: bool) -> None:
    pictures = prepare(tmp_path)
    mask_path = str(tmp_path / "mask.png") if masked else None
    out = fill(tmp_path, fit=fit, mask_path=mask_path, extend=EXTEND, refine="auto")
    known = two_holes(48, 40) if masked else np.ones((48, 40), bool)
    for name, pixels in pictures.items():
        filled = read_pixels(out / f"{name}.png")
        np.testing.assert_array_equal(old_part(filled)[known], pixels[known])
        if masked:
            assert (old_part(filled)[~known] != pixels[~known]).any(axis=1).mean() > 0.9
        assert (filled != 0).any(axis=2)[48:].mean() > 0.9
        assert (filled != 0).any(axis=2)[:, :10].mean() > 0.9
        mask = read_pixels(tmp_path / f"out/gt_keep_mask/{name}.png")
        np.testing.assert_array_equal(old_part(mask), np.where(known, 255, 0))
        assert (mask == 255).sum() == known.sum()
        np.testing.assert_array_equal(old_part(read_pixels(tmp_path / f"out/gt/{name}.png")), pixels)
    assert manifest(tmp_path)[0]["nfe"] > 2 * 7  # windows of each hole and strip, or the tiles of an enlarged fill
    assert (tmp_path / "out/contact_sheet.png").exists()


def test_results_depend_neither_on_batches_nor_on_processes_nor_on_interruptions(tmp_path: Path) -> None:
    results = {}
    for kind, batch_size in (("one", 1), ("four", 4), ("two_processes", 4)):
        folder = tmp_path / kind
        prepare(folder)
        if kind == "two_processes":
            launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "test.py"]
            sets = [f"data.eval.tiny.{key}" for key in ("fit=window", "extend={left: 25%, right: 7, bottom: 50%}")]
            words = [word for text in [*sets, "data.eval.tiny.batch_size=4"] for word in ("--set", text)]
            arguments = ["--conf_path", str(folder / "conf.yml"), "--device", "cpu", *words]
            done = processes.run(*launcher, *arguments, "--set", f"data.eval.tiny.mask_path={folder / 'mask.png'}")
            assert done.returncode == 0, done.stderr
        else:
            fill(folder, fit="window", mask_path=str(folder / "mask.png"), extend=EXTEND, batch_size=batch_size)
        results[kind] = {name: read_pixels(folder / f"out/inpainted/{name}.png").astype(int) for name in "ab"}
    for name in "ab":
        assert np.abs(results["one"][name] - results["four"][name]).max() <= 1
        np.testing.assert_array_equal(results["four"][name], results["two_processes"][name])
    folder = tmp_path / "four"
    (folder / "out/inpainted/b.png").unlink()
    assert run(folder / "conf.yml") == 0
    np.testing.assert_array_equal(read_pixels(folder / "out/inpainted/b.png"), results["four"]["b"])


def test_another_extension_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path)
    fill(tmp_path, fit="window", mask_path=None, extend={"top": "10%"})
    lines = manifest(tmp_path)
    fill(tmp_path, fit="window", extend={"top": "10.0 %"})
    assert manifest(tmp_path) == lines
    capsys.readouterr()
    fill(tmp_path, 2, fit="window", extend={"top": 5})
    assert "holds results of another configuration" in capsys.readouterr().err


def test_a_dry_run_names_the_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path)
    fill(tmp_path, fit="window", mask_path=None, extend={"left": "25%", "top": 8})
    capsys.readouterr()
    assert run(tmp_path / "conf.yml", "--dry_run") == 0
    out = capsys.readouterr().out
    assert f"{tmp_path}/gt/a.png + left 25%, top 8 -> {tmp_path}/out/inpainted/a.png" in out
    assert "extend:\n" in out


def test_a_model_adapted_to_an_extended_picture_is_that_of_the_picture(tmp_path: Path) -> None:
    """What lies beyond the sides is no training data, and takes no crops away."""
    adapt = {"steps": 2, "batch_size": 2}
    prepare(tmp_path, adapt=adapt)
    data = {"fit": "window", "mask_path": str(tmp_path / "mask.png")}
    fill(tmp_path, **data)
    folders = [tmp_path / "out/adapted_models"]
    paths = {"srs": str(tmp_path / "wide/inpainted")}
    fill(tmp_path, **data, extend={"left": "300%"}, paths=paths)
    folders.append(tmp_path / "wide/adapted_models")
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert len(first) == 2


def test_an_extension_too_large_skips_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path)
    fill(tmp_path, 3, fit="window", mask_path=None, extend={"left": 65_536, "top": 65_536})
    err = capsys.readouterr().err
    assert "a.png: extended to 65576x65584 it has more than 89,478,485 pixels" in err
