import pytest
import torch
from torch import Tensor, nn

from repaint.diffusion.guidance import classifier_guidance

SHAPE = (2, 3, 4, 4)
TIMESTEPS = torch.tensor([5, 800])
Y = torch.tensor([2, 0])


class ToyClassifier(nn.Module):
    """A smooth, nonlinear function of picture and timestep with 5 classes."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(5, 48, generator=generator))

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        return (x.flatten(1) * (1 + timesteps[:, None] / 1000)).sin() @ self.weight.to(x.dtype).T


@pytest.fixture
def x() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def test_gradient_agrees_with_finite_differences(x: Tensor) -> None:
    classifier = ToyClassifier()

    def log_probability(x: Tensor) -> Tensor:
        return classifier(x, TIMESTEPS).log_softmax(dim=1)[torch.arange(2), Y]

    gradient = classifier_guidance(classifier, scale=2.0)(x, TIMESTEPS, Y)
    assert gradient.shape == SHAPE
    step = 1e-5
    for position in [(0, 0, 0), (1, 2, 3), (2, 3, 1)]:
        shift = torch.zeros(SHAPE, dtype=torch.float64)
        shift[:, *position] = step  # pictures are independent: both at once
        difference = log_probability(x.double() + shift) - log_probability(x.double() - shift)
        torch.testing.assert_close(
            gradient[:, *position], (2.0 * difference / (2 * step)).float(), rtol=1e-4, atol=1e-5
        )


def test_ascending_the_gradient_raises_the_class_probability(x: Tensor) -> None:
    classifier = ToyClassifier()
    moved = x + 0.01 * classifier_guidance(classifier, 1.0)(x, TIMESTEPS, Y)
    before, after = (classifier(state, TIMESTEPS).softmax(dim=1)[torch.arange(2), Y] for state in (x, moved))
    assert (after > before).all()


def test_scale_multiplies(x: Tensor) -> None:
    one, three = (classifier_guidance(ToyClassifier(), scale)(x, TIMESTEPS, Y) for scale in (1.0, 3.0))
    torch.testing.assert_close(three, 3 * one)


def test_works_inside_the_sampler_s_no_grad_and_leaves_no_trace(x: Tensor) -> None:
    classifier = ToyClassifier()
    with torch.no_grad():
        gradient = classifier_guidance(classifier, 1.0)(x, TIMESTEPS, Y)
    assert gradient.abs().max() > 0
    assert not gradient.requires_grad
    assert not x.requires_grad
    assert classifier.weight.grad is None


def test_missing_labels_are_an_error(x: Tensor) -> None:
    with pytest.raises(ValueError, match="needs class labels y"):
        classifier_guidance(ToyClassifier(), 1.0)(x, TIMESTEPS, None)
