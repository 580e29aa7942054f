"""State of one fill in progress: one picture, one sample, with windows to fill."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from repaint.config.sampling import SamplingConfig
from repaint.data.conversion import Photo
from repaint.data.examples import Example
from repaint.data.masks import Mask
from repaint.data.soft_masks import blend
from repaint.data.window_order import list_ready
from repaint.data.window_pixels import cut_out, paste
from repaint.data.windows import whole
from repaint.noise import picture_seed
from repaint.pipeline.pipeline import Crop


@dataclass(eq=False)
class FillState:
    """One sample of a picture. What a window has filled counts as known for the windows that touch it.

    Attributes:
        example: picture, mask and windows.
        sample: number of the fill, from 0.
        label: class for a class-conditional model or a classifier; None without.
        name: of the result file, if there is to be one.
        nfe: network calls so far.
        seconds: its share of the time so far.
    """

    example: Example
    sample: int = 0
    label: int | None = None
    name: str = ""
    nfe: int = 0
    seconds: float = 0.0
    _filled: set[int] = field(init=False, default_factory=set)
    _pixels: NDArray[np.uint8] = field(init=False)
    _known: Mask = field(init=False)

    def __post_init__(self) -> None:
        self._pixels, self._known = self.example.pixels, self.example.known.copy()

    @property
    def finished(self) -> bool:
        """Whether all windows are filled."""
        return self.windows_left == 0

    @property
    def windows_left(self) -> int:
        """Number of windows that are not filled yet."""
        return len(self.example.windows) - len(self._filled)

    def ready(self) -> list["WindowTask"]:
        """The windows that can be filled now, in any order or together: those before which none has to come."""
        return [WindowTask(self, number) for number in list_ready(self.example.earlier, self._filled)]

    def crop(self, number: int, config: SamplingConfig) -> Crop:
        """A window as the network's input, at the network's size and with its noise seed."""
        pixels, known = cut_out(self._pixels, self._known, self.example.windows[number], config.image_size)
        seed = picture_seed(config.seed, self.example.pair.index, self.sample, number)
        return Crop(pixels, known, seed, self.label)

    def paste(self, number: int, filled: NDArray[np.uint8]) -> None:
        """Paste the fill uint8 [size, size, 3] of a window into the picture."""
        window = self.example.windows[number]
        top, bottom, left, right = window.fill
        if window == whole(*filled.shape[:2]) and filled.shape == self._pixels.shape:
            self._pixels = filled  # the network saw all there is: the sampler alone decides, also about known pixels
        else:
            self._pixels = paste(self._pixels, self._known, window, filled)
        self._known[top:bottom, left:right] = True
        self._filled.add(number)

    def result(self) -> Photo:
        """The picture as far as it is filled, blended with what was there by a soft mask.

        Only here: windows that touch go on from the fill alone.
        """
        photo, share = self.example.photo, self.example.share
        return replace(photo, pixels=self._pixels if share is None else blend(photo.pixels, self._pixels, share))


@dataclass(frozen=True)
class WindowTask:
    """A window of a fill in progress, to be filled next.

    Attributes:
        state: of the fill.
        number: of the window.
    """

    state: FillState
    number: int
