"""Going on with a fill as the new picture, and back to the picture before."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
from PIL import Image, ImageColor

from repaint.data.masks import Mask
from repaint.demo.controls import BRUSH_COLOR, brush
from repaint.demo.editor import editor_value, read_painting

MOST_STEPS = 5  # back: each holds a picture in memory

History = list[tuple[Image.Image, Mask]]  # pictures with what was painted on them, the latest last


def compare_fill(fills: Sequence[tuple[str, object]], shown: tuple[str, str], event: gr.SelectData) -> tuple[str, str]:
    """The picture before and the fill that was selected in the gallery."""
    return shown[0], fills[event.index][0]


def take_fill(
    shown: tuple[str, str], value: Mapping[str, Any] | None, history: History
) -> tuple[gr.ImageEditor, History, gr.Button, None, list[str]]:
    """Make the fill that is shown the editor's picture.

    Args:
        shown: files of the picture before and of the fill.
        value: of the editor.
        history: of earlier steps.

    Returns:
        The editor, the new history, the button back, and no mask file and no extension, which were for the old picture.
    """
    if value is not None and value["background"] is not None:
        history = [*history, read_painting(value)][-MOST_STEPS:]
    with Image.open(shown[1]) as fill:
        return _show(fill.copy(), None), history, gr.Button(visible=bool(history)), None, []


def go_back(history: History) -> tuple[gr.ImageEditor, History, gr.Button]:
    """The picture before the last fill that was taken, with what was painted; without a step left the button hides."""
    *earlier, (picture, painted) = history
    return _show(picture, painted), earlier, gr.Button(visible=bool(earlier))


def _show(picture: Image.Image, painted: Mask | None) -> gr.ImageEditor:
    color = ImageColor.getrgb(BRUSH_COLOR)[:3]
    value: Any = editor_value(picture, painted, color)
    return gr.ImageEditor(value, brush=brush(min(picture.size)))
