"""Training dataset: a folder of pictures, center-cropped to the network's size."""

from torch import Tensor
from torch.utils.data import Dataset

from repaint.data import images, storage
from repaint.data.decoding import decode
from repaint.data.pairing import list_pictures


class TrainingPictures(Dataset[Tensor]):
    """Center-cropped pictures of a folder as uint8 tensors [3, size, size].

    Args:
        folder: searched recursively.
        size: height and width of the result.

    Raises:
        DataError: no such folder, no picture in it; on access: an unreadable picture.
    """

    def __init__(self, folder: str, size: int) -> None:
        self.folder = folder
        self.size = size
        self.names = list_pictures(folder)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        picture = decode(storage.join(self.folder, self.names[index]))
        return images.to_tensor(images.crop_to_array(picture, self.size))
