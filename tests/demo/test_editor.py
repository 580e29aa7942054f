import numpy as np
import pytest

from repaint.demo.editor import read_editor
from repaint.errors import DataError
from tests.helpers.demo_page import editor_value


def test_what_is_painted_becomes_opaque() -> None:
    picture, hole = read_editor(editor_value(alpha=100))
    alpha = np.asarray(picture)[..., 3]
    assert hole.sum() == 400
    assert set(alpha[hole]) == {255}
    assert set(alpha[~hole]) == {100}
    assert read_editor(editor_value())[0].mode == "RGB"
    for nothing in (None, {"background": None, "layers": [], "composite": None}):
        with pytest.raises(DataError, match="there is no picture yet"):
            read_editor(nothing)
