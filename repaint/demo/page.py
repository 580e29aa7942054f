"""The page: what stands on it, and what its buttons do. gradio is imported here only."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from uuid import uuid4
from warnings import catch_warnings

import gradio as gr
import numpy as np
from PIL import Image

from repaint.data.encoding import SAVE_OPTIONS
from repaint.data.masks import Mask
from repaint.demo.jobs import Job
from repaint.errors import DataError, RepaintError
from repaint.inpainter import Inpainter
from repaint.schedule import PRESETS, count_network_calls, get_schedule_jump

MOST_FILLS = 8
MOST_UPLOAD = "50mb"
BRUSH_COLOR = "#e6194b"
BRUSH_SHARE = 0.12  # diameter of the brush, relative to the shorter side of the picture
SMALL_PICTURE = 64  # shorter side that the brush is made for as long as there is no picture
ABOUT = """# RePaint
Load or drop a picture, paint over what shall be replaced, and press *Fill*. Nothing leaves this machine."""


def make_page(models: Mapping[str, Path], examples: Sequence[Path], device: str | None = None) -> gr.Blocks:
    """The page, to be launched.

    Args:
        models: weights files by the name they are offered under, the first is chosen at the start.
        examples: pictures to begin with.
        device: where to fill, see `Inpainter`.
    """
    desk = Desk(models, device)
    page = gr.Blocks(title="RePaint", analytics_enabled=False, delete_cache=(3600, 24 * 3600))
    with page:
        ticket = gr.State()
        gr.Markdown(ABOUT)
        with gr.Row():
            with gr.Column():
                editor = _editor()
                if examples:
                    rows = [[_editor_value(path)] for path in examples]
                    gr.Examples(rows, [editor], [editor], _with_brush, run_on_click=True, label="Examples")
            with gr.Column():
                model = gr.Dropdown(list(models), value=next(iter(models)), label="Model", visible=len(models) > 1)
                schedule = gr.Radio(_schedules(), value="fast", label="Schedule")
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
        start.click(desk.enter, None, [ticket, status], queue=False, show_progress="hidden").then(
            desk.fill,
            [editor, model, schedule, fills, seed, ticket],
            [status, preview, gallery, files],
            show_progress="hidden",
            trigger_mode="multiple",  # or a click before the end of the visitor's last job would be lost
            concurrency_limit=1,
        )
        stop.click(desk.stop, queue=False, show_progress="hidden")
        page.unload(desk.leave)
    return page


def serve(page: gr.Blocks, port: int | None) -> None:
    """Serve the page on this machine only, until Ctrl-C.

    Args:
        page: of `make_page`.
        port: None for the first free one from 7860 on.

    Raises:
        OSError: the port is taken.
    """
    fonts = ["system-ui", "sans-serif"]  # those of the default theme come from another server
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


class Desk:
    """Where the jobs of all visitors are done, one after the other.

    Args:
        models: weights files by name; the first is loaded at once.
        device: see `Inpainter`.

    Raises:
        RepaintError: the first model cannot be loaded.
    """

    def __init__(self, models: Mapping[str, Path], device: str | None) -> None:
        self._models, self._device = models, device
        self._waiting: dict[str, Event] = {}  # of jobs that have not begun, by ticket; set to stop them
        self._latest: dict[str | None, Event] = {}  # of each visitor's newest job
        self._loaded: tuple[str, Inpainter] | None = None
        self._painter(next(iter(models)), "fast")

    def enter(self, request: gr.Request) -> tuple[str, str]:
        """A visitor has pressed the button: what he had begun before ends. Gives (ticket of the new job, status)."""
        self.stop(request)
        ticket = uuid4().hex
        self._waiting[ticket] = self._latest[request.session_hash] = Event()
        return ticket, "waiting for its turn ..."

    def fill(
        self, value: Mapping[str, Any] | None, model: str, schedule: str, fills: int, seed: int, ticket: str | None
    ) -> Iterator[tuple[str, Any, Any, Any]]:
        """Fill what is painted; yields (status, preview, fills, files)."""
        stopping = self._waiting.pop(ticket or "", Event())
        if stopping.is_set():
            yield "stopped", gr.skip(), gr.skip(), gr.skip()
            return
        yield "starting ...", None, gr.Gallery(None, visible=False), gr.File(None, visible=False)
        try:
            picture, hole = read_editor(value)
            painter = self._painter(model, schedule)
            job = Job(painter, picture, ~hole, seed, fills, stopping)
            for look in job.looks():
                yield f"network call {look.calls} of {look.total}", look.preview, gr.skip(), gr.skip()
        except RepaintError as error:
            yield "", gr.skip(), gr.skip(), gr.skip()
            raise gr.Error(str(error), print_exception=False) from None
        if not job.fills:
            yield f"stopped after {job.calls} network calls", gr.skip(), gr.skip(), gr.skip()
            return
        assumed = "" if painter.note is None else f" ({painter.note})"
        with TemporaryDirectory(prefix="repaint-") as folder:  # the page gets copies
            paths = _save(job.fills, Path(folder), seed)
            shown = gr.Gallery(paths, visible=True), gr.File(paths, visible=True)
            yield f"done, {job.calls} network calls{assumed}", gr.skip(), *shown

    def stop(self, request: gr.Request) -> None:
        """End this visitor's job, begun or waiting."""
        stopping = self._latest.get(request.session_hash)
        if stopping is not None:
            stopping.set()

    def leave(self, request: gr.Request) -> None:
        """A visitor has closed the page."""
        self.stop(request)
        self._latest.pop(request.session_hash, None)

    def _painter(self, model: str, schedule: str) -> Inpainter:
        if self._loaded is None or self._loaded[0] != model:
            self._loaded = None  # its memory may be needed for the next
            with catch_warnings(action="ignore"):  # the status tells what was assumed
                self._loaded = model, Inpainter(self._models[model], device=self._device)
        return self._loaded[1].with_schedule(schedule)


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
    """The editor with a brush that suits the size of its picture; gradio's own are as large as a small picture."""
    return gr.ImageEditor(brush=_brush(min(value["background"].size)))


