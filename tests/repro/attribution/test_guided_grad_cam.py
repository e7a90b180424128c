"""Guided Grad-CAM is the product of its two factors, each tested by itself, on the image's grid."""

import pytest
import torch
from torch import nn

from repro.attribution.grad_cam import grad_cam
from repro.attribution.guided_backprop import guided_backprop
from repro.attribution.guided_grad_cam import guided_grad_cam
from repro.engine.errors import LayerError
from repro.lab import networks, scenes

BENCHMARK = {
    "guided-grad-cam": {
        "floor": "to_the_maps_and_to_the_pixels",
        "peers": {"captum": ("captum_at_layer", "GuidedGradCam", {"interpolate_mode": "bilinear"})},
    }
}


def test_numbers_worked_out_by_hand() -> None:
    class Sums(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.max_pool2d(images, 2).flatten(1)

    images = torch.tensor([[[[1.0, 2.0], [0.0, 0.0]]]])
    # Grad-CAM: a quarter of the map; guided backpropagation: 1 at the maximum
    assert guided_grad_cam(Sums(), images, torch.tensor([0])).tolist() == [[[[0.0, 0.5], [0.0, 0.0]]]]


def test_is_the_product_on_the_image_grid() -> None:
    """Enlarged pixel by pixel from the definition of bilinear interpolation, borders held."""
    model, classes = networks.load("fc-scenes", 0), torch.tensor([1, 2])
    images = torch.from_numpy(scenes.load(2, 0).images) / 255
    coarse, fine = grad_cam(model, images, classes), guided_backprop(model, images, classes)
    found, size = guided_grad_cam(model, images, classes), coarse.shape[2]
    for y, x in ((0, 0), (13, 40), (63, 5), (31, 32)):
        top, left = (min(max((at + 0.5) * size / 64 - 0.5, 0), size - 1) for at in (y, x))
        i, j = min(int(top), size - 2), min(int(left), size - 2)
        down, right = top - i, left - j
        value = (
            coarse[:, 0, i, j] * (1 - down) * (1 - right)
            + coarse[:, 0, i, j + 1] * (1 - down) * right
            + coarse[:, 0, i + 1, j] * down * (1 - right)
            + coarse[:, 0, i + 1, j + 1] * down * right
        )
        torch.testing.assert_close(found[:, :, y, x], value[:, None] * fine[:, :, y, x])


def test_equals_captum(vision, require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    model, classes = vision("resnet18"), torch.tensor([3, 7])
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected = attr.GuidedGradCam(model, model.layer3).attribute(
        images.clone().requires_grad_(), target=classes, interpolate_mode="bilinear"
    )
    torch.testing.assert_close(guided_grad_cam(model, images, classes, model.layer3), expected.detach())


def test_a_layer_that_does_not_fit_is_refused() -> None:
    model = networks.load("fc-scenes", 0)
    with pytest.raises(LayerError):
        guided_grad_cam(model, torch.rand(1, 3, 64, 64), torch.tensor([0]), model.get_submodule("classifier.0"))
