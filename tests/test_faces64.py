"""The scripts around the bundled model, through their command lines, with schedules of two steps."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tests.helpers.tiny import read_pixels

ROOT = Path(__file__).parents[1]
QUICK = ["--set", "timestep_respacing='2'", "--set", "schedule_jump_params.jump_n_sample=1", "--device", "cpu"]
QUICK += ["--set", "show_progress=false"]


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"scripts/{name}.py", *map(str, arguments), *QUICK]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_painted_photograph(tmp_path: Path) -> None:
    changes = ["--set", "data.eval.wall.format=png", "--set", f"data.eval.wall.paths.srs={tmp_path / 'out'}"]
    command = [sys.executable, "test.py", "--conf_path", "confs/wall.yml", *changes, *QUICK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    before = np.asarray(ImageOps.exif_transpose(Image.open(ROOT / "examples/wall.jpg")))
    after = read_pixels(tmp_path / "out/wall.png")
    assert after.shape == before.shape == (600, 900, 3)
    changed = (after != before).any(axis=2)
    rows, columns = np.nonzero(changed)
    faces = [(90, 70, 128), (566, 96, 128), (612, 352, 144)]
    on_faces = [
        (abs(columns - x - size / 2) < size / 2) & (abs(rows - y - size / 2) < size / 2) for x, y, size in faces
    ]
    assert np.any(on_faces, axis=0).all()
    assert all(inside.sum() > 1000 for inside in on_faces)
    blue = after.astype(int) @ (-1, -1, 2)
    assert blue[changed].max() < 300  # 510 is the paint


def test_gallery(tmp_path: Path) -> None:
    done = script("make_gallery", "--out", tmp_path / "gallery.png", "--faces", 7, 6, 5, 4, 3, 2)
    assert done.returncode == 0, done.stderr
    sheet = read_pixels(tmp_path / "gallery.png")
    rows = [24 + 156 * row for row in range(6)]  # below the header, with a caption under each
    columns = [4 + 132 * column for column in range(5)]
    cells = [[sheet[row : row + 128 : 2, column : column + 128 : 2] for column in columns] for row in rows]
    for face, (truth, masked, *fills) in zip((7, 6, 5, 4, 3, 2), cells, strict=True):
        np.testing.assert_array_equal(truth, read_pixels(ROOT / f"examples/pictures/face_{face}.png"))
        known = (masked == truth).all(axis=2)
        assert 0.05 < known.mean() < 0.95
        for fill in fills:
            np.testing.assert_array_equal(fill[known], truth[known])
        assert all((fills[i] != fills[j]).any() for i, j in ((0, 1), (0, 2), (1, 2)))


def test_evaluation(tmp_path: Path) -> None:
    faces = [read_pixels(ROOT / f"examples/pictures/face_{i}.png") for i in range(8)]
    for folder, copies in (("held_out", 1), ("reference", 20)):
        (tmp_path / folder).mkdir()
        for i in range(3 if copies == 1 else 8 * copies):
            Image.fromarray(np.roll(faces[i % 8], i // 8, axis=1)).save(tmp_path / folder / f"{i:03d}.png")
    out = tmp_path / "out #1: a"
    folders = ["--held_out", tmp_path / "held_out", "--reference", tmp_path / "reference", "--out", out]
    folders += ["--set", "timestep_respacing='6'"]
    done = script("evaluate_faces64", *folders, "--kinds", "genhalf", "nn2", "--fills", 2, "--steps", 2)
    assert done.returncode == 0, done.stderr
    assert (out / "tables.md").read_text() in done.stdout
    results = json.loads((out / "results.json").read_text())
    assert set(results["nn2"]["quality"]) == {"Telea", "biharmonic", "bicubic", "one fill", "mean fill"}
    assert "bicubic" not in results["genhalf"]["quality"]
    assert results["nn2"]["quality"]["bicubic"]["psnr"] > 20
    assert results["genhalf"]["quality"]["mean fill"]["psnr"] > results["genhalf"]["quality"]["one fill"]["psnr"]
    assert 0.02 < results["genhalf"]["mirrored"]["truth"]["difference"] < 0.15
    assert results["genhalf"]["distance"]["Telea"]["kernel"] > results["genhalf"]["distance"]["truth"]["kernel"]
    assert len(list((out / "unconditional_2/pictures").iterdir())) == 80
    assert read_pixels(out / "genhalf.png").ndim == 3
    again = script("evaluate_faces64", *folders, "--kinds", "genhalf", "nn2", "--fills", 2, "--steps", 2)
    assert "0 pictures filled" in again.stdout
    assert json.loads((out / "results.json").read_text()) == results