def _editor_value(path: Path) -> dict[str, Any]:
    return {"background": str(path), "layers": [], "composite": None}


def _schedules() -> list[tuple[str, str]]:
    """Presets with what they cost, for people to choose from."""
    calls = {
        name: count_network_calls(get_schedule_jump(steps, jump_length=length, jump_n_sample=samples))
        for name, (steps, length, samples) in PRESETS.items()
    }
    return [(f"{name} ({calls[name]:,} network calls)", name) for name in sorted(calls, key=calls.__getitem__)]


def read_editor(value: Mapping[str, Any] | None) -> tuple[Image.Image, Mask]:
    """What is in the editor: the picture, opaque where it is painted, and bool [H, W] of what is painted.

    Raises:
        DataError: there is no picture, or nothing is painted.
    """
    if value is None or value["background"] is None:
        raise DataError("there is no picture yet; load one or drop it into the field")
    picture: Image.Image = value["background"].convert("RGBA")
    painted = [np.asarray(layer.convert("RGBA").getchannel("A")) > 0 for layer in value["layers"]]
    hole: Mask = np.any([np.zeros((picture.height, picture.width), bool), *painted], axis=0)
    if not hole.any():
        raise DataError("nothing is painted yet; paint over what shall be replaced")
    alpha = np.where(hole, 255, np.asarray(picture.getchannel("A"))).astype(np.uint8)
    picture.putalpha(Image.fromarray(alpha))
    return picture.convert("RGB") if alpha.min() == 255 else picture, hole


def _save(fills: Sequence[Image.Image], folder: Path, seed: int) -> list[str]:
    paths = [str(folder / f"fill_seed{seed}_{number}.png") for number in range(len(fills))]
    for fill, path in zip(fills, paths, strict=True):
        fill.save(path, **SAVE_OPTIONS["png"])
    return paths
