"""CAM against numbers worked out by hand, a slow second implementation, and what must hold of any CAM."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.cam import cam
from repro.engine.errors import ClassesError, LayerError
from repro.lab import models, networks, scenes

BENCHMARK = {"cam": {"floor": "forward", "peers": {"torch-cam": ("torch_cam", "CAM")}, "models": ("resnet50",)}}


class Small(nn.Module):
    """A convolution, a ReLU written in one of three ways, global average pooling, a linear layer with a bias."""

    def __init__(self, relu: str = "module") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 5, 3, padding=1)
        self.normalisation = nn.BatchNorm2d(5)
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(5, 4)
        self.relu = relu
        self.in_place = nn.ReLU(inplace=True)
        nn.init.normal_(self.linear.bias)

    def maps(self, images: Tensor) -> Tensor:
        maps = self.normalisation(self.convolution(images))
        match self.relu:
            case "module":
                return self.in_place(maps)
            case "function":
                return functional.relu(maps)
            case _:
                return maps.clamp_min_(0)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.dropout(self.maps(images).mean((2, 3))))


def slow_cam(feature_maps: Tensor, weights: Tensor, target_classes: list[int]) -> Tensor:
    """Eq. (2) of Zhou et al. 2016, one number at a time."""
    images, units, height, width = feature_maps.shape
    result = torch.zeros(images, 1, height, width)
    for b in range(images):
        for y in range(height):
            for x in range(width):
                for k in range(units):
                    result[b, 0, y, x] += weights[target_classes[b], k] * feature_maps[b, k, y, x]
    return result


def test_numbers_worked_out_by_hand() -> None:
    class Identity(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            with torch.no_grad():
                self.linear.weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.0]]))
                self.linear.bias.copy_(torch.tensor([10.0, 20.0]))

        def forward(self, images: Tensor) -> Tensor:
            return self.linear(functional.adaptive_avg_pool2d(images, 1).flatten(1))

    maps = torch.tensor([[[1.0, 0], [2, 1]], [[0, 3], [1, 0]]])
    found = cam(Identity(), torch.stack([maps, maps]), torch.tensor([0, 1]))
    # class 0: f_1 - 2 f_2; class 1: f_1 / 2 + f_2; the biases 10 and 20 are in neither
    assert found.tolist() == [[[[1.0, -6.0], [0.0, 1.0]]], [[[0.5, 3.0], [2.0, 0.5]]]]


@pytest.mark.parametrize("relu", ["module", "function", "in place"])
def test_equals_the_definition_in_loops(relu: str) -> None:
    model, images, classes = Small(relu).eval(), torch.randn(3, 3, 5, 6), [2, 0, 3]
    with torch.no_grad():
        expected = slow_cam(model.maps(images), model.linear.weight, classes)
    torch.testing.assert_close(cam(model, images, torch.tensor(classes)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet", "mobilenet_v2", "shufflenet_v2_x0_5"])
def test_mean_and_bias_make_the_logit_on_torchvision_networks(name: str) -> None:
    torch.manual_seed(0)
    model = _lively(models.load(name, "random").model).double()
    images, classes = torch.randn(2, 3, 64, 64, dtype=torch.float64), torch.tensor([3, 7])
    with torch.no_grad():
        logits = model(images).gather(1, classes[:, None])[:, 0]
    heatmaps = cam(model, images, classes)
    bias = next(p for key, p in reversed(list(model.named_parameters())) if key.endswith("bias"))[classes]
    assert heatmaps.amax() - heatmaps.amin() > 1e-3  # not a map of zeros, whose mean would be right as well
    torch.testing.assert_close(heatmaps.mean((1, 2, 3)) + bias, logits, rtol=1e-9, atol=1e-9)


def test_is_grad_cam_times_the_number_of_places() -> None:
    """Selvaraju et al. 2017, Sec. 3.1: on such a network Grad-CAM's weights are CAM's, divided by the places."""
    torch.manual_seed(0)
    model = _lively(models.load("resnet18", "random").model).double()
    images, classes = torch.randn(2, 3, 96, 64, dtype=torch.float64), torch.tensor([5, 900])
    kept = {}
    handle = model.layer4.register_forward_hook(lambda _, __, output: kept.update(maps=output))
    logits = model(images)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), kept["maps"])
    weights = gradient.mean((2, 3), keepdim=True)
    grad_cam = (weights * kept["maps"]).sum(1, keepdim=True).detach()
    assert grad_cam.shape[2:] == (3, 2)
    torch.testing.assert_close(cam(model, images, classes), grad_cam * 6)


def test_batch_of_different_classes_equals_one_by_one() -> None:
    model = networks.load("gap-scenes", 0).double()
    images = torch.from_numpy(scenes.load(6, 0).images).double() / 255
    classes = torch.arange(6)
    one_by_one = [cam(model, images[i : i + 1], classes[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(cam(model, images, classes), torch.cat(one_by_one))


def test_layer_by_hand_equals_the_layer_found() -> None:
    model = networks.load("gap-scenes", 0)
    images = torch.from_numpy(scenes.load(2, 0).images) / 255
    classes = torch.tensor([0, 9])
    assert torch.equal(cam(model, images, classes, model.features), cam(model, images, classes))


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was_found(fails: bool) -> None:
    model = Small().train()
    model.normalisation.eval()  # mixed modes: a frozen BatchNorm in a model that trains
    model.convolution.weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    images = torch.randn(2, 3, 8, 8)
    if fails:
        with pytest.raises(ClassesError):
            cam(model, images, torch.tensor([0, 4]), model.in_place)
    else:
        first, second = (cam(model, images, torch.tensor([0, 3]), model.in_place) for _ in range(2))
        assert torch.equal(first, second)  # no dropout: it was evaluated, although it trains
        assert not first.requires_grad
    assert [m.training for m in (model, model.normalisation, model.dropout)] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True, True, True]
    assert all(p.grad is None for p in model.parameters())
    assert all(not m._forward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_frozen_parameters_are_no_obstacle() -> None:
    model = Small().eval().requires_grad_(False)
    images, classes = torch.randn(1, 3, 4, 4), torch.tensor([1])
    assert torch.equal(cam(model, images, classes), cam(Small().eval(), images, classes))


def test_a_layer_whose_maps_are_not_pooled_is_refused() -> None:
    """An in-place ReLU overwrites what the normalisation returned; a plain hook would take the overwritten values, and
    call a layer fit that is not."""
    model = Small().eval()
    with pytest.raises(LayerError):
        cam(model, torch.randn(1, 3, 8, 8), torch.tensor([0]), model.normalisation)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)),
        nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2), nn.Softmax(1)),
    ],
    ids=["max pooling", "no linear layer", "hidden layer", "pooling to 2x2", "softmax at the end"],
)
def test_other_networks_are_refused(model: nn.Module) -> None:
    torch.manual_seed(0)
    with pytest.raises(LayerError):
        cam(model, torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))


def test_a_large_bias_does_not_hide_a_network_that_does_not_fit() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Sigmoid(), nn.Linear(3, 2))
    nn.init.constant_(model[3].bias, 1e4)
    with pytest.raises(LayerError):
        cam(model, torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    "classes",
    [
        torch.tensor([0]),
        torch.tensor([0, 4]),
        torch.tensor([-1, 0]),
        torch.tensor([0.0, 1.0]),
        torch.tensor([[0], [1]]),
    ],
    ids=["too few", "too large", "negative", "not whole", "a column"],
)
def test_classes_that_do_not_fit_are_refused(classes: Tensor) -> None:
    with pytest.raises(ClassesError):
        cam(Small(), torch.randn(2, 3, 8, 8), classes)


def test_a_layer_of_another_model_is_refused() -> None:
    with pytest.raises(LayerError):
        cam(Small(), torch.randn(1, 3, 8, 8), torch.tensor([0]), Small().in_place)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_the_same_on_a_gpu() -> None:
    model, images, classes = networks.load("gap-scenes", 0), torch.rand(2, 3, 64, 64), torch.tensor([1, 2])
    expected = cam(model, images, classes)
    found = cam(model.cuda(), images.cuda(), classes).cpu()  # classes may stay behind
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def _lively(model: nn.Module) -> nn.Module:
    """Random weights whose signal neither dies out nor explodes: BatchNorm as it is after some training."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(8, 3, 64, 64))
        for parameter in list(model.parameters())[-2:]:
            parameter.normal_()
    return model.eval()
