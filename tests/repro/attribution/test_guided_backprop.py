"""Guided backpropagation against numbers worked out by hand, a slow second implementation, and what people use."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.guided_backprop import deconvnet_rule, guided_backprop
from repro.engine import gradients
from repro.engine.errors import ClassesError

BENCHMARK = {
    "guided-backprop": {
        "floor": "to_the_pixels",
        "peers": {
            "captum": ("captum", "GuidedBackprop"),
            "pytorch-grad-cam": ("pytorch_grad_cam_guided",),
            "zennit": ("zennit", "GuidedBackprop"),
        },
        "without": {("pytorch-grad-cam", "", 8): "explains only the first image of a batch"},
    },
    "deconvnet-rule": {
        "floor": "to_the_pixels",
        "ours": lambda s: gradients.pixel_gradient(s.model, s.images, s.classes, deconvnet_rule),
        "peers": {"captum": ("captum", "Deconvolution"), "zennit": ("zennit", "DeconvNet")},
    },
}

WAYS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "functional": functional.relu,
    "functional in place": lambda x: functional.relu(x, inplace=True),
    "functional in place by position": lambda x: functional.relu(x, True),
    "functional.relu_": functional.relu_,
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: torch.clamp_(x, 0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clip": lambda x: torch.clip(x, min=0.0),
}


class Net(nn.Module):
    def __init__(self, relu) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 5, 3, padding=1)
        self.dropout, self.linear, self.relu = nn.Dropout(), nn.Linear(5, 4), relu
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.second(self.relu(self.first(images))))
        return self.linear(self.dropout(maps.mean((2, 3))))


def images_of(count: int, size: int = 5) -> Tensor:
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_guided(net: Net, images: Tensor, classes: list[int]) -> Tensor:
    """Springenberg et al. 2015, Fig. 1c, layer by layer from the top, without autograd."""
    below = net.first(images)
    above = net.second(below.clamp(min=0))
    places = above[0, 0].numel()
    relevance = (net.linear.weight[classes] / places)[:, :, None, None].expand_as(above)
    relevance = torch.where((above > 0) & (relevance > 0), relevance, 0.0)
    relevance = functional.conv_transpose2d(relevance, net.second.weight, padding=1)
    relevance = torch.where((below > 0) & (relevance > 0), relevance, 0.0)
    return functional.conv_transpose2d(relevance, net.first.weight, padding=1)


def test_numbers_worked_out_by_hand() -> None:
    class ByHand(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            a, b = images[:, 0, 0, 0].relu(), images[:, 0, 0, 1].relu()
            hidden = (a - b).relu()  # sends -1 to b, which the rule holds back
            return torch.stack([3 * hidden, -2 * hidden], 1)

    images = torch.tensor([[[[2.0, 1.0]]], [[[1.0, 2.0]]], [[[2.0, 1.0]]]])
    found = guided_backprop(ByHand(), images, torch.tensor([0, 0, 1]))
    # on and positive: 3 to a, nothing to b; the hidden unit is off; the class sends something negative
    assert found.tolist() == [[[[3.0, 0.0]]], [[[0.0, 0.0]]], [[[0.0, 0.0]]]]


@pytest.mark.parametrize("way", WAYS)
def test_equals_the_rule_however_the_relu_is_written(way: str) -> None:
    net, images, classes = Net(WAYS[way]).eval(), images_of(3), [2, 0, 3]
    with torch.no_grad():
        expected = slow_guided(net, images, classes)
    found = guided_backprop(net, images, torch.tensor(classes))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert found.abs().amax() > 0


def test_clamps_that_are_no_relu_keep_their_gradient() -> None:
    for other in (lambda x: x.clamp(0, 6), lambda x: x.clamp(min=-1), functional.relu6, functional.leaky_relu):
        net, images = Net(other).eval(), images_of(2)
        pixels = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(net(pixels)[:, 1].sum(), pixels)
        torch.testing.assert_close(guided_backprop(net, images, torch.tensor([1, 1])), gradient)


def test_nothing_is_held_back_where_all_is_positive() -> None:
    net, images = Net(nn.ReLU()).eval(), images_of(2).abs()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    pixels = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(pixels)[:, 1].sum(), pixels)
    torch.testing.assert_close(guided_backprop(net, images, torch.tensor([1, 1])), gradient)


@pytest.mark.parametrize("name", ["resnet18", "vgg16"])
def test_equals_captum_to_the_last_bit_where_every_relu_is_a_module(name: str, vision, require_module) -> None:
    ours, theirs = _both(name, vision, require_module)
    assert torch.equal(ours, theirs)
    assert ours.abs().amax() > 0


def test_captum_uses_the_plain_gradient_at_densenets_last_relu(vision, require_module) -> None:
    """It is a function call that no hook on a module sees.  With a module in its place captum agrees with us."""
    ours, theirs = _both("densenet121", vision, require_module)
    assert float((ours - theirs).abs().max() / ours.abs().max()) > 0.05

    class WithModule(nn.Module):
        def __init__(self, dense: nn.Module) -> None:
            super().__init__()
            self.features, self.relu, self.classifier = dense.features, nn.ReLU(), dense.classifier
            self.mean, self.std = dense.image_mean, dense.image_std

        def forward(self, images: Tensor) -> Tensor:
            images = (images - self.mean) / self.std
            return self.classifier(self.relu(self.features(images)).mean((2, 3)))

    rewritten = WithModule(copy.deepcopy(vision("densenet121")))
    ours_rewritten, theirs = _both("densenet121", lambda _: rewritten, require_module)
    torch.testing.assert_close(ours_rewritten, ours, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(theirs, ours, rtol=1e-9, atol=1e-12)


def _both(name: str, vision, require_module) -> tuple[Tensor, Tensor]:
    attr = require_module("captum.attr", "pip install captum")
    model, images, classes = vision(name), images_of(2, 64), torch.tensor([3, 7])
    ours = guided_backprop(model, images, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        theirs = attr.GuidedBackprop(copy.deepcopy(model)).attribute(images.clone().requires_grad_(), target=classes)
    return ours, theirs


def test_batch_of_different_classes_equals_one_by_one() -> None:
    net, images, classes = Net(functional.relu).eval(), images_of(4), torch.arange(4)
    one_by_one = [guided_backprop(net, images[i : i + 1], classes[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(guided_backprop(net, images, classes), torch.cat(one_by_one))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    shared = nn.ReLU(inplace=True)  # used twice in one pass
    net = Net(shared).train().requires_grad_(False)
    net.linear.bias.requires_grad_(True)
    before = copy.deepcopy(net.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            with pytest.raises(ClassesError):
                guided_backprop(net, images, torch.tensor([0, 4]))
        else:
            first, second = (guided_backprop(net, images, torch.tensor([0, 3])) for _ in range(2))
            assert torch.equal(first, second)
        assert torch.equal(images, kept)
    assert net.training
    assert net.dropout.training
    assert net.relu is shared
    assert shared.inplace
    assert [p.requires_grad for p in net.parameters()] == [False] * 5 + [True]
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    pixels = images_of(1).requires_grad_()
    net.eval()(pixels).sum().backward()  # the plain gradient again
    expected = slow_guided(net, images_of(1), [0])
    assert not torch.allclose(pixels.grad, expected)
