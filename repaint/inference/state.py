"""State of one fill in progress: one picture, one sample, window after window."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from repaint.config.sampling import SamplingConfig
from repaint.data.conversion import Photo
from repaint.data.examples import Example
from repaint.data.masks import Mask
from repaint.data.windows import cut_out, paste, whole
from repaint.noise import picture_seed
from repaint.pipeline.pipeline import Crop


@dataclass
class FillState:
    """One sample of a picture. What a window has filled counts as known for the windows after it.

    Attributes:
        example: picture, mask and windows.
        sample: number of the fill, from 0.
        label: class for a class-conditional model or a classifier; None without.
        name: of the result file, if there is to be one.
        position: number of the next window.
        nfe: network calls so far.
        seconds: its share of the time so far.
    """

    example: Example
    sample: int = 0
    label: int | None = None
    name: str = ""
    position: int = 0
    nfe: int = 0
    seconds: float = 0.0
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
        return len(self.example.windows) - self.position

    def crop(self, config: SamplingConfig) -> Crop:
        """The next window as the network's input, at the network's size and with its noise seed."""
        window = self.example.windows[self.position]
        pixels, known = cut_out(self._pixels, self._known, window, config.image_size)
        seed = picture_seed(config.seed, self.example.pair.index, self.sample, self.position)
        return Crop(pixels, known, seed, self.label)

    def paste(self, filled: NDArray[np.uint8]) -> None:
        """Paste the fill uint8 [size, size, 3] of the next window into the picture, and advance to the one after it."""
        window = self.example.windows[self.position]
        top, bottom, left, right = window.fill
        if window == whole(*filled.shape[:2]) and filled.shape == self._pixels.shape:
            self._pixels = filled  # the network saw all there is: the sampler alone decides, also about known pixels
        else:
            self._pixels = paste(self._pixels, self._known, window, filled)
        self._known[top:bottom, left:right] = True
        self.position += 1

    def result(self) -> Photo:
        """The picture as far as it is filled."""
        return replace(self.example.photo, pixels=self._pixels)
