"""Grad-CAM against numbers worked out by hand, finite differences in loops, CAM, and the libraries that people use."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.cam import cam
from repro.attribution.grad_cam import grad_cam
from repro.engine import pooling, watching
from repro.engine.errors import ClassesError, GradientError, LayerError
from repro.lab import networks

BENCHMARK = {
    "grad-cam": {
        "floor": "to_the_maps",
        "peers": {
            "captum": ("captum_at_layer", "LayerGradCam", {"relu_attributions": True}),
            "pytorch-grad-cam": ("pytorch_grad_cam", "GradCAM"),
            "torch-cam": ("torch_cam", "GradCAM"),
        },
    }
}

SMALL = pytest.mark.parametrize("relu", ["module", "function", "in place"])


class Small(nn.Module):
    """A convolution, a ReLU written in one of three ways, pooling, and a smooth head that weighs every place."""

    def __init__(self, relu: str = "module") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.normalisation = nn.BatchNorm2d(4)
        self.activation = nn.ReLU(inplace=relu == "in place") if relu != "function" else None
        self.dropout = nn.Dropout(0.5)
        self.first, self.second = nn.Linear(16, 6), nn.Linear(6, 4)
        self.double()

    def maps(self, images: Tensor) -> Tensor:
        maps = self.normalisation(self.convolution(images))
        return self.activation(maps) if self.activation else functional.relu(maps, inplace=True)

    def head(self, maps: Tensor) -> Tensor:
        pooled = functional.avg_pool2d(maps, 2).flatten(1)
        return self.second(functional.softplus(self.first(self.dropout(pooled))))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.maps(images))


def slow_grad_cam(head, maps: Tensor, classes: list[int]) -> Tensor:
    """Eqs. (1) and (2) of Selvaraju et al. 2017, one number at a time, without a backward pass."""
    step, (images, channels, height, width) = 1e-6, maps.shape
    result = torch.zeros(images, 1, height, width, dtype=maps.dtype)
    for b in range(images):
        for k in range(channels):
            total = 0.0
            for i in range(height):
                for j in range(width):
                    scores = []
                    for sign in (1, -1):
                        moved = maps[b : b + 1].clone()
                        moved[0, k, i, j] += sign * step
                        scores.append(head(moved)[0, classes[b]].item())
                    total += (scores[0] - scores[1]) / (2 * step)
            for i in range(height):
                for j in range(width):
                    result[b, 0, i, j] += total / (height * width) * maps[b, k, i, j]
    return result.clamp(min=0)


def images_of(count: int, size: int = 4) -> Tensor:
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_numbers_worked_out_by_hand() -> None:
    class Weighs(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            first, second = images[:, 0], images[:, 1]
            up = (first * torch.tensor([[4.0, 0], [0, 0]])).sum((1, 2)) - 2 * second.sum((1, 2))
            return torch.stack([up, -second.square().sum((1, 2))], 1)

    maps = torch.tensor([[[1.0, 0], [2, 4]], [[0, 1], [0, 1]]])
    model = nn.Sequential(nn.Identity(), Weighs())
    both = torch.stack([maps, maps])
    # class 0: weights 4/4 = 1 and -2; class 1: 0 and -(2 + 2)/4 = -1
    found = grad_cam(model, both, torch.tensor([0, 1]), model[0])
    assert found.tolist() == [[[[1.0, 0.0], [2.0, 2.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]
    against = grad_cam(model, both, torch.tensor([0, 1]), model[0], counterfactual=True)
    assert against.tolist() == [[[[0.0, 2.0], [0.0, 0.0]]], [[[0.0, 1.0], [0.0, 1.0]]]]


@SMALL
def test_equals_the_definition_in_loops(relu: str) -> None:
    model, images, classes = Small(relu).eval(), images_of(3), [2, 0, 3]
    with torch.no_grad():
        expected = slow_grad_cam(model.head, model.maps(images), classes)
    assert expected.amax((1, 2, 3)).count_nonzero() >= 2
    torch.testing.assert_close(grad_cam(model, images, torch.tensor(classes)), expected, rtol=1e-6, atol=1e-9)


@SMALL
def test_equals_the_definition_at_a_layer_that_a_relu_overwrites(relu: str) -> None:
    model, images, classes = Small(relu).eval(), images_of(2), [1, 2]
    with torch.no_grad():
        maps = model.normalisation(model.convolution(images))
        assert (maps < 0).any()
        expected = slow_grad_cam(lambda given: model.head(given.relu()), maps, classes)
    found = grad_cam(model, images, torch.tensor(classes), model.normalisation)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_is_cam_on_a_network_that_cam_reads(vision) -> None:
    """Sec. 3.1: with global average pooling the weights are CAM's divided by the number of places Z."""
    for name in ("resnet18", "densenet121"):
        images, classes = images_of(2, 96), torch.tensor([5, 900])
        maps = grad_cam(vision(name), images, classes)
        torch.testing.assert_close(maps, cam(vision(name), images, classes).relu() / 9, rtol=1e-9, atol=1e-12)
        assert maps.amax() > 0


