"""A fill in progress: one picture, one sample, window after window."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from repaint.data.examples import Example
from repaint.data.images import Photo
from repaint.data.masks import Mask
from repaint.data.windows import cut_out, paste, whole


@dataclass
class FillState:
    """One sample of an example. What a window has filled is known to the windows after it.

    Attributes:
        example: picture, mask and windows.
        sample: number of the fill, from 0.
        position: number of the window whose turn it is.
        nfe: network calls so far.
        seconds: its share of the time so far.
    """

    example: Example
    sample: int = 0
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
        return self.position == len(self.example.windows)

    def look(self, size: int) -> tuple[NDArray[np.uint8], Mask]:
        """What the network sees of the window whose turn it is: uint8 [size, size, 3], bool [size, size]."""
        return cut_out(self._pixels, self._known, self.example.windows[self.position], size)

    def take(self, filled: NDArray[np.uint8]) -> None:
        """Put the network's fill uint8 [size, size, 3] of that window in its place; the next one's turn comes."""
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
