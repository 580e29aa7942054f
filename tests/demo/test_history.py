"""Going on with fills, and back.

Gradio is imported where it is used, as all tests are collected by processes that run only some of them.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from repaint.demo.choices import Choices
from repaint.demo.editor import read_editor
from tests.helpers.demo_page import PAINTED, painted_value


@pytest.fixture(autouse=True)
def gradio_or_skip() -> None:
    pytest.importorskip("gradio")


def fills(folder: Path, count: int) -> list[str]:
    """Files of one colour each."""
    paths = [folder / f"fill_{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (80, 64), (number, 0, 0)).save(path)
    return [str(path) for path in paths]


def value_of(editor: Any) -> Any:
    return editor.constructor_args["value"]


def color_of(editor: Any) -> Any:
    return value_of(editor)["background"].convert("RGB").getpixel((0, 0))


def test_the_chosen_fill_is_compared_with_the_same_picture(tmp_path: Path) -> None:
    from repaint.demo.history import compare_fill

    first, second = fills(tmp_path, 2)
    event: Any = SimpleNamespace(index=1)
    assert compare_fill([(first, None), (second, None)], ("before.png", first), event) == ("before.png", second)


def test_back_brings_picture_hole_mask_and_sides(tmp_path: Path) -> None:
    from repaint.demo.history import go_back, take_fill

    first, second = fills(tmp_path, 2)
    before = painted_value()
    editor, mask_file, sides, history, button = take_fill(("before.png", first), before, "mask.png", ["left"], [])
    assert (mask_file, sides, button.visible) == (None, [], True)
    editor, _, _, history, _ = take_fill(("before.png", second), value_of(editor), None, ["top"], history)
    assert color_of(editor) == (1, 0, 0)

    editor, mask_file, sides, history, button = go_back(history)
    assert color_of(editor) == (0, 0, 0)
    assert (mask_file, sides, button.visible) == (None, ["top"], True)
    editor, mask_file, sides, history, button = go_back(history)
    assert (mask_file, sides, history, button.visible) == ("mask.png", ["left"], [], False)
    picture, mask = read_editor(value_of(editor), Choices("a", "fast"))
    assert picture.tobytes() == before["background"].convert("RGB").tobytes()
    assert ((mask == 0) == PAINTED).all()


def test_the_history_is_short_and_needs_a_picture(tmp_path: Path) -> None:
    from repaint.demo.history import MOST_STEPS, History, take_fill

    history: History = []
    paths = fills(tmp_path, MOST_STEPS + 2)
    value: Any = None
    for path in paths:
        editor, _, _, history, button = take_fill(("before.png", path), value, None, [], history)
        value = value_of(editor)
        assert button.visible is (path != paths[0])
    assert [np.asarray(step.picture)[0, 0, 0] for step in history] == list(range(1, MOST_STEPS + 1))
