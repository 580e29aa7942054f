from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from repaint.data import training_images
from repaint.data.training_images import TrainingPictures
from repaint.errors import DataError
from tests.helpers.tiny import write_pictures


def test_training_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2, size=(40, 20))
    dataset = TrainingPictures(str(tmp_path), 16)
    assert len(dataset) == 2
    assert dataset[1].shape == (3, 16, 16)
    expected = np.asarray(Image.open(tmp_path / "01.png"))[2:18, 12:28].mean()
    assert abs(dataset[1].float().mean() - expected) < 10


def test_batches_come_in_their_order(tmp_path: Path) -> None:
    write_pictures(tmp_path, 5)
    dataset, fresh = TrainingPictures(str(tmp_path), 16), TrainingPictures(str(tmp_path), 16)
    order = [[(step + offset) % 5 for offset in range(3)] for step in range(40)]  # longer than what is loaded ahead
    batches = list(dataset.batches(order))
    assert len(batches) == len(order)
    for batch, indices in zip(batches, order, strict=True):
        assert torch.equal(batch, torch.stack([fresh[index] for index in indices]))


def test_an_unreadable_picture_is_reported_when_its_batch_is_due(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    (tmp_path / "02.png").write_bytes(b"damaged")
    batches = TrainingPictures(str(tmp_path), 16).batches([[0], [1], [2], [0]])
    assert next(batches).shape == next(batches).shape == (1, 3, 16, 16)
    with pytest.raises(DataError, match=r"02\.png"):
        next(batches)


@pytest.mark.parametrize(("room", "kept"), [(3, 3), (1, 1), (0, 0)])
def test_decoded_pictures_are_kept_as_far_as_there_is_room(
    room: int, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path, 3)
    monkeypatch.setattr(training_images, "CACHE_BYTES", room * 3 * 16**2)
    dataset = TrainingPictures(str(tmp_path), 16)
    first = [dataset[index].clone() for index in range(3)]
    for file in tmp_path.iterdir():
        file.unlink()
    for index in range(kept):
        assert torch.equal(dataset[index], first[index])
    for index in range(kept, 3):
        with pytest.raises(DataError):
            dataset[index]
