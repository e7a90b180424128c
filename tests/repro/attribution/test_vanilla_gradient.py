"""The vanilla gradient against differences of logits, numbers worked out by hand, and what people use."""

import torch
from torch import Tensor, nn

from repro.attribution.vanilla_gradient import saliency, vanilla_gradient
from repro.engine import gradients
from repro.lab import controls, models, networks, scenes
from repro.visualisation.deconvnet import deconvnet

models.torchvision()  # zennit imports torchvision, which may have to be mended first


class Linear(nn.Module):
    """w^T I + b, as in Eq. (2)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 3)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flatten(1))


def images_of(count: int, channels: int = 3, size: int = 2) -> Tensor:
    return torch.rand(count, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_a_linear_score_has_its_own_weights() -> None:
    model, classes = Linear(), torch.tensor([2, 0])
    assert torch.equal(vanilla_gradient(model, images_of(2), classes).flatten(1), model.linear.weight[classes].detach())


def test_numbers_worked_out_by_hand() -> None:
    class ByHand(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            x = images.flatten(1)
            return torch.stack([(2 * x[:, 0] - x[:, 1]).relu() + x[:, 2] ** 2, x[:, 3] * x[:, 0]], 1)

    images = torch.tensor([[[[1.0, 1.0], [3.0, 5.0]]], [[[0.0, 1.0], [3.0, 5.0]]], [[[1.0, 1.0], [3.0, 5.0]]]])
    found = vanilla_gradient(ByHand(), images, torch.tensor([0, 0, 1]))
    assert found.flatten(1).tolist() == [[2, -1, 6, 0], [0, 0, 6, 0], [5, 0, 0, 1]]
    assert saliency(torch.tensor([[[[1.0]], [[-4.0]], [[2.0]]]])).tolist() == [[[[4.0]]]]


def test_equals_differences_of_logits() -> None:
    """Pixel by pixel, from the definition of a derivative."""
    model = networks.load("lenet-mnist", 0).double()
    image, label, step = images_of(1, 1, 28), torch.tensor([3]), 1e-7
    found = vanilla_gradient(model, image, label)
    with torch.no_grad():
        for y, x in ((3, 4), (14, 14), (20, 9), (27, 27)):
            moved = image.repeat(2, 1, 1, 1)
            moved[0, 0, y, x] += step
            moved[1, 0, y, x] -= step
            up, down = model(moved)[:, 3]
            assert abs(float((up - down) / (2 * step) - found[0, 0, y, x])) < 1e-6 * float(found.abs().max())


def test_is_the_control_that_other_methods_are_compared_with() -> None:
    model, classes = networks.load("gap-scenes", 0), torch.tensor([1, 2])
    images = torch.from_numpy(scenes.load(2, 0).images) / 255
    assert torch.equal(saliency(vanilla_gradient(model, images, classes)), controls.saliency(model, images, classes))


def test_the_deconvnet_is_the_gradient_where_there_is_no_relu() -> None:
    """Sec. 4: convolutions and max pooling are reversed alike."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3, stride=2)
    model, images = nn.Sequential(*layers, nn.Flatten()).double().eval(), images_of(2, size=12)
    with torch.no_grad():
        maps = layers[2](layers[1](layers[0](images)))
    unit = maps[:, 1].flatten(1).argmax(1)
    gradient = vanilla_gradient(model, images, unit + maps[0, 0].numel())
    strongest = maps[:, 1].flatten(1).amax(1)[:, None, None, None]  # the deconvnet starts from the activation
    torch.testing.assert_close(deconvnet(model, images, layers[2], torch.tensor([1, 1])), gradient * strongest)


def test_equals_captum_and_zennit_to_the_last_bit(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    zennit = require_module("zennit.attribution", "pip install zennit")
    model, classes, images = networks.load("zf-scenes", 0), torch.tensor([3, 7]), images_of(2, size=64).float()
    ours = vanilla_gradient(model, images, classes)
    theirs = attr.Saliency(model).attribute(images.clone().requires_grad_(), target=classes, abs=False)
    assert torch.equal(ours, theirs)
    with zennit.Gradient(model) as attributor:
        assert torch.equal(ours, attributor(images.clone(), torch.eye(10)[classes])[1])


def test_a_normalising_network_scales_it() -> None:
    class Normalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Linear()

        def forward(self, images: Tensor) -> Tensor:
            return self.inner((images - 0.5) / 0.25)

    model, images, classes = Normalised(), images_of(2), torch.tensor([0, 1])
    inner = gradients.pixel_gradient(model.inner, images, classes)
    torch.testing.assert_close(vanilla_gradient(model, images, classes), inner / 0.25)
