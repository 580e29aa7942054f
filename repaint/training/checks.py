"""Checks of a training's paths, before anything is written."""

from repaint.config.training import TrainConfig
from repaint.data import storage
from repaint.errors import ConfigError
from repaint.training.state import MODEL_FILE, SAMPLES_FOLDER, STATE_FILE


def check_paths(config: TrainConfig) -> None:
    """Raise ConfigError if the results of a training would replace what it learns from, or be taken for it."""
    _check_pictures(config)
    sources = {"init_path": config.init_path, "teacher_path": config.teacher_path, "guide_path": config.guide_path}
    for key, path in sources.items():
        for result in (MODEL_FILE, STATE_FILE):
            if path is not None and storage.same(path, storage.join(config.out, result)):
                raise ConfigError(f"{key} {path}: this training would replace the file; give another 'out'")


def _check_pictures(config: TrainConfig) -> None:
    """Sample sheets must not become training pictures, whose number a resumed run has to find again."""
    if storage.lists(config.data_path, storage.join(config.out, SAMPLES_FOLDER)):
        raise ConfigError(
            f"out {config.out}: its sample sheets would lie in data_path {config.data_path} and be taken for training "
            f"pictures; give another 'out'"
        )
