"""LPIPS and Inception features with random weights in local files."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repaint.errors import CheckpointError, ConfigError, DataError
from repaint.evaluation import perceptual
from repaint.evaluation.choices import WEIGHTS
from repaint.evaluation.perceptual import (
    InceptionFeatures,
    alexnet_features,
    load_lpips,
    lpips_distance,
    vgg16_features,
)

CPU = torch.device("cpu")
BACKBONES = {"alex": alexnet_features, "vgg": vgg16_features}


def write_backbone(folder: Path, net: str) -> nn.Sequential:
    """Random weights in the form of torchvision's file, with a classifier that nobody needs."""
    torch.manual_seed(1)
    features = BACKBONES[net]()
    state = {f"features.{key}": value for key, value in features.state_dict().items()}
    torch.save(state | {"classifier.6.bias": torch.zeros(3)}, folder / WEIGHTS[f"lpips_{net}"][0])
    return features


def two_pictures(height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    first, noise = (rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2))
    return first, (0.6 * first + 0.4 * noise).astype(np.uint8)


@pytest.mark.parametrize("net", BACKBONES)
def test_lpips_agrees_with_torchmetrics(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("torchmetrics.functional.image.lpips")
    features = write_backbone(tmp_path, net)
    # In place of torchvision, which torchmetrics needs for nothing else.
    monkeypatch.setattr(library, "_get_tv_model_features", lambda *_: features)
    theirs = library._LPIPS(net=net, pnet_rand=True)
    ours = load_lpips(net, str(tmp_path), CPU)
    pictures = two_pictures()
    first, second = (torch.tensor(x).permute(2, 0, 1)[None] / 127.5 - 1 for x in pictures)
    wanted = theirs(first, second).item()
    assert wanted > 1e-3
    assert lpips_distance(ours, *pictures) == pytest.approx(wanted, abs=1e-6)
    assert lpips_distance(ours, *pictures[::-1]) == pytest.approx(wanted, abs=1e-6)
    assert lpips_distance(ours, pictures[0], pictures[0]) == 0


def test_layers_are_numbered_as_in_the_published_files() -> None:
    """Of torchvision's alexnet-owt-7be5be79.pth and vgg16-397923af.pth."""
    alex = {key: list(value.shape) for key, value in alexnet_features().state_dict().items() if key.endswith("weight")}
    assert alex == {
        "0.weight": [64, 3, 11, 11],
        "3.weight": [192, 64, 5, 5],
        "6.weight": [384, 192, 3, 3],
        "8.weight": [256, 384, 3, 3],
        "10.weight": [256, 256, 3, 3],
    }
    vgg = [int(key.split(".")[0]) for key in vgg16_features().state_dict() if key.endswith("weight")]
    assert vgg == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


def test_smallest_picture(tmp_path: Path) -> None:
    for net, side in (("alex", 31), ("vgg", 16)):
        write_backbone(tmp_path, net)
        network = load_lpips(net, str(tmp_path), CPU)
        assert lpips_distance(network, *two_pictures(side, side)) > 0
        with pytest.raises(DataError, match=f"{side}x{side}"):
            lpips_distance(network, *two_pictures(side, side - 1))


def test_missing_weights_name_the_file_and_its_source(tmp_path: Path) -> None:
    for call, key in ((lambda: load_lpips("vgg", str(tmp_path), CPU), "lpips_vgg"),
                      (lambda: InceptionFeatures(str(tmp_path), CPU), "inception")):  # fmt: skip
        name, source = WEIGHTS[key]
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(tmp_path / name) in str(caught.value)
        assert source + name in str(caught.value)


def test_wrong_weights(tmp_path: Path) -> None:
    write_backbone(tmp_path, "vgg").state_dict()
    (tmp_path / WEIGHTS["lpips_vgg"][0]).rename(tmp_path / WEIGHTS["lpips_alex"][0])
    with pytest.raises(CheckpointError, match="alexnet"):
        load_lpips("alex", str(tmp_path), CPU)


def test_without_torchmetrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_backbone(tmp_path, "alex")
    monkeypatch.setattr(perceptual, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[perceptual\]'"):
        load_lpips("alex", str(tmp_path), CPU)


class FakeInception(nn.Module):
    """The interface of torch-fidelity's network."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None) -> None:
        super().__init__()
        assert features_list == ["2048"]
        assert feature_extractor_weights_path is not None, "this would download"
        self.scale = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.load_state_dict(torch.load(feature_extractor_weights_path))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        assert x.dtype == torch.uint8
        return (x.float().mean(dim=(2, 3))[:, :2] * self.scale,)


@pytest.fixture
def fake_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = (types.ModuleType(f"torch_fidelity{end}") for end in ("", ".feature_extractor_inceptionv3"))
    module.FeatureExtractorInceptionV3 = FakeInception  # type: ignore[attr-defined]
    for library in (package, module):
        monkeypatch.setitem(sys.modules, library.__name__, library)


@pytest.mark.usefixtures("fake_fidelity")
def test_inception_features(tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS["inception"][0]
    torch.save({"scale": torch.tensor([1.0, 10.0])}, path)
    picture = np.full((20, 30, 3), (7, 8, 9), np.uint8)
    features = InceptionFeatures(str(tmp_path), CPU)([picture, 2 * picture])
    np.testing.assert_array_equal(features, [[7, 80], [14, 160]])
    assert features.dtype == np.float64
    torch.save({"other": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="not the weights of FID's Inception"):
        InceptionFeatures(str(tmp_path), CPU)


@pytest.mark.usefixtures("fake_fidelity")
def test_code_in_a_weights_file_is_refused(tmp_path: Path) -> None:
    torch.save({"scale": torch.zeros(2), "run": Path("x")}, tmp_path / WEIGHTS["inception"][0])
    with pytest.raises(CheckpointError, match="could run code"):
        InceptionFeatures(str(tmp_path), CPU)


def test_an_unusable_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"scale": torch.zeros(2)}, tmp_path / WEIGHTS["inception"][0])
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(ConfigError, match=r"FID needs torch-fidelity.*perceptual"):
        InceptionFeatures(str(tmp_path), CPU)


def test_the_real_inception(tmp_path: Path) -> None:
    """Where torch-fidelity and a fitting torchvision are installed."""
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as library
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torch-fidelity cannot be imported ({error})")

    class Untrained(library.FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: object) -> None:
            """Keep the random weights."""

    path = tmp_path / WEIGHTS["inception"][0]
    torch.save({}, path)
    torch.save(Untrained("x", ["2048"], feature_extractor_weights_path=path).state_dict(), path)
    assert InceptionFeatures(str(tmp_path), CPU)(two_pictures()).shape == (2, 2048)
