from pathlib import Path

import numpy as np
from PIL import Image

from repaint.data.training_images import TrainingPictures
from tests.helpers.tiny import write_pictures


def test_training_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2, size=(40, 20))
    dataset = TrainingPictures(str(tmp_path), 16)
    assert len(dataset) == 2
    assert dataset[1].shape == (3, 16, 16)
    expected = np.asarray(Image.open(tmp_path / "01.png"))[2:18, 12:28].mean()
    assert abs(dataset[1].float().mean() - expected) < 10
