"""OpenBox against products of masked matrices, a polytope worked out by hand, and what the paper promises inside one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.vanilla_gradient import vanilla_gradient
from repro.engine.errors import NoRuleError
from repro.interpretable.piecewise_linear import local_linear, piecewise_linear, polytope
from repro.lab import networks, photo_panels

BENCHMARK = {"piecewise_linear": {"floor": "to_the_pixels"}}


def dense(*widths: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [each for a, b in pairwise(widths) for each in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1]).double()


def images_of(count: int, channels: int = 1, size: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, channels, size, size, dtype=torch.float64, generator=generator)


def slow(model: nn.Sequential, image: Tensor) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
    """The closed form: W and b as products of matrices in which the rows of units that are off are 0, and the inequality
    of each hidden unit.
    """
    weights, bias, walls = torch.eye(image.numel()).double(), torch.zeros(image.numel()).double(), []
    for layer in model:
        if isinstance(layer, nn.Linear):
            weights, bias = layer.weight @ weights, layer.weight @ bias + layer.bias
        if isinstance(layer, nn.ReLU):
            on = weights @ image.flatten() + bias > 0
            walls += [(w if o else -w, b if o else -b) for w, b, o in zip(weights, bias, on, strict=True)]
            weights, bias = torch.diag(on.double()) @ weights, torch.diag(on.double()) @ bias
    return weights.detach(), bias.detach(), walls


def test_equals_products_of_masked_matrices() -> None:
    model, images = dense(9, 7, 6, 5, 4), images_of(5)
    found, walls = local_linear(model, images), polytope(model, images)
    for i, image in enumerate(images):
        weights, bias, inequalities = slow(model, image)
        torch.testing.assert_close(found.weights[i].flatten(1), weights, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(found.bias[i], bias, rtol=1e-12, atol=1e-14)
        for j, (normal, offset) in enumerate(inequalities):
            torch.testing.assert_close(walls.normals[i, j].flatten(), normal.detach(), rtol=1e-12, atol=1e-14)
            torch.testing.assert_close(walls.offsets[i, j], offset.detach(), rtol=1e-12, atol=1e-14)
    assert len(found.configuration.unique(dim=0)) == 5  # five images, five polytopes
    classes = torch.tensor([3, 0, 1, 1, 2])
    assert torch.equal(piecewise_linear(model, images, classes), found.weights[range(5), classes])


def test_a_polytope_worked_out_by_hand() -> None:
    """Logits max(x, 0) + max(1 - x - y, 0) and its negative: at (1, 1) the first unit is on, the second off."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, -1.0]]))
        model[1].bias.copy_(torch.tensor([0.0, 1.0]))
        model[3].weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
        model[3].bias.zero_()
    images = torch.tensor([[1.0, 1.0], [0.25, 0.25]]).view(2, 1, 1, 2)
    found, walls = local_linear(model, images), polytope(model, images)
    assert found.weights.flatten(2).tolist() == [[[1, 0], [-1, 0]], [[0, -1], [0, 1]]]
    assert found.bias.tolist() == [[0, 0], [1, -1]]
    assert found.configuration.tolist() == [[1, 0], [1, 1]]
    assert walls.normals.flatten(2).tolist() == [[[1, 0], [1, 1]], [[1, 0], [-1, -1]]]
    assert walls.offsets.tolist() == [[0, -1], [0, 1]]
    torch.testing.assert_close(walls.distances(images), torch.tensor([[1.0, 0.5**0.5], [0.25, 0.125**0.5]]))


def test_exact_up_to_the_nearest_wall_and_not_beyond() -> None:
    """And all images of one polytope have the same classifier."""
    model, images = dense(9, 7, 6, 4), images_of(6)
    found, walls = local_linear(model, images), polytope(model, images)
    nearest = walls.distances(images).argmin(1)
    normals = walls.normals[range(6), nearest]
    steps = (walls.distances(images).amin(1) / normals.flatten(1).norm(dim=1))[:, None, None, None] * normals
    for share, inside in ((-0.5, True), (-0.99, True), (-1.01, False)):
        moved = images + share * steps
        there = local_linear(model, moved)
        off = ((found.weights * moved[:, None]).sum((2, 3, 4)) + found.bias - model(moved)).abs().amax(1)
        assert ((there.configuration == found.configuration).all(1) == inside).all()
        assert ((walls.distances(moved) >= 0).all(1) == inside).all()
        assert ((off < 1e-12) == inside).all()
        same = (there.weights - found.weights).abs().amax((1, 2, 3, 4)) < 1e-12
        assert (same == inside).all()


@pytest.mark.parametrize("name", ["lenet-mnist", "gmp-scenes", "residual-scenes"])
def test_convolutions_max_pooling_batch_norm_and_shortcuts(name: str) -> None:
    """W x + b is the logit, and W the gradient."""
    model, data = networks.load(name, 0).double(), networks.data(name, 3, 0)
    images, classes = networks.inputs(data.images, data.labels)
    images = images.double()
    found = local_linear(model, images)
    logits = (found.weights * images[:, None]).sum((2, 3, 4)) + found.bias
    torch.testing.assert_close(logits, model(images).detach(), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.weights[range(3), classes], vanilla_gradient(model, images, classes))


def test_a_real_network_is_linear_near_a_photograph() -> None:
    """EfficientNet-Lite0: ReLU6, BatchNorm, shortcuts."""
    model, images, classes = photo_panels.network(), photo_panels.view("cat"), torch.tensor([photo_panels.CAT])
    assert torch.equal(piecewise_linear(model, images, classes), vanilla_gradient(model, images, classes))


@pytest.mark.parametrize(
    "bends",
    [
        pytest.param(nn.GELU(), id="GELU"),
        pytest.param(nn.Sigmoid(), id="sigmoid"),
        pytest.param(nn.Softmax(1), id="softmax"),
        pytest.param(nn.LayerNorm(7), id="a norm of the image's own"),
        pytest.param(torch.jit.script(nn.ReLU()), id="scripted"),
    ],
)
def test_what_bends_in_another_way_is_refused(bends: nn.Module) -> None:
    first, *_, last = dense(9, 7, 4)
    model = nn.Sequential(first, nn.Linear(9, 7), bends, last).double()
    with pytest.raises(NoRuleError):
        piecewise_linear(model, images_of(2), torch.tensor([0, 1]))
    with pytest.raises(NoRuleError):
        local_linear(model, images_of(2))


def test_polytopes_are_for_networks_of_relus() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2)).double()
    with pytest.raises(NoRuleError):
        polytope(model, images_of(2))
