"""Training dataset: a folder of pictures, center-cropped to one size."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from repaint.data import images, storage
from repaint.data.decoding import decode
from repaint.data.pairing import list_pictures
from repaint.errors import DataError

CACHE_BYTES = 2 * 2**30  # of decoded pictures, which are kept for the next epochs
_MOST_THREADS = 8


class TrainingPictures:
    """Center-cropped pictures of a folder as uint8 tensors [3, size, size].

    Decoded pictures are kept in memory as long as they are small together: a GPU trains on small pictures faster than
    files can be read.

    Args:
        folder: searched recursively.
        size: height and width of the result.
        enlarge: whether smaller pictures are enlarged.

    Raises:
        DataError: no such folder, no picture in it; on access: an unreadable picture, or one that is too small.
    """

    def __init__(self, folder: str, size: int, enlarge: bool = True) -> None:
        self.folder = folder
        self.size = size
        self.enlarge = enlarge
        self.names = list_pictures(folder)
        self._kept: dict[int, Tensor] = {}
        self._most_kept = CACHE_BYTES // (3 * size**2)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        path = storage.join(self.folder, self.names[index])
        picture = decode(path)
        if min(picture.size) < self.size and not self.enlarge:
            shape = f"{picture.width}x{picture.height}"
            raise DataError(f"{path}: has {shape} pixels; with teacher_path pictures need {self.size} on each side")
        pixels = images.to_tensor(images.crop_to_array(picture, self.size))
        if len(self._kept) < self._most_kept:
            self._kept[index] = pixels
        return pixels

    def batches(self, order: Iterable[list[int]]) -> Iterator[Tensor]:
        """Batches uint8 [B, 3, size, size] of the pictures with these indices; threads load the next ones meanwhile.

        Raises:
            DataError: an unreadable picture, or one that is too small, when its batch is due.
        """
        count = min(_MOST_THREADS, os.cpu_count() or 1)
        threads = ThreadPoolExecutor(count, "pictures")
        upcoming: deque[Future[Tensor]] = deque()
        try:
            for indices in order:
                upcoming.append(threads.submit(self._batch, indices))
                if len(upcoming) > count:
                    yield upcoming.popleft().result()
            while upcoming:
                yield upcoming.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)

    def _batch(self, indices: list[int]) -> Tensor:
        return torch.stack([self[index] for index in indices])
