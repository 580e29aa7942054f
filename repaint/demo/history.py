"""Going on with a fill as the new picture, and back to the picture before."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image, ImageColor

from repaint.data.masks import Mask
from repaint.demo.controls import BRUSH_COLOR, brush
from repaint.demo.editor import editor_value, read_painting

MOST_STEPS = 5  # back: each holds a picture in memory


class Step(NamedTuple):
    """What the page showed before a fill was taken.

    Attributes:
        picture: of the editor.
        painted: on it, bool [H, W].
        mask_file: path of the uploaded mask, or None.
        sides: those to extend.
    """

    picture: Image.Image
    painted: Mask
    mask_file: str | None
    sides: list[str]


History = list[Step]  # the latest last
Shown = tuple[gr.ImageEditor, str | None, list[str], History, gr.Button]


def compare_fill(fills: Sequence[tuple[str, object]], shown: tuple[str, str], event: gr.SelectData) -> tuple[str, str]:
    """The picture before and the fill that was selected in the gallery."""
    return shown[0], fills[event.index][0]


def take_fill(
    shown: tuple[str, str], value: Mapping[str, Any] | None, mask_file: str | None, sides: list[str], history: History
) -> Shown:
    """Make the fill that is shown the editor's picture, without mask file and extension, which were for the old one.

    Args:
        shown: files of the picture before and of the fill.
        value: of the editor.
        mask_file: path of the uploaded mask, or None.
        sides: those to extend.
        history: of earlier steps.

    Returns:
        What `go_back` returns.
    """
    if value is not None and value["background"] is not None:
        history = [*history, Step(*read_painting(value), mask_file, sides)][-MOST_STEPS:]
    with Image.open(shown[1]) as fill:
        return _edit(fill.copy(), None), None, [], history, _back_button(history)


def go_back(history: History) -> Shown:
    """What the page showed before the last fill was taken: (editor, mask file, sides, earlier steps, button back)."""
    *earlier, step = history
    return _edit(step.picture, step.painted), step.mask_file, step.sides, earlier, _back_button(earlier)


def _back_button(history: History) -> gr.Button:
    return gr.Button(visible=bool(history))


def _edit(picture: Image.Image, painted: Mask | None) -> gr.ImageEditor:
    color = ImageColor.getrgb(BRUSH_COLOR)[:3]
    value: Any = editor_value(picture, painted, color)
    return gr.ImageEditor(value, brush=brush(min(picture.size)))
