"""Perceptual metrics by networks trained on photographs: LPIPS, and the Inception features of FID and KID.

Weights are read from a folder and never downloaded. Libraries contribute what needs no download: torchmetrics the
calibrated heads of LPIPS (its own LPIPS downloads the backbone), torch-fidelity the Inception network of FID.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repaint.checkpoints.fit import load_weights
from repaint.checkpoints.safe_files import read_checkpoint
from repaint.data.images import to_tensor, to_unit
from repaint.errors import CheckpointError, ConfigError, DataError, missing_extra
from repaint.evaluation.choices import WEIGHTS

# Of ImageNet on the scale -1..1, with the digits of LPIPS.
_MEAN, _SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def find_weights(folder: str, key: str) -> str:
    """Path of the file of a key of WEIGHTS.

    Raises:
        ConfigError: it is not in the folder.
    """
    name, source = WEIGHTS[key]
    path = Path(folder, name)
    if not path.is_file():
        raise ConfigError(f"{path}: no such weights file; fetch {source}{name} and put it there (--weights FOLDER)")
    return str(path)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]


def alexnet_features() -> nn.Sequential:
    """The convolutions of AlexNet (Krizhevsky 2014), numbered as torchvision numbers them."""
    pool = nn.MaxPool2d(3, 2)
    first = [*_conv(3, 64, 11, 4, 2), pool, *_conv(64, 192, 5, 1, 2), pool]
    return nn.Sequential(*first, *_conv(192, 384), *_conv(384, 256), *_conv(256, 256))


def vgg16_features() -> nn.Sequential:
    """The convolutions of VGG16 (Simonyan and Zisserman 2015) up to the last layer of LPIPS, numbered likewise."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [nn.MaxPool2d(2)] if layers else []
        for _ in range(count):
            layers += _conv(inputs, outputs)
            inputs = outputs
    return nn.Sequential(*layers)


_BACKBONES = {  # the layers that LPIPS compares, and the side of the smallest picture with an output at the last
    "alex": (alexnet_features, (1, 4, 7, 9, 11), 31),
    "vgg": (vgg16_features, (3, 8, 15, 22, 29), 16),
}


class LPIPS(nn.Module):
    """Learned perceptual distance of two pictures (Zhang et al. 2018), version 0.1.

    Equation 1: the features after five layers of a classifier, scaled to unit length at each place; their squared
    differences, with channel weights fitted to human judgements, are averaged over places and summed over layers.

    Args:
        net: "alex" or "vgg".
    """

    def __init__(self, net: str) -> None:
        super().__init__()
        build, self.taps, self.smallest = _BACKBONES[net]
        self.net = net
        self.features = build()
        convolutions = {i: layer for i, layer in enumerate(self.features) if isinstance(layer, nn.Conv2d)}
        self.heads = nn.ModuleList(nn.Conv2d(convolutions[tap - 1].out_channels, 1, 1, bias=False) for tap in self.taps)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances [N] of float pictures [N, 3, H, W] in -1..1."""
        total = first.new_zeros(len(first))
        for head, a, b in zip(self.heads, self._stack(first), self._stack(second), strict=True):
            difference = (_to_unit_length(a) - _to_unit_length(b)) ** 2
            total = total + head(difference).mean(dim=(1, 2, 3))
        return total

    def _stack(self, x: Tensor) -> list[Tensor]:
        mean, spread = (x.new_tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _SPREAD))
        x = (x - mean) / spread
        stack = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                stack.append(x)
        return stack


def _to_unit_length(x: Tensor) -> Tensor:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def load_lpips(net: str, folder: str, device: torch.device) -> LPIPS:
    """LPIPS with the backbone of torchvision's file in a folder (see WEIGHTS) and the heads in torchmetrics.

    Raises:
        ConfigError: the file is not there, or torchmetrics is not installed.
        CheckpointError: it holds other weights.
    """
    network = LPIPS(net)
    path = find_weights(folder, f"lpips_{net}")
    state, _ = read_checkpoint(path)
    features = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
    load_weights(network.features, features, path)
    heads = _heads_file(net)
    state, _ = read_checkpoint(heads)
    numbered = {f"{key.removeprefix('lin').partition('.')[0]}.weight": value for key, value in state.items()}
    load_weights(network.heads, numbered, heads)
    return network.to(device).requires_grad_(False).eval()


def _heads_file(net: str) -> str:
    library = find_spec("torchmetrics")
    path = (
        Path(library.origin).parent / f"functional/image/lpips_models/{net}.pth" if library and library.origin else None
    )
    if path is None or not path.is_file():
        raise missing_extra("LPIPS", "torchmetrics (for the weights of its heads)", "perceptual")
    return str(path)


def lpips_distance(network: LPIPS, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """LPIPS of two pictures uint8 [H, W, 3].

    Raises:
        DataError: they are too small for the network.
    """
    if min(first.shape[:2]) < network.smallest:
        raise DataError(
            f"LPIPS ({network.net}) needs pictures of at least {network.smallest}x{network.smallest} pixels"
        )
    device = next(network.parameters()).device
    pictures = [to_unit(to_tensor(pixels))[None].to(device) for pixels in (first, second)]
    with torch.inference_mode():
        return float(network(*pictures))


class InceptionFeatures:
    """Inception features float64 [N, 2048] of pictures uint8 [H, W, 3], for FID and KID.

    Args:
        folder: of the weights file (see WEIGHTS).
        device: to compute on.

    Raises:
        ConfigError: the file is not there, or torch-fidelity cannot be used.
        CheckpointError: it holds other weights.
    """

    def __init__(self, folder: str, device: torch.device) -> None:
        path = find_weights(folder, "inception")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except (ImportError, RuntimeError):  # torchvision raises RuntimeError if it was built for another torch
            raise missing_extra(
                "FID", "torch-fidelity, and a torchvision that was built for the installed torch,", "perceptual"
            ) from None
        read_checkpoint(path)  # the library would run any code in the file; this lets only plain weights pass
        try:
            network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=path)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise CheckpointError(f"{path}: not the weights of FID's Inception network ({reason})") from None
        self._network = network.to(device)
        self._device = device

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Features of pictures of one size."""
        batch = torch.stack([to_tensor(pixels) for pixels in pictures]).to(self._device)
        with torch.inference_mode():
            (features,) = self._network(batch)
        array: NDArray[np.float64] = features.double().cpu().numpy()
        return array
