"""Layout of the demo page, and its server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from repaint.config.choices import TITLES
from repaint.config.presets import PRESETS
from repaint.demo.fill_queue import SCHEDULES_OWN, FillQueue

MOST_FILLS = 8
MOST_UPLOAD = "50mb"
BRUSH_COLOR = "#e6194b"
BRUSH_SHARE = 0.12  # diameter of the brush, relative to the shorter side of the picture
SMALL_PICTURE = 64  # shorter side that the brush suits before there is a picture
ABOUT = """# RePaint
Load or drop a picture, paint over what shall be replaced, and press *Fill*. Nothing leaves this machine."""


@dataclass(frozen=True)
class ExamplePictures:
    """Pictures to choose from on the page.

    Attributes:
        label: above them.
        paths: of the pictures.
        model: weights file of the model that suits them, which is selected with them if it is offered.
    """

    label: str
    paths: Sequence[Path]
    model: Path


def make_page(models: Mapping[str, Path], examples: Sequence[ExamplePictures], device: str | None = None) -> gr.Blocks:
    """Build the page, to be launched by `serve`.

    Args:
        models: weights files by their names on the page; the first is selected at the start.
        examples: pictures to choose from.
        device: see `Inpainter`.

    Raises:
        RepaintError: the first model cannot be loaded.
    """
    queue = FillQueue(models, device)
    page = gr.Blocks(title="RePaint", analytics_enabled=False, delete_cache=(3600, 24 * 3600))
    with page:
        job_id = gr.State()
        gr.Markdown(ABOUT)
        model = gr.Dropdown(
            list(models), value=next(iter(models)), label="Model", visible=len(models) > 1, render=False
        )
        with gr.Row():
            with gr.Column():
                editor = _editor()
                for each in examples:
                    rows = [[_editor_value(path)] for path in each.paths]
                    suited = (name for name, path in models.items() if path.resolve() == each.model.resolve())
                    choose = partial(_with_brush_and_model, model=next(suited, None))
                    gr.Examples(rows, [editor], [editor, model], choose, run_on_click=True, label=each.label)
            with gr.Column():
                model.render()  # type: ignore[no-untyped-call]
                schedule = gr.Radio(_schedules(), value="fast", label="Schedule")
                method = gr.Dropdown(_methods(), value=SCHEDULES_OWN, label="Method")
                with gr.Row():
                    fills = gr.Slider(1, MOST_FILLS, value=1, step=1, label="Fills")
                    seed = gr.Number(0, precision=0, minimum=0, maximum=2**31, label="Seed")
                with gr.Row():
                    start = gr.Button("Fill", variant="primary", elem_id="fill")
                    stop = gr.Button("Stop", variant="stop", elem_id="stop")
                status = gr.Markdown(elem_id="status")
                preview = gr.Image(label="Prediction", format="png", interactive=False, elem_id="preview")
        gallery = gr.Gallery(
            label="Fills", format="png", columns=4, fit_columns=False, height=340, object_fit="contain",
            interactive=False, elem_id="gallery", visible=False,
        )  # fmt: skip
        files = gr.File(label="Download", file_count="multiple", interactive=False, elem_id="files", visible=False)
        editor.upload(_with_brush, [editor], [editor], show_progress="hidden")
        start.click(queue.submit, None, [job_id, status], queue=False, show_progress="hidden").then(
            queue.fill,
            [editor, model, schedule, method, fills, seed, job_id],
            [status, preview, gallery, files],
            show_progress="hidden",
            trigger_mode="multiple",  # otherwise a click before the end of the visitor's last job is lost
            concurrency_limit=1,
        )
        stop.click(queue.stop, queue=False, show_progress="hidden")
        page.unload(queue.disconnect)
    return page


def serve(page: gr.Blocks, port: int | None) -> None:
    """Serve the page on this machine only, until Ctrl-C.

    Args:
        page: of `make_page`.
        port: None for the first free one from 7860 on.

    Raises:
        OSError: the port is taken.
    """
    fonts = ["system-ui", "sans-serif"]  # the default theme loads its fonts from another server
    _, address, _ = page.launch(
        server_name="127.0.0.1",
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=MOST_UPLOAD,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(font=fonts, font_mono=["monospace"]),
    )
    print(f"RePaint is at {address} (Ctrl-C ends it)")
    page.block_thread()


def _editor() -> gr.ImageEditor:
    return gr.ImageEditor(
        label="Picture",
        type="pil",
        format="png",
        image_mode="RGBA",
        sources=("upload", "clipboard"),
        transforms=(),
        brush=_brush(SMALL_PICTURE),
        layers=False,
        elem_id="picture",
    )


def _brush(side: int) -> gr.Brush:
    return gr.Brush(default_size=max(1, round(BRUSH_SHARE * side)), colors=[BRUSH_COLOR], color_mode="fixed")


def _with_brush(value: Mapping[str, Any]) -> gr.ImageEditor:
    """Brush that suits the size of the picture; gradio's own brushes are as large as a small picture."""
    return gr.ImageEditor(brush=_brush(min(value["background"].size)))


def _with_brush_and_model(value: Mapping[str, Any], model: str | None) -> tuple[gr.ImageEditor, Any]:
    return _with_brush(value), gr.skip() if model is None else model


def _editor_value(path: Path) -> dict[str, Any]:
    return {"background": str(path), "layers": [], "composite": None}


def _schedules() -> list[tuple[str, str]]:
    """Choices of the schedule: presets with their network calls."""
    calls = {name: preset.calls for name, preset in PRESETS.items()}
    return [(f"{name} ({calls[name]:,} network calls)", name) for name in sorted(calls, key=calls.__getitem__)]


def _methods() -> list[tuple[str, str]]:
    """Choices of the conditioning method; with another than the schedule's own, the number of network calls differs."""
    return [(SCHEDULES_OWN, SCHEDULES_OWN), *((title, name) for name, title in TITLES.items())]
