"""The crop that the network sees of a fill in progress."""

from repaint.config.sampling import SamplingConfig
from repaint.data.fill_state import FillState
from repaint.noise import picture_seed
from repaint.pipeline.pipeline import Crop


def make_crop(config: SamplingConfig, state: FillState, y: int | None) -> Crop:
    """The next window of a fill at the network's size, with the seed of its noise and the class label `y`."""
    pixels, known = state.look(config.image_size)
    return Crop(pixels, known, picture_seed(config.seed, state.example.pair.index, state.sample, state.position), y)
