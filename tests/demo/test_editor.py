"""Picture and hole of a job: what is painted, joined by a mask file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from repaint.demo.choices import Choices
from repaint.demo.editor import editor_value, read_editor
from repaint.errors import DataError
from tests.helpers.demo_page import PAINTED, SIDE, painted_value


def choose(**choices: Any) -> Choices:
    return Choices("a", "fast", **choices)


def write_mask(folder: Path, levels: np.ndarray) -> str:
    path = folder / "hole.png"
    Image.fromarray(levels).save(path)
    return str(path)


def test_what_is_painted_becomes_opaque() -> None:
    picture, mask = read_editor(painted_value(alpha=100), choose())
    alpha, hole = np.asarray(picture)[..., 3], mask == 0
    assert (hole == PAINTED).all()
    assert set(alpha[hole]) == {255}
    assert set(alpha[~hole]) == {100}
    assert read_editor(painted_value(), choose())[0].mode == "RGB"
    for nothing in (None, {"background": None, "layers": [], "composite": None}):
        with pytest.raises(DataError, match="there is no picture yet"):
            read_editor(nothing, choose())


@pytest.mark.parametrize("painted", [True, False])
@pytest.mark.parametrize("hole_white", [True, False])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_mask_file_joins_what_is_painted(tmp_path: Path, painted: bool, hole_white: bool, scale: int) -> None:
    marked = np.zeros((SIDE, SIDE), bool)
    marked[30:50, 10:25] = True
    levels = np.where(marked == hole_white, 255, 0).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
    choices = choose(mask_file=write_mask(tmp_path, levels), hole_white=hole_white)
    picture, mask = read_editor(painted_value(alpha=100, painted=painted), choices)
    expected = marked | PAINTED if painted else marked
    assert (mask == np.where(expected, 0, 255)).all()
    assert (np.asarray(picture)[..., 3] == np.where(expected, 255, 100)).all()


def test_grey_levels_count_only_in_soft_masks(tmp_path: Path) -> None:
    levels = np.full((SIDE, SIDE), 255, np.uint8)
    levels[:10], levels[10:20] = 100, 200
    path = write_mask(tmp_path, levels)
    assert set(np.unique(read_editor(painted_value(), choose(mask_file=path))[1])) == {0, 255}
    picture, mask = read_editor(painted_value(alpha=100), choose(mask_file=path, soft=True))
    assert (mask == np.where(PAINTED, 0, levels)).all()
    assert (np.asarray(picture)[:20, ..., 3] == 255).all()


def test_a_mask_file_has_the_shape_of_the_picture(tmp_path: Path) -> None:
    path = write_mask(tmp_path, np.zeros((SIDE, 2 * SIDE), np.uint8))
    with pytest.raises(DataError, match=r"^hole\.png: 128x64 has another aspect ratio than its picture picture"):
        read_editor(painted_value(), choose(mask_file=path))


def test_an_extension_needs_no_hole() -> None:
    with pytest.raises(DataError, match="nothing is painted yet"):
        read_editor(painted_value(painted=False), choose())
    assert (read_editor(painted_value(painted=False), choose(sides=["left"]))[1] == 255).all()
    assert choose(sides=["left", "top"], length="30%").extend == {"left": "30%", "top": "30%"}
    assert choose().extend is None


def test_the_editor_shows_what_was_read() -> None:
    picture = Image.new("RGB", (SIDE, SIDE), "#123456")
    again, mask = read_editor(editor_value(picture, PAINTED, (1, 2, 3)), choose())
    assert again.tobytes() == picture.tobytes()
    assert ((mask == 0) == PAINTED).all()
    assert editor_value(picture, np.zeros_like(PAINTED), (1, 2, 3))["layers"] == []
