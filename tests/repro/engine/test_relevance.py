"""Relevance through every way to write an operation; an operation without a rule is refused."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.lrp import everywhere, lrp, lrp_at
from repro.engine.errors import LayerError, NoRuleError, OptionsError
from repro.engine.relevance_rules import Epsilon, Flat, Zero, ZPlus


class Net(nn.Module):
    """A convolution, whatever is to be tested, and a linear layer over the means of the maps; no biases."""

    def __init__(self, between, channels: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.between, self.last = between, nn.Linear(channels, 3, bias=False)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.between(self, self.first(images)).mean((2, 3)))


def images_of(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


CLASSES = torch.tensor([0, 2])


def added_in_place(net: Net, maps: Tensor) -> Tensor:
    out = net.second(maps.relu())
    out += maps
    return out


def used_before(net: Net, maps: Tensor) -> Tensor:
    return maps * 2 + maps.relu_()


def twice(net: Net, maps: Tensor) -> Tensor:
    return net.second(net.second(maps).relu())


PIECEWISE_LINEAR = {  # LRP-0 is gradient times input, and conserves
    "relu": lambda net, maps: functional.relu(maps),
    "relu in place": lambda net, maps: functional.relu(maps, True),
    "relu in place, not assigned": lambda net, maps: [maps.relu_(), maps][1],
    "clamp": lambda net, maps: maps.clamp(min=0),
    "used before": used_before,
    "leaky": lambda net, maps: functional.leaky_relu(maps, 0.1, True),
    "a layer twice": twice,
    "sum": lambda net, maps: maps.relu() + net.second(maps),
    "torch.add": lambda net, maps: torch.add(maps, net.second(maps)),
    "sum in place": added_in_place,
    "difference": lambda net, maps: maps - net.second(maps.relu()),
    "cat": lambda net, maps: torch.cat([maps.relu(), net.second(maps)], 1)[:, 2:6],
    "chunk, shuffle": lambda net, maps: torch.stack(maps.relu().chunk(2, 1), 2).flatten(1, 2),
    "transpose, view": lambda net, maps: maps.mT.contiguous().view(2, 4, 36, 1).expand(-1, -1, -1, 2),
    "max pooling": lambda net, maps: functional.max_pool2d(maps, 3, 2, 1),
    "with indices": lambda net, maps: functional.max_pool2d(maps, 2, return_indices=True)[0],
    "average": lambda net, maps: functional.avg_pool2d(maps.relu(), 2, ceil_mode=True),
    "adaptive": lambda net, maps: functional.adaptive_avg_pool2d(functional.adaptive_max_pool2d(maps, 4), 3),
    "scaling": lambda net, maps: (maps * 3 / torch.arange(1.0, 5).view(4, 1, 1)).relu(),
    "interpolate": lambda net, maps: functional.interpolate(maps.relu(), scale_factor=2, mode="bilinear"),
    "pad": lambda net, maps: functional.pad(maps, (1, 2, 0, 1)),
    "reflect": lambda net, maps: functional.pad(maps, (1, 2, 2, 1), mode="reflect"),
    "function": lambda net, maps: functional.conv2d(maps.relu(), net.second.weight, groups=1, padding="same"),
    "stride, dilation": lambda net, maps: functional.conv2d(maps, net.second.weight, None, 2, 2, 2),
    "groups": lambda net, maps: functional.conv2d(maps, net.second.weight[:, :1], padding=(1, 0), groups=4),
    "transposed": lambda net, maps: functional.conv_transpose2d(maps, net.second.weight, stride=2, output_padding=1),
    "matmul": lambda net, maps: maps.mT @ net.last.weight[:, :1].expand(3, 6).T,
}


@pytest.mark.parametrize("way", PIECEWISE_LINEAR)
def test_every_way_to_write_it(way: str) -> None:
    net, images = Net(PIECEWISE_LINEAR[way]).eval(), images_of()
    pixels = images.clone().requires_grad_()
    logits = net(pixels).gather(1, CLASSES[:, None])[:, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), pixels)
    found = lrp(net, images, CLASSES, everywhere(Zero()))
    torch.testing.assert_close(found, gradient * images, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(found.sum((1, 2, 3)), logits, rtol=1e-10, atol=1e-12)
    close = lrp(net, images, CLASSES, everywhere(Epsilon(1e-13)))
    torch.testing.assert_close(close, found, rtol=1e-6, atol=1e-8)
    far = lrp(net, images, CLASSES, everywhere(Epsilon(0.5)))
    assert (far - found).abs().max() > 0.01 * found.abs().max()  # the layers' rules are used


@pytest.mark.parametrize(
    "nonlinearity", [torch.tanh, functional.elu, functional.relu6, nn.Hardtanh(-1, 2), nn.ReLU6(True)]
)
def test_a_pointwise_nonlinearity_passes_relevance_on(nonlinearity) -> None:
    net, images = Net(lambda net, maps: nonlinearity(3 * maps)).eval(), images_of()
    logits = net(images).gather(1, CLASSES[:, None])[:, 0]
    found = lrp(net, images, CLASSES, everywhere(Zero()))
    torch.testing.assert_close(found.sum((1, 2, 3)), logits, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule", [Zero(), Epsilon(0.1), ZPlus(), Flat()], ids=str)
@pytest.mark.parametrize("function", [False, True])
def test_batchnorm_is_folded_into_the_convolution_before_it(rule, function: bool) -> None:
    def normalise(net: Net, maps: Tensor) -> Tensor:
        given = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        return functional.relu(functional.batch_norm(maps, *given) if function else norm(maps), True)

    norm = nn.BatchNorm2d(4).double().eval().requires_grad_(False)
    with torch.no_grad():
        for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            value.uniform_(0.5, 1.5)
    net = Net(normalise).eval()
    folded = copy.deepcopy(net)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded.first = nn.Conv2d(3, 4, 3, padding=1).double()
    folded.first.weight.data = net.first.weight * scale.view(-1, 1, 1, 1)
    folded.first.bias.data = norm.bias - norm.running_mean * scale
    folded.between = lambda net, maps: maps.relu()
    composite = lambda layer: rule if layer.first or not isinstance(rule, Flat) else Zero()  # noqa: E731  # one expression
    expected, found = (lrp(each, images_of(), CLASSES, composite) for each in (folded, net))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_shifts_and_scalings_of_the_image_pass_its_relevance_on() -> None:
    plain, images = Net(lambda net, maps: maps.relu()).eval(), images_of()
    mean, std = torch.rand(3, 1, 1, dtype=torch.float64), 0.5 + torch.rand(3, 1, 1, dtype=torch.float64)

    class Normalises(nn.Module):
        def __init__(self, how) -> None:
            super().__init__()
            self.how, self.net = how, plain

        def forward(self, images: Tensor) -> Tensor:
            return self.net(self.how(images))

    ways = (
        lambda x: (x - mean) / std,
        lambda x: x.clone().sub_(mean).div_(std),
        lambda x: torch.cat([(x[:, i : i + 1] - mean[i]) / std[i] for i in range(3)], 1),
        lambda x: torch.stack([x[:, i] * (1 / std[i]) + -mean[i] / std[i] for i in range(3)], 1),
    )
    for rule in (Epsilon(0.1), ZPlus(), Flat()):
        composite = lambda layer, rule=rule: rule if layer.first else Zero()  # noqa: E731  # one expression
        expected = lrp(plain, (images - mean) / std, CLASSES, composite)
        for how in ways:
            torch.testing.assert_close(lrp(Normalises(how).eval(), images, CLASSES, composite), expected)


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(context, tensor: Tensor) -> Tensor:
        return tensor * 2

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return gradient * 2


REFUSED = {
    "softmax": lambda net, maps: maps.softmax(1),
    "gelu": lambda net, maps: functional.gelu(maps),
    "silu": lambda net, maps: functional.silu(maps, inplace=True),
    "hardswish": lambda net, maps: functional.hardswish(maps),
    "sigmoid": lambda net, maps: maps.sigmoid(),
    "layer_norm": lambda net, maps: functional.layer_norm(maps, (6, 6)),
    "group_norm": lambda net, maps: functional.group_norm(maps, 2),
    "product of two parts": lambda net, maps: maps * maps.mean((2, 3), keepdim=True),
    "div": lambda net, maps: maps / maps.abs().sum(),
    "statistics from the images": lambda net, maps: functional.batch_norm(maps, None, None, training=True),
    "__setitem__": lambda net, maps: [maps.__setitem__((slice(None), 0), maps[:, 1]), maps][1],
    "Custom": lambda net, maps: Custom.apply(maps).relu(),
    "leave out 0": lambda net, maps: maps.clamp(1, 2),
    "matmul": lambda net, maps: maps @ maps,
    "weights depend on the image": lambda net, maps: functional.conv2d(maps, maps[:1, :, :3, :3]),
    "exp": lambda net, maps: maps.exp(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_without_a_rule_is_refused(name: str) -> None:
    with pytest.raises(NoRuleError):
        lrp(Net(REFUSED[name]).eval(), images_of(), CLASSES)


def test_a_scripted_part_is_refused() -> None:
    scripted = torch.jit.trace(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()).double(), torch.rand(1, 4, 6, 6).double())
    with pytest.raises(NoRuleError):
        lrp(Net(lambda net, maps: scripted(maps)).eval(), images_of(), CLASSES)


def test_an_input_that_was_overwritten_is_refused() -> None:
    def overwrites(net: Net, maps: Tensor) -> Tensor:
        seen = net.second(maps)
        maps.mul_(2)
        return seen + maps

    with pytest.raises(NoRuleError):
        lrp(Net(overwrites).eval(), images_of(), CLASSES)


def test_rules_for_the_first_layer_are_refused_elsewhere() -> None:
    with pytest.raises(OptionsError):
        lrp(Net(lambda net, maps: maps).eval(), images_of(), CLASSES, everywhere(Flat()))


def test_a_composite_sees_where_a_layer_is() -> None:
    seen = []

    def composite(layer):
        seen.append((layer.kind, layer.position, layer.count, layer.first, layer.nonnegative))
        return Zero()

    lrp(Net(lambda net, maps: net.second(maps.relu())).eval(), images_of(), CLASSES, composite)
    kinds = [("linear", 2, 3, False, False), ("convolution", 1, 3, False, True), ("convolution", 0, 3, True, False)]
    assert seen == kinds


def test_relevance_at_a_layer_does_not_change_what_arrives() -> None:
    norm = nn.BatchNorm2d(4).double().eval()
    net, images = Net(lambda net, maps: norm(maps).relu_()).eval(), images_of()
    net.norm = norm
    at_norm, at_last = lrp_at(net, images, CLASSES, [net.norm, net.last])
    assert at_norm.shape == (2, 4, 6, 6)
    torch.testing.assert_close(at_last.sum(1), net(images).gather(1, CLASSES[:, None])[:, 0])
    with pytest.raises(LayerError):
        lrp_at(net, images, CLASSES, [net.first])
