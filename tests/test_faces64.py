"""What is shown of the bundled model, through the command lines, with schedules of two steps."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from repaint.checkpoints.safe_files import encode_checkpoint
from repaint.commands.fill import main as fill_command
from scripts import make_gallery
from tests.helpers.tiny import FLAGS, read_pixels, tiny_unet

ROOT = Path(__file__).parents[1]
QUICK = ["--set", "timestep_respacing='2'", "--set", "schedule_jump_params.jump_n_sample=1", "--device", "cpu"]
QUICK += ["--set", "show_progress=false"]


def test_painted_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    changes = ["--set", "data.eval.wall.format=png", "--set", f"data.eval.wall.paths.srs={tmp_path / 'out'}"]
    assert fill_command(["--conf_path", "confs/wall.yml", *changes, *QUICK]) == 0
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


def test_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    small = encode_checkpoint(tiny_unet(image_size=64).state_dict(), {"network": FLAGS | {"image_size": 64}})
    (tmp_path / "small.safetensors").write_bytes(small)  # loaded for each of 18 fills
    options = ["--out", str(tmp_path / "gallery.png"), "--faces", *"765432"]
    options += ["--set", f"model_path={tmp_path / 'small.safetensors'}", "--set", "timestep_respacing='1'"]
    monkeypatch.setattr(sys, "argv", ["make_gallery.py", *QUICK, *options])
    assert make_gallery.main() == 0
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