def test_linear_in_the_head() -> None:
    """Three times the weights of a class, three times its map."""
    model, images = networks.load("gap-scenes", 0).double(), images_of(2, 64).sigmoid()
    one, other = (grad_cam(model, images, torch.tensor([c, c])) for c in (0, 1))
    with torch.no_grad():
        model.classifier.weight[2] = 3 * model.classifier.weight[0]
    torch.testing.assert_close(grad_cam(model, images, torch.tensor([2, 2])), 3 * one)
    assert not torch.allclose(one, other)


def test_evidence_against_a_class_is_evidence_for_its_opposite() -> None:
    model, images, classes = Small().eval(), images_of(3), torch.tensor([0, 1, 2])
    opposite = copy.deepcopy(model)
    with torch.no_grad():
        opposite.second.weight.neg_()
    found = grad_cam(model, images, classes, counterfactual=True)
    torch.testing.assert_close(found, grad_cam(opposite, images, classes))


def test_batch_of_different_classes_equals_one_by_one() -> None:
    model, images, classes = networks.load("fc-scenes", 0).double(), images_of(5, 64).sigmoid(), torch.arange(5)
    one_by_one = [grad_cam(model, images[i : i + 1], classes[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(grad_cam(model, images, classes), torch.cat(one_by_one))


def test_without_evidence_the_map_is_zero() -> None:
    model = Small().eval()
    nn.init.constant_(model.second.weight, -1.0)
    nn.init.constant_(model.first.weight, 1.0)  # every map is evidence against every class
    assert grad_cam(model, images_of(2), torch.tensor([0, 1])).count_nonzero() == 0


LAYERS = {
    "resnet18": ["layer4", "layer3", "layer4.1.bn2", "layer4.0.conv1"],
    "vgg16": ["features.29", "features.28", "features.30"],
    "densenet121": ["features", "features.norm5", "features.denseblock3"],
    "googlenet": ["inception5b", "inception4a", "inception4e.branch1.bn"],
}


@pytest.mark.parametrize(("name", "layer"), [(name, layer) for name, layers in LAYERS.items() for layer in layers])
def test_equals_captum_at_any_layer(name: str, layer: str, vision, require_module) -> None:
    """Also right before in-place ReLUs, be they modules or functions."""
    attr = require_module("captum.attr", "pip install captum")
    model, images, classes = vision(name), images_of(2, 96), torch.tensor([3, 7])
    target_layer = model.get_submodule(layer)
    expected = attr.LayerGradCam(model, target_layer).attribute(images, target=classes).detach()
    found = grad_cam(model, images, classes, target_layer)
    against = grad_cam(model, images, classes, target_layer, counterfactual=True)
    assert expected.abs().amax((1, 2, 3)).min() > 0
    torch.testing.assert_close(found - against, expected, rtol=1e-10, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("name", "after", "before"), [("vgg16", "features.29", "features.28"), ("resnet18", "layer4", "layer4.1.bn2")]
)
def test_pytorch_grad_cam_differs_before_an_in_place_relu(name, after, before, vision, require_module) -> None:
    """Its hook keeps the tensor that the ReLU then overwrites.  After the ReLU both agree."""
    model, images, classes = copy.deepcopy(vision(name)), images_of(2, 96), [3, 7]
    library = require_module("pytorch_grad_cam", "pip install grad-cam")
    targets = require_module("pytorch_grad_cam.utils.model_targets", "pip install grad-cam")

    def theirs(layer: nn.Module) -> Tensor:
        with library.GradCAM(model=model, target_layers=[layer]) as explains:
            explains(images.clone(), [targets.ClassifierOutputTarget(c) for c in classes])
            maps, gradient = (
                kept[0].double()
                for kept in (explains.activations_and_grads.activations, explains.activations_and_grads.gradients)
            )
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()

    for layer, agrees in ((after, True), (before, False)):
        ours, found = grad_cam(model, images, classes, model.get_submodule(layer)), theirs(model.get_submodule(layer))
        error = float((ours - found).abs().max() / ours.abs().max())
        assert (error < 1e-5) if agrees else (error > 0.02)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_found_is_the_last_convolution_after_its_relu(name: str, vision) -> None:
    layer = {"resnet18": "layer4", "vgg16": "features.29", "densenet121": "features", "googlenet": "inception5b"}[name]
    images, classes = images_of(1, 96), torch.tensor([3])
    with torch.no_grad(), watching.activations(vision(name), vision(name).get_submodule(layer)) as outputs:
        vision(name)(images)
    with pooling.maps_and_logits(vision(name), images) as (maps, _):
        torch.testing.assert_close(maps.detach(), outputs[0].relu())
    if name != "densenet121":  # whose last ReLU is no module
        by_hand = grad_cam(vision(name), images, classes, vision(name).get_submodule(layer))
        torch.testing.assert_close(grad_cam(vision(name), images, classes), by_hand)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    model = Small().train()
    model.normalisation.eval()  # mixed modes: a frozen BatchNorm in a model that trains
    model.convolution.weight.requires_grad_(False)
    model.first.bias.grad = torch.ones_like(model.first.bias)
    before = copy.deepcopy(model.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            with pytest.raises(ClassesError):
                grad_cam(model, images, torch.tensor([0, 4]), model.activation)
        else:
            first, second = (grad_cam(model, images, torch.tensor([0, 3]), layer) for layer in (model.activation, None))
            assert torch.equal(first, second)  # no dropout: it was evaluated, although it trains
            assert not first.requires_grad
        assert torch.equal(images, kept)
        assert not images.requires_grad
    assert [m.training for m in (model, model.normalisation, model.dropout)] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [False] + [True] * 7
    assert [None if p.grad is None else p.grad.tolist() for p in model.parameters()] == [None] * 5 + [[1.0] * 6] + [
        None
    ] * 2
    assert all(not m._forward_hooks and not m._backward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_frozen_parameters_are_no_obstacle() -> None:
    frozen, images, classes = Small().eval().requires_grad_(False), images_of(1), torch.tensor([1])
    assert torch.equal(grad_cam(frozen, images, classes), grad_cam(Small().eval(), images, classes))


def test_an_image_that_wants_a_gradient_gets_none() -> None:
    images = images_of(1).requires_grad_()
    grad_cam(Small().eval(), images, torch.tensor([1]))
    assert images.grad is None
    assert images.is_leaf
    assert images.requires_grad


def test_a_wrong_layer_is_answered_with_layers_to_choose_from() -> None:
    model, images = Small(), images_of(1)
    with pytest.raises(LayerError) as caught:
        grad_cam(model, images, torch.tensor([0]), model.first)
    assert "convolution, normalisation, activation" in str(caught.value)
    with pytest.raises(LayerError):
        grad_cam(model, images, torch.tensor([0]), nn.ReLU())
    flat = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).double()
    with pytest.raises(LayerError) as caught:
        grad_cam(flat, images, torch.tensor([0]))
    assert "0, 1" in str(caught.value)
    assert grad_cam(flat, images, torch.tensor([0]), flat[1]).shape == (1, 1, 2, 2)


def test_logits_that_do_not_depend_on_the_layer_are_refused() -> None:
    class Rounds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Conv2d(3, 2, 1).double()

        def forward(self, images: Tensor) -> Tensor:
            return self.maps(images).detach().sum((2, 3))

    model = Rounds()
    with pytest.raises(GradientError):
        grad_cam(model, images_of(1), torch.tensor([0]), model.maps)


@pytest.mark.parametrize("classes", [torch.tensor([0]), torch.tensor([0, 4]), torch.tensor([0.0, 1.0])])
def test_classes_that_do_not_fit_are_refused(classes: Tensor) -> None:
    with pytest.raises(ClassesError):
        grad_cam(Small(), images_of(2), classes)
