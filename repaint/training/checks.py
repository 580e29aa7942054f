"""Checks of a training's paths, before anything is written."""

from repaint.config.training import TrainConfig
from repaint.data import storage
from repaint.errors import ConfigError
from repaint.training.state import SAMPLES_FOLDER


def check_out(config: TrainConfig) -> None:
    """Raise ConfigError if sample sheets would become training pictures, whose number a resumed run must find again."""
    if storage.contains(config.data_path, storage.join(config.out, SAMPLES_FOLDER)):
        raise ConfigError(
            f"out {config.out}: its sample sheets would lie in data_path {config.data_path} and be taken for training "
            f"pictures; give another 'out'"
        )
