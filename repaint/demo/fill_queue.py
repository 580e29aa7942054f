"""Queue of the page's jobs: the fills of all visitors run one after the other."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any
from uuid import uuid4
from warnings import catch_warnings

import gradio as gr
from PIL import Image

from repaint.data.encoding import SAVE_OPTIONS
from repaint.demo.choices import SCHEDULES_OWN, Choices
from repaint.demo.controls import MOST_FILLS, MOST_SEED
from repaint.demo.editor import read_editor
from repaint.demo.jobs import Job
from repaint.errors import ConfigError, RepaintError
from repaint.inpainter import Inpainter


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
        self._adapting: Inpainter | None = None  # the loaded one with the setting `adapt`
        self._inpainter(Choices(next(iter(models)), "fast"))

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
        self, job_id: str | None, value: Mapping[str, Any] | None, *choices: Any
    ) -> Iterator[tuple[Any, Any, Any, Any, Any, Any]]:
        """Run a job; yields (status, preview, results, gallery, before and after, files).

        Args:
            job_id: of `submit`; None for a caller without the page.
            value: of the editor, see `read_editor`.
            choices: the values of `Choices`.

        Raises:
            gr.Error: a mistake of the user, which is the status, too.
        """
        stop_requested = self._waiting.pop(job_id or "", Event())
        if stop_requested.is_set():
            yield _only("stopped")
            return
        yield "starting ...", None, gr.Column(visible=False), None, None, None
        try:
            chosen = Choices(*choices)
            picture, mask = read_editor(value, chosen)
            seed = _whole_number("seed", chosen.seed, 0, MOST_SEED)  # before a model is loaded or adapted
            fills = _whole_number("fills", chosen.fills, 1, MOST_FILLS)
            inpainter = self._inpainter(chosen)
            job = Job(inpainter, picture, mask, seed, fills, stop_requested)
            for update in job.updates():
                yield _only(f"{update.unit} {update.done} of {update.total}", update.preview)
        except RepaintError as error:
            yield _only(f"**{error}**")
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        if not job.fills:
            yield _only(f"stopped after {job.calls} network calls")
            return
        assumed = "" if inpainter.note is None else f" ({inpainter.note})"
        with TemporaryDirectory(prefix="repaint-") as folder:  # the page gets copies
            before, paths = _save(job, Path(folder))
            shown = gr.Column(visible=True), paths, (before, paths[0]), paths
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

    def _inpainter(self, chosen: Choices) -> Inpainter:
        if self._loaded is None or self._loaded[0] != chosen.model:
            self._loaded = self._adapting = None  # their memory may be needed for the next
            with catch_warnings(action="ignore"):  # the status lists the assumed values
                self._loaded = chosen.model, Inpainter(self._models[chosen.model], device=self._device)
        inpainter = self._loaded[1]
        if chosen.adapt:
            self._adapting = self._adapting or inpainter.with_settings(adapt={})  # it keeps the last adapted model
            inpainter = self._adapting
        scheduled = inpainter.with_schedule(chosen.schedule, None if chosen.method == SCHEDULES_OWN else chosen.method)
        return scheduled.with_settings(
            refine=chosen.refine,
            mask_soft=chosen.soft,
            mask_feather=chosen.feather,
            extend=chosen.extend,
        )


def _whole_number(name: str, value: float | None, least: int, most: int) -> int:
    """A number that a visitor has typed; ConfigError if its field is empty, or it is no whole number in a range."""
    if value is None or not least <= value <= most or value != int(value):
        raise ConfigError(f"{name}: enter a whole number from {least} to {most:,}")
    return int(value)


def _only(status: str, preview: Any = None) -> tuple[Any, Any, Any, Any, Any, Any]:
    """What `FillQueue.fill` yields between its beginning and its end; without a preview the last one stays."""
    return status, gr.skip() if preview is None else preview, gr.skip(), gr.skip(), gr.skip(), gr.skip()


def _save(job: Job, folder: Path) -> tuple[str, list[str]]:
    """The picture as it was, on the canvas of its fills, and the fills, as files of a folder."""
    before = folder / "before.png"
    Image.fromarray(job.example.pixels).save(before, **SAVE_OPTIONS["png"])
    paths = [str(folder / f"fill_seed{job.seed}_{number}.png") for number in range(len(job.fills))]
    for fill, path in zip(job.fills, paths, strict=True):
        fill.save(path, **SAVE_OPTIONS["png"])
    return str(before), paths
