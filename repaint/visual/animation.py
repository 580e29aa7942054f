"""Animations of the sampling process: noisy state and predicted x0 over the schedule, with the noise level below."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from repaint.data.images import to_uint8
from repaint.errors import missing_extra
from repaint.sampler import Step
from repaint.visual.contact_sheets import enlarge, shrink

Pixels = NDArray[np.uint8]
Format = Literal["gif", "webp", "mp4"]

FRAME_SECONDS = Fraction(1, 12)
LAST_SECONDS = Fraction(2)  # duration of the last frame
CURVE_HEIGHT = 64  # of the noise curve, in pixels
GAP = 8
INK, MUTED, LINE = "#1f2933", "#c4ccd4", "#1f5fa8"


@dataclass(frozen=True)
class Frame:
    """Snapshot of a batch after a transition of the schedule.

    Attributes:
        transition: its number, from 1.
        nfe: network calls so far.
        state: x_t of each picture, uint8 [H, W, 3].
        pred_xstart: predicted x0 of each, uint8 [H, W, 3].
    """

    transition: int
    nfe: int
    state: Sequence[Pixels]
    pred_xstart: Sequence[Pixels]


class Recorder:
    """Sampler callback that records frames of a batch for animations and passes on snapshots.

    Args:
        times: the schedule.
        frames: maximum number of frames, spread evenly over the transitions; the last one is always recorded.
        snapshot_interval: network calls between snapshots; 0 for none.
        on_snapshot: receives each snapshot at once, because thousands would not fit into memory.
        shapes: height and width of each picture, where they are padded to the largest of the batch; such pictures may
            be of any size, and large ones are recorded smaller.
    """

    def __init__(
        self,
        times: Sequence[int],
        frames: int,
        snapshot_interval: int,
        on_snapshot: Callable[[Frame], object],
        shapes: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        transitions = len(times) - 1
        self._recorded = set(np.linspace(transitions, 1, min(frames, transitions)).round().astype(int).tolist())
        self._interval = snapshot_interval
        self._on_snapshot = on_snapshot
        self._shapes = shapes
        self._transition = 0
        self.frames: list[Frame] = []

    def __call__(self, step: Step) -> None:
        """Record one transition."""
        self._transition += 1
        # A step may take several calls, and pass over a multiple of the interval.
        snapshot = self._interval > 0 and step.nfe // self._interval > (step.nfe - step.calls) // self._interval
        animate = self._transition in self._recorded
        if not (snapshot or animate):
            return
        frame = Frame(self._transition, step.nfe, self._to_bytes(step.x), self._to_bytes(step.pred_xstart))
        if animate:
            self.frames.append(frame)
        if snapshot:
            self._on_snapshot(frame)

    def _to_bytes(self, batch: torch.Tensor) -> list[Pixels]:
        if self._shapes is None:
            return [to_uint8(picture) for picture in batch]
        pictures = zip(batch, self._shapes, strict=True)
        return [shrink(to_uint8(picture[:, :height, :width])) for picture, (height, width) in pictures]


def draw_pair(frame: Frame, number: int) -> Pixels:
    """Draw state and predicted x0 of picture `number` of the batch side by side: uint8 [H, W, 3]."""
    pictures = [enlarge(frame.state[number]), enlarge(frame.pred_xstart[number])]
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([pictures[0], gap, pictures[1]], axis=1)


def draw_frames(frames: Sequence[Frame], number: int, times: Sequence[int], result: Pixels) -> list[Pixels]:
    """Draw the animation of one picture of a batch; its last frame shows the result instead of the prediction.

    Args:
        frames: of a `Recorder`.
        number: of the picture in the batch.
        times: the schedule.
        result: the fill, uint8 [H, W, 3].

    Returns:
        uint8 [H, W, 3] each, H and W even.
    """
    pairs = [draw_pair(frame, number) for frame in frames]
    size = pairs[0].shape[:2]
    background, curve = _draw_background(size, times)
    drawn = [_draw_frame(background, pair, curve, frame) for pair, frame in zip(pairs, frames, strict=True)]
    last = frames[-1].state
    shown = shrink(result, max(last[number].shape))  # as large as it was recorded
    end = Frame(len(times) - 1, frames[-1].nfe, last, [shown] * (number + 1))
    return [*drawn, _draw_frame(background, draw_pair(end, number), curve, end)]


def _draw_background(size: tuple[int, int], times: Sequence[int]) -> tuple[Image.Image, list[tuple[float, float]]]:
    """Labels and noise curve, and the points of the curve, one for each time; `size` is (height, width) of a pair."""
    height, width = size[0] + CURVE_HEIGHT + 4 * GAP + 16, size[1] + 2 * GAP
    background = Image.new("RGB", (width + width % 2, height + height % 2), "white")
    draw = ImageDraw.Draw(background)
    font = ImageFont.load_default(size=12)
    for i, label in enumerate(("noisy state", "predicted picture")):
        middle = GAP + (i + 0.5) * (size[1] + GAP) / 2 - i * GAP / 2
        draw.text((middle, GAP + 6), label, INK, font, anchor="mm")
    top = size[0] + 3 * GAP + 16
    highest = max(times) + 1
    step = (size[1] - 1) / (len(times) - 1)
    points = [(GAP + i * step, top + CURVE_HEIGHT * (1 - (t + 1) / highest)) for i, t in enumerate(times)]
    draw.line(points, MUTED, 1)
    return background, points


def _draw_frame(background: Image.Image, pair: Pixels, curve: list[tuple[float, float]], frame: Frame) -> Pixels:
    image = background.copy()
    image.paste(Image.fromarray(pair), (GAP, 2 * GAP + 8))
    draw = ImageDraw.Draw(image)
    draw.line(curve[: frame.transition + 1], LINE, 2)
    x, y = curve[frame.transition]
    draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=LINE)
    font = ImageFont.load_default(size=11)
    draw.text((image.width - GAP, curve[0][1]), f"call {frame.nfe}", INK, font, anchor="rt")
    return np.asarray(image)


def encode_animation(frames: Sequence[Pixels], kind: Format) -> bytes:
    """Encode an animation as the content of a file: 12 frames per second, the last one shown for two seconds.

    Args:
        frames: uint8 [H, W, 3] each, H and W even.
        kind: file format; GIF and WebP loop for ever.

    Raises:
        ConfigError: PyAV, which mp4 needs, is not installed.
    """
    if kind == "mp4":
        return _encode_mp4(frames)
    pictures = [Image.fromarray(pixels) for pixels in frames]
    if kind == "gif":
        pictures = [picture.quantize(256, Image.Quantize.MEDIANCUT) for picture in pictures]
    buffer = io.BytesIO()
    durations = [round(1000 * FRAME_SECONDS)] * (len(frames) - 1) + [round(1000 * LAST_SECONDS)]
    options = {"quality": 85} if kind == "webp" else {"disposal": 1}
    pictures[0].save(
        buffer, kind.upper(), save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options
    )
    return buffer.getvalue()


def require_codec(kind: Format) -> None:
    """Check before a run that the library of an animation format is installed; ConfigError otherwise."""
    if kind == "mp4":
        try:
            import av  # noqa: F401
        except ImportError:
            raise missing_extra("an mp4 animation", "PyAV", "video") from None


def _encode_mp4(frames: Sequence[Pixels]) -> bytes:
    require_codec("mp4")
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1 / FRAME_SECONDS, options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in [*frames, *[frames[-1]] * round(LAST_SECONDS / FRAME_SECONDS)]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()
