"""Queue of the page's jobs: the fills of all visitors run one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from uuid import uuid4
from warnings import catch_warnings

import gradio as gr
from PIL import Image

from repaint.data.encoding import SAVE_OPTIONS
from repaint.demo.editor import read_editor
from repaint.demo.jobs import Job
from repaint.errors import RepaintError
from repaint.inpainter import Inpainter

SCHEDULES_OWN = "the schedule's own"  # method


class FillQueue:
    """Runs the jobs of all visitors, one after the other.

    Args:
        models: weights files by name; the first is loaded at once.
        device: see `Inpainter`.

    Raises:
        RepaintError: the first model cannot be loaded.
    """

    def __init__(self, models: Mapping[str, Path], device: str | None) -> None:
        self._models, self._device = models, device
        self._waiting: dict[str, Event] = {}  # by job_id, of jobs that have not begun; set to stop them
        self._latest: dict[str | None, Event] = {}  # of each visitor's latest job
        self._loaded: tuple[str, Inpainter] | None = None
        self._inpainter(next(iter(models)), "fast", SCHEDULES_OWN)

    def submit(self, request: gr.Request) -> tuple[str, str]:
        """Register a new job of a visitor and stop the previous one.

        Returns:
            (job_id, status).
        """
        self.stop(request)
        job_id = uuid4().hex
        self._waiting[job_id] = self._latest[request.session_hash] = Event()
        return job_id, "waiting for its turn ..."

    def fill(
        self,
        value: Mapping[str, Any] | None,
        model: str,
        schedule: str,
        method: str,
        fills: int,
        seed: int,
        job_id: str | None,
    ) -> Iterator[tuple[str, Any, Any, Any]]:
        """Run a job: fill the painted hole; yields (status, preview, fills, files).

        Args:
            value: of the editor, see `read_editor`.
            model: name.
            schedule: name of a preset.
            method: conditioning method, or SCHEDULES_OWN.
            fills: number of fills.
            seed: of the noise.
            job_id: of `submit`; None for a caller without the page.

        Raises:
            gr.Error: a mistake of the user, for the page to show.
        """
        stop_requested = self._waiting.pop(job_id or "", Event())
        if stop_requested.is_set():
            yield "stopped", gr.skip(), gr.skip(), gr.skip()
            return
        yield "starting ...", None, gr.Gallery(None, visible=False), gr.File(None, visible=False)
        try:
            picture, hole = read_editor(value)
            inpainter = self._inpainter(model, schedule, method)
            job = Job(inpainter, picture, ~hole, seed, fills, stop_requested)
            for update in job.updates():
                yield f"network call {update.calls} of {update.total}", update.preview, gr.skip(), gr.skip()
        except RepaintError as error:
            yield "", gr.skip(), gr.skip(), gr.skip()
            raise gr.Error(str(error), print_exception=False) from None
        if not job.fills:
            yield f"stopped after {job.calls} network calls", gr.skip(), gr.skip(), gr.skip()
            return
        assumed = "" if inpainter.note is None else f" ({inpainter.note})"
        with TemporaryDirectory(prefix="repaint-") as folder:  # the page gets copies
            paths = _save(job.fills, Path(folder), seed)
            shown = gr.Gallery(paths, visible=True), gr.File(paths, visible=True)
            yield f"done, {job.calls} network calls{assumed}", gr.skip(), *shown

    def stop(self, request: gr.Request) -> None:
        """Stop this visitor's latest job, running or waiting."""
        stop_requested = self._latest.get(request.session_hash)
        if stop_requested is not None:
            stop_requested.set()

    def disconnect(self, request: gr.Request) -> None:
        """Stop the job of a visitor who has closed the page."""
        self.stop(request)
        self._latest.pop(request.session_hash, None)

    def _inpainter(self, model: str, schedule: str, method: str) -> Inpainter:
        if self._loaded is None or self._loaded[0] != model:
            self._loaded = None  # its memory may be needed for the next
            with catch_warnings(action="ignore"):  # the status lists the assumed values
                self._loaded = model, Inpainter(self._models[model], device=self._device)
        return self._loaded[1].with_schedule(schedule, None if method == SCHEDULES_OWN else method)


def _save(fills: Sequence[Image.Image], folder: Path, seed: int) -> list[str]:
    paths = [str(folder / f"fill_seed{seed}_{number}.png") for number in range(len(fills))]
    for fill, path in zip(fills, paths, strict=True):
        fill.save(path, **SAVE_OPTIONS["png"])
    return paths
