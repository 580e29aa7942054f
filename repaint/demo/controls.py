"""Controls of the demo page."""

from collections.abc import Mapping
from pathlib import Path

import gradio as gr
from gradio.components import Component

from repaint.config.choices import ADAPT_STEPS, TITLES
from repaint.config.extending import SIDES
from repaint.config.presets import PRESETS
from repaint.config.refining import MOST_LEVELS
from repaint.demo.choices import SCHEDULES_OWN

MOST_FILLS = 8
MOST_SEED = 2**31
MOST_FEATHER = 50
BRUSH_COLOR = "#e6194b"
BRUSH_SHARE = 0.12  # diameter of the brush, relative to the shorter side of the picture
SMALL_PICTURE = 64  # shorter side that the brush suits before there is a picture


def picture_editor() -> gr.ImageEditor:
    """Where a picture is loaded and its hole painted."""
    return gr.ImageEditor(
        label="Picture",
        type="pil",
        format="png",
        image_mode="RGBA",
        sources=("upload", "clipboard"),
        transforms=(),
        brush=brush(SMALL_PICTURE),
        layers=False,
        elem_id="picture",
    )


def brush(side: int) -> gr.Brush:
    """Brush that suits a picture with this shorter side; gradio's own brushes are as large as a small picture."""
    return gr.Brush(default_size=max(1, round(BRUSH_SHARE * side)), colors=[BRUSH_COLOR], color_mode="fixed")


def mask_controls() -> dict[str, Component]:
    """A closed section for a mask file, by the names of `Choices`."""
    with gr.Accordion("Mask from a file", open=False, elem_id="mask"):
        return {
            "mask_file": gr.Image(
                label="Mask: black is filled, too",
                type="filepath", image_mode=None, format="png", sources=["upload", "clipboard"], height=200,
                elem_id="mask-file",
            ),
            "hole_white": gr.Checkbox(label="Inverted: white is filled", elem_id="hole-white"),
            "soft": gr.Checkbox(label="Soft: grey levels blend fill and picture", elem_id="soft"),
        }  # fmt: skip


def model_control(models: Mapping[str, Path]) -> gr.Dropdown:
    """Choice of the model, not rendered yet; the first is selected."""
    return gr.Dropdown(list(models), value=next(iter(models)), label="Model", visible=len(models) > 1, render=False)


def fill_controls(refine: str) -> dict[str, Component]:
    """What decides the fills, rare options in a closed section, by the names of `Choices`.

    Args:
        refine: of large holes unless the visitor chooses otherwise: "auto" or "none".
    """
    controls: dict[str, Component] = {"schedule": gr.Radio(_schedules(), value="fast", label="Schedule")}
    with gr.Row():
        controls["fills"] = gr.Slider(1, MOST_FILLS, value=1, step=1, label="Fills")
        controls["seed"] = gr.Number(0, label="Seed")  # without limits: gradio would not put its errors in the status
    with gr.Accordion("More options", open=False, elem_id="more"):
        with gr.Row():
            controls["sides"] = gr.CheckboxGroup(list(SIDES), value=[], label="Extend the picture to", elem_id="sides")
            controls["length"] = gr.Textbox(
                "25%", label="by", info="25% of its width or height, or 100 pixels", max_lines=1, elem_id="length"
            )
        controls["feather"] = gr.Slider(
            0, MOST_FEATHER, value=0, step=1, label="Feather: pixels around the hole that blend fill and picture"
        )
        controls["method"] = gr.Dropdown(_methods(), value=SCHEDULES_OWN, label="Method")
        controls["refine"] = gr.Dropdown(
            ["auto", "none", *range(1, MOST_LEVELS + 1)],
            value=refine,
            label="Refine large holes",
            info="Sharper, for models of photographs: in as many levels as they need (auto), or in so many at most",
            elem_id="refine",
        )
        controls["adapt"] = gr.Checkbox(
            label="Adapt the model to this picture first",
            info=f"{ADAPT_STEPS} training steps for each new hole: minutes on a GPU, half an hour or more on a CPU",
            elem_id="adapt",
        )
    return controls


def result_views() -> tuple[gr.Gallery, gr.ImageSlider, gr.Button, gr.File]:
    """Gallery of the fills, the chosen one beside the picture before, a button to go on with it, and the files."""
    with gr.Row():
        with gr.Column():
            gallery = gr.Gallery(
                label="Fills: choose one", format="png", type="filepath", columns=4, fit_columns=False, height=340,
                object_fit="contain", interactive=False, buttons=[], allow_preview=False, elem_id="gallery",
            )  # fmt: skip
        with gr.Column():
            compare = gr.ImageSlider(
                label="Before and after", type="filepath", image_mode=None, format="png", max_height=340,
                interactive=False, buttons=["fullscreen"], elem_id="compare",
            )  # fmt: skip
            take = gr.Button("Go on with this fill", elem_id="take")
    files = gr.File(label="Download", file_count="multiple", interactive=False, elem_id="files")
    return gallery, compare, take, files


def _schedules() -> list[tuple[str, str]]:
    """Choices of the schedule: presets with their network calls."""
    calls = {name: preset.calls for name, preset in PRESETS.items()}
    return [(f"{name} ({calls[name]:,} network calls)", name) for name in sorted(calls, key=calls.__getitem__)]


def _methods() -> list[tuple[str, str]]:
    """Choices of the conditioning method; with another than the schedule's own, the number of network calls differs."""
    return [(SCHEDULES_OWN, SCHEDULES_OWN), *((title, name) for name, title in TITLES.items())]
