"""Animations and snapshots of a run: how each part of a batch is denoised."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from repaint.config.run import Config
from repaint.data import storage
from repaint.data.encoding import encode_png
from repaint.inference.state import PartTask
from repaint.sampler import Step
from repaint.visual.animation import Frame, Recorder, draw_frames, draw_pair, encode_animation


class BatchRecorder:
    """Writes the animations and snapshots that a configuration asks for, one batch after the other.

    Args:
        config: of the run.
        times: of a batch whose parts are refined, or are not.
        log: folder for `animations` and `snapshots`.
    """

    def __init__(self, config: Config, times: Callable[[bool], Sequence[int]], log: str) -> None:
        self._config, self._times_of, self._log = config, times, log
        self._times: Sequence[int] = ()
        self._recorder: Recorder | None = None
        self._names: list[str] = []

    def start(self, batch: Sequence[PartTask]) -> None:
        """Begin to record a batch."""
        config = self._config
        frames = config.animation_frames if config.animation else 0
        if not frames and not config.snapshot_interval:
            return
        self._times = self._times_of(batch[0].size.tiles > 0)
        self._names = [self._record_name(task) for task in batch]
        self._recorder = Recorder(self._times, frames, config.snapshot_interval, self._write_snapshots, _shapes(batch))

    def step(self, step: Step) -> None:
        """Record a transition of the sampler."""
        if self._recorder is not None:
            self._recorder(step)

    def finish(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Write the animation of part `number` of the batch, which ends with its fill uint8 [h, w, 3]."""
        kind = self._config.animation
        if self._recorder is not None and kind is not None:
            pages = draw_frames(self._recorder.frames, number, self._times, pixels)
            path = storage.join(self._log, f"animations/{self._names[number]}.{kind}")
            storage.write_bytes(path, encode_animation(pages, kind))

    def _write_snapshots(self, frame: Frame) -> None:
        for number, name in enumerate(self._names):
            path = storage.join(self._log, f"snapshots/{name}/{frame.nfe:06d}.png")
            storage.write_bytes(path, encode_png(draw_pair(frame, number)))

    def _record_name(self, task: PartTask) -> str:
        """Name without ending for the records of a part.

        Where pictures have windows each has a folder, also if one is enough for it: `a_window0` could be a picture.
        """
        stem, example = task.state.name.rpartition(".")[0], task.state.example
        window, further = example.window_of[task.number], task.number - len(example.windows)
        names = [f"window{window}"] if self._config.eval_data.fit == "window" else []
        if (area := example.area_of(task.number)) is not None:
            names.append(f"level{area.level}_area{further}")
        elif further >= 0:
            names.append(f"candidate{further - len(example.areas)}")
        return "/".join([stem, "_".join(names)]) if names else stem


def _shapes(batch: Sequence[PartTask]) -> list[tuple[int, int]] | None:
    """Height and width of each area of a batch; None for windows, which all have the network's size."""
    sizes = [task.size for task in batch]
    return [(size.height, size.width) for size in sizes] if sizes[0].tiles else None
