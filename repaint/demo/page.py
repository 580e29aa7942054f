"""Layout of the demo page, and its server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from repaint.data.bundled import is_photo_model
from repaint.demo.choices import Choices
from repaint.demo.controls import brush, fill_controls, mask_controls, model_control, picture_editor, result_views
from repaint.demo.fill_queue import FillQueue
from repaint.demo.history import compare_fill, go_back, take_fill

FOLDER = Path(__file__).parent
MOST_UPLOAD = "50mb"
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
        job_id = gr.Textbox(visible=False)  # no gr.State: of that a waiting job would get the latest click's
        history = gr.State([])
        gr.Markdown(ABOUT)
        model = model_control(models)
        with gr.Row():
            with gr.Column():
                editor = picture_editor()
                back = gr.Button("Back to the picture before", visible=False, elem_id="back")
                controls = mask_controls()
                _offer(examples, models, editor, model)
            with gr.Column():
                model.render()  # type: ignore[no-untyped-call]
                controls |= {"model": model} | fill_controls(_refine_of(models, next(iter(models))))
                with gr.Row():
                    start = gr.Button("Fill", variant="primary", elem_id="fill")
                    stop = gr.Button("Stop", variant="stop", elem_id="stop")
                status = gr.Markdown(elem_id="status")
                preview = gr.Image(
                    label="Prediction", format="png", interactive=False, buttons=["fullscreen"], elem_id="preview"
                )
        with gr.Column(visible=False) as results:
            gallery, compare, take, files = result_views()
        model.change(partial(_refine_of, models), model, controls["refine"], show_progress="hidden")
        editor.upload(_with_brush, [editor], [editor], show_progress="hidden")
        start.click(queue.submit, None, [job_id, status], queue=False, show_progress="hidden").then(
            queue.fill,
            [job_id, editor, *(controls[name] for name in Choices._fields)],
            [status, preview, results, gallery, compare, files],
            show_progress="hidden",
            trigger_mode="multiple",  # otherwise a click before the end of the visitor's last job is lost
            concurrency_limit=1,
        )
        stop.click(queue.stop, queue=False, show_progress="hidden")
        gallery.select(compare_fill, [gallery, compare], compare, show_progress="hidden")
        edited = [editor, controls["mask_file"], controls["sides"], history]
        take.click(take_fill, [compare, *edited], [*edited, back], show_progress="hidden")
        back.click(go_back, history, [*edited, back], show_progress="hidden")
        page.unload(queue.disconnect)
    return page


def _offer(
    examples: Sequence[ExamplePictures], models: Mapping[str, Path], editor: gr.ImageEditor, model: gr.Dropdown
) -> None:
    """Rows of pictures to choose from, which select the model that suits them."""
    for each in examples:
        rows: list[list[Any]] = [[{"background": str(path), "layers": [], "composite": None}] for path in each.paths]
        suited = (name for name, path in models.items() if path.resolve() == each.model.resolve())
        choose = partial(_with_brush_and_model, model=next(suited, None))
        gr.Examples(rows, [editor], [editor, model], choose, run_on_click=True, label=each.label)


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
        css_paths=FOLDER / "page.css",
        js=(FOLDER / "page.js").read_text(encoding="utf-8"),
        theme=gr.themes.Default(font=fonts, font_mono=["monospace"]),
    )
    print(f"RePaint is at {address} (Ctrl-C ends it)")
    page.block_thread()


def _refine_of(models: Mapping[str, Path], name: str) -> str:
    """Default of `refine` with a model: it takes one that has seen crops of every scale."""
    return "auto" if is_photo_model(str(models[name])) else "none"


def _with_brush(value: Mapping[str, Any]) -> gr.ImageEditor:
    return gr.ImageEditor(brush=brush(min(value["background"].size)))


def _with_brush_and_model(value: Mapping[str, Any], model: str | None) -> tuple[gr.ImageEditor, Any]:
    return _with_brush(value), gr.skip() if model is None else model
