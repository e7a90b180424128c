"""Sensitivity analysis against the derivative of a softmax worked out by hand, differences, and captum."""

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.sensitivity_analysis import explanation_vectors, sensitivity_analysis
from repro.engine.errors import OptionsError
from repro.lab import networks

CONTRACT = {"explanation_vectors": {}}


class Linear(nn.Module):
    def __init__(self, outputs: int, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.scale = nn.Linear(12, outputs), scale
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.scale * self.linear(images.flatten(1))


def images_of(count: int, channels: int = 3, size: int = 2) -> Tensor:
    return torch.rand(count, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_vector_of_two_linear_classes_is_known() -> None:
    """zeta = p (1 - p) (w_other - w_own)."""
    model, images = Linear(2), images_of(2)
    p = model(images).softmax(1).detach()
    w = model.linear.weight.detach()
    found = explanation_vectors(model, images, torch.tensor([0, 1])).flatten(1)
    torch.testing.assert_close(found, (p[:, :1] * p[:, 1:]) * torch.stack([w[1] - w[0], w[0] - w[1]]))


def test_the_vector_equals_differences_of_the_probability_of_another_class() -> None:
    model, image, label, step = networks.load("lenet-mnist", 0).double(), images_of(1, 1, 28), 3, 1e-6
    found = explanation_vectors(model, image, torch.tensor([label]))
    with torch.no_grad():
        for y, x in ((3, 4), (14, 14), (20, 9)):
            moved = image.repeat(2, 1, 1, 1)
            moved[0, 0, y, x] += step
            moved[1, 0, y, x] -= step
            another = 1 - model(moved).softmax(1)[:, label]
            assert abs(float((another[0] - another[1]) / (2 * step) - found[0, 0, y, x])) < 1e-7


@pytest.mark.parametrize("of", ["logit", "probability"])
def test_the_heatmap_adds_up_to_the_squared_length_of_the_gradient(of: str) -> None:
    model, images, classes = networks.load("lenet-mnist", 0).double(), images_of(3, 1, 28), torch.tensor([3, 1, 7])
    pixels = images.clone().requires_grad_()
    output = model(pixels) if of == "logit" else model(pixels).softmax(1)
    (gradient,) = torch.autograd.grad(output[range(3), classes].sum(), pixels)
    found = sensitivity_analysis(model, images, classes, of=of)
    torch.testing.assert_close(found.sum((1, 2, 3)), gradient.square().sum((1, 2, 3)))
    assert (found >= 0).all()


def test_is_the_square_of_captums_saliency(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    model, images, classes = networks.load("zf-scenes", 0).double(), images_of(2, size=64), torch.tensor([3, 7])
    theirs = attr.Saliency(model).attribute(images.clone().requires_grad_(), target=classes)
    found = sensitivity_analysis(model, images, classes)
    torch.testing.assert_close(found, theirs.square().sum(1, keepdim=True).detach())


def test_a_sure_classifier_keeps_its_digits() -> None:
    """In single precision the probability is 1 here, and 1 - p, taken from it, 0."""
    model, images = Linear(2, scale=200.0), images_of(1)
    classes = model(images).argmax(1)
    exact = explanation_vectors(model, images, classes)
    single = explanation_vectors(model.float(), images.float(), classes)
    assert float(model(images.float()).softmax(1).detach().amax()) == 1.0
    assert float(exact.abs().max()) > 0
    torch.testing.assert_close(single.double(), exact, rtol=1e-3, atol=0.0)


def test_another_output_is_refused() -> None:
    with pytest.raises(OptionsError):
        sensitivity_analysis(Linear(2), images_of(1), torch.tensor([0]), of="loss")  # type: ignore[arg-type]  # what is refused
