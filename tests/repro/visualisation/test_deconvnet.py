"""The deconvnet against its three operations in loops, hand-made numbers, the transposes that it is made of, and what
people use.
"""

import copy
import itertools
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine import chain
from repro.engine.errors import GradientError, LayerError, NoRuleError, OptionsError, UnitsError
from repro.engine.units import receptive_fields
from repro.lab import models, networks, scenes
from repro.visualisation.deconvnet import deconvnet, filtered, strongest, unpooled


def images_of(count: int, size: int = 23, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Overlapping pooling as AlexNet's, strides, padding; ReLUs in every way; a normalisation and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 5, 5, stride=2, padding=1)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)
        self.second = nn.Conv2d(5, 4, 3, padding=1)
        self.dropout, self.linear, self.last = nn.Dropout(), nn.Linear(16, 6), nn.Linear(6, 4)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(self.relu(self.first((images - 0.5) / 0.25)))
        maps = functional.max_pool2d(functional.relu(self.second(maps), inplace=True), 2, 2)
        return self.last(torch.relu_(self.linear(self.dropout(maps.flatten(1)))))


def slow_unpooled(signal: Tensor, below: Tensor, kernel: int, stride: int) -> Tensor:
    """Each value to the maximum of its region of the layer below, one number at a time."""
    result = torch.zeros_like(below)
    for b, c, i, j in itertools.product(*(range(n) for n in signal.shape)):
        best = max(
            itertools.product(range(kernel), range(kernel)),
            key=lambda at: below[b, c, i * stride + at[0], j * stride + at[1]].item(),
        )
        result[b, c, i * stride + best[0], j * stride + best[1]] += signal[b, c, i, j]
    return result


def slow_filtered(signal: Tensor, weight: Tensor, size: int, stride: int, padding: int) -> Tensor:
    """Each value paints its filter into the layer below: what flipping the filters comes to."""
    kernel = weight.shape[2]
    padded = torch.zeros(len(signal), weight.shape[1], size + 2 * padding, size + 2 * padding, dtype=signal.dtype)
    for b, c, i, j in itertools.product(*(range(n) for n in signal.shape)):
        padded[b, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += (
            signal[b, c, i, j] * weight[c]
        )
    return padded[:, :, padding : size + padding, padding : size + padding]


def slow_deconvnet(net: Net, images: Tensor, layer: str, channels: list[int]) -> Tensor:
    """Sec. 2.1 of Zeiler and Fergus 2014, from the layer down, without autograd."""
    size = images.shape[2]
    one = net.first((images - 0.5) / 0.25).clamp(min=0)
    two = functional.max_pool2d(one, 3, 2)
    three = net.second(two).clamp(min=0)
    four = functional.max_pool2d(three, 2, 2)
    outputs = {"pool": two, "second": net.second(two), "linear": net.linear(four.flatten(1)), "last": None}
    outputs["last"] = net.last(outputs["linear"].clamp(min=0))
    signal = torch.zeros_like(outputs[layer])
    for b, channel in enumerate(channels):
        values = outputs[layer][b, channel].flatten()
        signal[b, channel].view(-1)[values.argmax()] = values.max()
    if layer == "last":
        signal = (signal @ net.last.weight).clamp(min=0)
    if layer in ("last", "linear"):
        signal = slow_unpooled((signal @ net.linear.weight).view_as(four), three, 2, 2).clamp(min=0)
    if layer in ("last", "linear", "second"):
        signal = slow_filtered(signal, net.second.weight, two.shape[2], 1, 1)
    signal = slow_unpooled(signal, one, 3, 2).clamp(min=0)
    return slow_filtered(signal, net.first.weight, size, 2, 1) / 0.25


def test_numbers_worked_out_by_hand() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, (1, 2), bias=False), nn.ReLU(), nn.MaxPool2d((1, 2)))
    net[0].weight.data = torch.tensor([[[[2.0, -1.0]]]])
    images = torch.tensor([[[[3.0, 1.0, 4.0, 1.0, 5.0]]]])
    # 2a - b: 5 -2 7 -3, rectified 5 0 7 0, pooled 5 7; 7 goes back to the third place, and there is 7 times the filter
    assert deconvnet(net, images, net[2], [0]).tolist() == [[[[0.0, 0.0, 14.0, -7.0, 0.0]]]]
    at_first = deconvnet(net, images, net[2], [0], torch.tensor([[0, 0]]))
    assert at_first.tolist() == [[[[10.0, -5.0, 0.0, 0.0, 0.0]]]]


def test_the_signal_is_rectified_and_the_gradients_mask_is_not_used() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, 1, 1, bias=False))
    net[0].weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    net[2].weight.data = torch.tensor([-1.0, 3.0]).view(1, 2, 1, 1)
    image = torch.tensor([[[[-2.0]]]])  # to the hidden units -2 and 2; to the unit 6
    assert deconvnet(net, image, net[2], [0]).item() == -18  # 6 times 3 through the second; -6 to the first is cut
    net[2].weight.data = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)
    assert deconvnet(net, image, net[2], [0]).item() == -12  # the first was off, and yet what it is sent passes: 6 - 18


@pytest.mark.parametrize("layer", ["pool", "second", "linear", "last"])
def test_equals_the_three_operations_in_loops(layer: str) -> None:
    net, images, channels = Net().eval(), images_of(3), [2, 0, 3]
    with torch.no_grad():
        expected = slow_deconvnet(net, images, layer, channels)
    found = deconvnet(net, images, net.get_submodule(layer), channels)
    assert expected.abs().amax((1, 2, 3)).min() > 0
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_unpooling_is_the_transpose_of_pooling_by_its_switches(kernel: int, stride: int) -> None:
    below = images_of(2, 9)
    pooled, switches = functional.max_pool2d(below, kernel, stride, return_indices=True)
    signal, other = torch.randn_like(pooled), torch.randn_like(below)
    found = unpooled(signal, switches, below.shape)
    picked = other.flatten(2).gather(2, switches.flatten(2)).view_as(pooled)  # pooling, its switches held
    assert abs(float((picked * signal).sum() - (other * found).sum())) < 1e-12 * float(signal.norm() * other.norm())
    torch.testing.assert_close(found, slow_unpooled(signal, below, kernel, stride))
    theirs = functional.max_unpool2d(signal, switches, kernel, stride, output_size=below.shape[2:])
    assert torch.equal(found, theirs) == (kernel == stride)  # it keeps one of the values that share a place


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 1, 1, 1), (3, 1, 1, 2), (1, 2, 2, 1), (2, 2, 3, 2)]
)
def test_filtering_is_the_transpose_of_the_convolution(stride: int, padding: int, dilation: int, groups: int) -> None:
    convolution = nn.Conv2d(4, 6, 3, stride, padding, dilation, groups, bias=False).double()
    below = images_of(2, 11, 4)
    above = convolution(below).detach()
    signal = torch.randn_like(above)
    (step,), _ = chain.record(nn.Sequential(convolution), below, convolution)
    found = filtered(signal, step)
    assert abs(float((above * signal).sum() - (below * found).sum())) < 1e-12 * float(above.norm() * signal.norm())
    if dilation == groups == 1:
        padded = slow_filtered(signal, convolution.weight.detach(), 11, stride, padding)
        torch.testing.assert_close(found, padded)


@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_equals_captum_and_zennit_from_a_logit(name: str, require_module) -> None:
    """Where every ReLU is a module.  They start from 1 where the deconvnet starts from the activation."""
    attr = require_module("captum.attr", "pip install captum")
    torchvision = models.torchvision()
    composites = require_module("zennit.composites", "pip install zennit")
    torch.manual_seed(0)
    features = torchvision.models.get_model(name).features
    with torch.no_grad():
        width = features(torch.zeros(1, 3, 64, 64)).numel()
    model = nn.Sequential(features, nn.Flatten(), nn.Linear(width, 10)).double().eval()
    images = images_of(2, 64)
    with torch.no_grad():
        logits, best = model(images).max(1)
    ours = deconvnet(model, images, model[2], best) / logits[:, None, None, None]
    theirs = _captum(attr, model, images, best)
    tolerance = 1e-10 * float(theirs.abs().max())
    assert logits.min() > 0
    assert theirs.abs().amax((1, 2, 3)).min() > 0
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=tolerance)
    pixels, other = images.clone().requires_grad_(), copy.deepcopy(model)
    for relu in (layer for layer in other.modules() if isinstance(layer, nn.ReLU)):
        relu.inplace = False
    with composites.DeconvNet().context(other) as changed:
        (third,) = torch.autograd.grad(changed(pixels).gather(1, best[:, None]).sum(), pixels)
    torch.testing.assert_close(ours, third, rtol=1e-10, atol=tolerance)


def test_captum_keeps_the_gradient_at_relus_that_are_functions(require_module) -> None:
    attr = require_module("captum.attr", "pip install captum")
    net, images = Net().eval(), images_of(2)
    with torch.no_grad():
        logits = net(images)
        best = logits.argmax(1)
    ours = deconvnet(net, images, net.last, best) / logits.amax(1)[:, None, None, None]
    theirs = _captum(attr, net, images, best)
    assert logits.amax(1).min() > 0
    assert float((ours - theirs).abs().max() / ours.abs().max()) > 0.05


def _captum(attr, model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it sets hooks
        return (
            attr.Deconvolution(copy.deepcopy(model)).attribute(images.clone().requires_grad_(), target=classes).detach()
        )


def test_different_units_in_one_batch_equal_one_by_one_and_scale_with_the_activation() -> None:
    net, images, channels = Net().eval(), images_of(4), torch.tensor([3, 1, 0, 2])
    positions = torch.tensor([[0, 1], [4, 4], [2, 3], [1, 0]])
    together = deconvnet(net, images, net.pool, channels, positions)
    for i in range(4):
        alone = deconvnet(net, images[i : i + 1], net.pool, channels[i : i + 1], positions[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)
    single = Net().eval()
    with torch.no_grad():
        single.second.bias.zero_()
        single.second.weight.mul_(2)
    twice = deconvnet(single, images, single.second, channels % 4)
    with torch.no_grad():
        single.second.weight.div_(2)
    once = deconvnet(single, images, single.second, channels % 4)
    torch.testing.assert_close(twice, 4 * once)  # twice the activation, sent back through twice the filter


@pytest.mark.parametrize("layer", ["0", "2", "3", "5", "6"])
def test_a_unit_sees_its_receptive_field_and_nothing_else(layer: str) -> None:
    """By trial: with positive weights, and pooling that takes the mean, every pixel of the field changes the unit."""

    def net(pooling) -> nn.Sequential:
        convolutions = (
            nn.Conv2d(1, 1, 5, 2, 1),
            nn.Conv2d(1, 1, (3, 2), (1, 2), (0, 1)),
            nn.Conv2d(1, 1, 3, padding=2, dilation=2),
        )
        layers = [convolutions[0], nn.ReLU(), pooling(3, 2), convolutions[1], nn.ReLU(), pooling(2, 1), convolutions[2]]
        for parameter in (parameter for convolution in convolutions for parameter in convolution.parameters()):
            nn.init.constant_(parameter, 0.5)
        return nn.Sequential(*layers).double()

    pixels, maximum = torch.rand(1, 1, 40, 36, dtype=torch.float64, requires_grad=True), net(nn.MaxPool2d)
    maps = net(nn.AvgPool2d)[: int(layer) + 1](pixels)
    height, width = maps.shape[2:]
    positions = torch.tensor([[0, 0], [height // 2, width - 1], [height - 1, width // 2]])
    boxes = receptive_fields(maximum, pixels, maximum[int(layer)], positions)
    for (row, column), (left, top, right, bottom) in zip(positions.tolist(), boxes.tolist(), strict=True):
        (gradient,) = torch.autograd.grad(maps[0, 0, row, column], pixels, retain_graph=True)
        inside = torch.zeros(40, 36, dtype=torch.bool)
        inside[top:bottom, left:right] = True
        assert torch.equal(gradient[0, 0] > 0, inside)


def test_receptive_fields_of_alexnet_are_those_of_its_kernels() -> None:
    model, images = models.load("alexnet", "random").model, torch.rand(1, 3, 224, 224)
    boxes = {}
    for layer, at in (("features.0", 20), ("features.2", 10), ("features.5", 5), ("features.12", 3)):
        (box,) = receptive_fields(model, images, model.get_submodule(layer), torch.tensor([[at, at]])).tolist()
        boxes[layer] = box[0], box[2]
    # 11 pixels from 20 * 4 - 2; 11 + 2 * 4; 19 + 4 * 8 + 2 * 8; and 195, of which the last lies beyond the border
    assert boxes == {"features.0": (78, 89), "features.2": (78, 97), "features.5": (62, 129), "features.12": (30, 224)}
    whole = receptive_fields(model, images, model.get_submodule("classifier.1"), torch.tensor([[0, 0]]))
    assert whole.tolist() == [[0, 0, 224, 224]]


def test_nothing_is_painted_outside_the_receptive_field() -> None:
    net, images = Net().eval(), images_of(5)
    positions = torch.tensor([[0, 0], [1, 2], [3, 3], [2, 0], [3, 1]])
    found = deconvnet(net, images, net.second, [0] * 5, positions)
    boxes = receptive_fields(net, images, net.second, positions).tolist()
    for picture, (left, top, right, bottom) in zip(found, boxes, strict=True):
        assert picture.abs().max() > 0
        picture[:, top:bottom, left:right] = 0
        assert picture.count_nonzero() == 0


def test_strongest_finds_what_sorting_finds() -> None:
    net, images = Net().eval(), images_of(70)  # more than one batch
    with torch.no_grad():
        maps = net.pool(net.first((images - 0.5) / 0.25).relu())
    shares: list[float] = []
    top, reconstructions = strongest(net, images, net.pool, [4, 1], 3, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for k, unit in enumerate((4, 1)):
        order = sorted(range(70), key=lambda i: -maps[i, unit].max().item())[:3]
        assert top.rows[k].tolist() == order
        assert top.channels[k].tolist() == [unit] * 3
        for n, row in enumerate(order):
            place = int(maps[row, unit].argmax())
            at = torch.tensor([[place // maps.shape[3], place % maps.shape[3]]])
            torch.testing.assert_close(top.activations[k, n], maps[row, unit].max())
            assert torch.equal(top.positions[k, n], at[0])
            expected = deconvnet(net, images[row : row + 1], net.pool, [unit], at)[0]
            torch.testing.assert_close(reconstructions[k, n], expected)
            assert torch.equal(top.boxes[k, n], receptive_fields(net, images, net.pool, at)[0])
    flat, _ = strongest(net, images, net.linear, [2], 9)
    assert flat.positions is None
    assert flat.boxes[0].tolist() == [[0, 0, 23, 23]] * 9
    for few, count in ((images[:8], 9), (images, 0), (images, -1)):
        with pytest.raises(OptionsError):
            strongest(net, few, net.pool, [0], count)


class Meeting(nn.Module):
    """Paths that meet: a residual sum, or a gate."""

    def __init__(self, meet) -> None:
        super().__init__()
        self.first, self.end, self.meet = nn.Conv2d(3, 3, 3, padding=1), nn.Identity(), meet
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.meet(images, self.first(images)))


@pytest.mark.parametrize(
    ("net", "layer", "error"),
    [
        (Meeting(lambda a, b: a + b), "end", NoRuleError),
        (Meeting(lambda a, b: torch.cat([a, b], 1)), "end", NoRuleError),
        (Meeting(lambda a, b: a * b.sigmoid()), "end", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)), "1", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU(), nn.Conv2d(2, 2, 1)), "2", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.AvgPool2d(2)), "1", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(7)), "1", NoRuleError),
        (nn.Sequential(nn.ConvTranspose2d(3, 2, 3)), "0", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.LocalResponseNorm(2)), "1", NoRuleError),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(2)), "1", LayerError),
        (Meeting(lambda a, b: torch.ones_like(a)), "end", NoRuleError),
        (Meeting(lambda a, b: torch.ones(2, 3, 4, 4)), "end", GradientError),
    ],
)
def test_what_is_no_plain_chain_is_refused(net: nn.Module, layer: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        deconvnet(net.double().eval(), images_of(2), net.get_submodule(layer), [0, 0])


def test_what_comes_after_the_layer_does_not_matter() -> None:
    model = networks.build("gap-scenes").double()  # ends in an average
    found = deconvnet(model, images_of(1, 64), model.get_submodule("features.5"), [3])
    assert found.shape == (1, 3, 64, 64)


def test_bad_units_are_refused() -> None:
    net, images = Net().eval(), images_of(2)
    for channels in ([0], [], [0, 5], [0, -1], [[0, 1]], torch.tensor([0.0, 1.0]), torch.tensor([True, False])):
        with pytest.raises(UnitsError):
            deconvnet(net, images, net.pool, channels)
    for channels in ([], [5], [-1], [[0, 1]], torch.tensor([0.0])):
        with pytest.raises(UnitsError):
            strongest(net, images, net.pool, channels, 1)
    outside = (torch.tensor([[0, 0], [0, 5]]), torch.tensor([[0, 0], [-1, 0]]), torch.zeros(2, 2), torch.tensor([0, 0]))
    for positions in outside:
        with pytest.raises(UnitsError):
            deconvnet(net, images, net.pool, [0, 1], positions)
        with pytest.raises(UnitsError):
            receptive_fields(net, images, net.pool, positions)
    with pytest.raises(UnitsError):
        deconvnet(net, images, net.pool, [0, 1], torch.tensor([[0, 0]]))
    with pytest.raises(UnitsError):
        deconvnet(net, images, net.linear, [0, 1], torch.tensor([[0, 0], [0, 0]]))
    with pytest.raises(LayerError):
        deconvnet(net, images, nn.ReLU(), [0, 1])


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    net = Net().train()
    net.dropout.eval()
    net.first.weight.requires_grad_(False)
    net.last.bias.grad = torch.ones_like(net.last.bias)
    before = copy.deepcopy(net.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:
            with pytest.raises(UnitsError):
                deconvnet(net, images, net.pool, [0, 9])
        else:
            first, second = (deconvnet(net, images, net.linear, [0, 3]) for _ in range(2))
            assert torch.equal(first, second)
            assert not first.requires_grad
        assert torch.equal(images, kept)
    assert net.training
    assert not net.dropout.training
    assert [p.requires_grad for p in net.parameters()] == [False] + [True] * 7
    assert [p.grad is None for p in net.parameters()] == [True] * 7 + [False]
    assert all(not m._forward_hooks and not m._backward_hooks for m in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_scenes_give_reconstructions_of_the_right_size() -> None:
    model = networks.load("fc-scenes", 0)
    images = torch.from_numpy(scenes.load(2, 0).images) / 255
    assert deconvnet(model, images, model.get_submodule("pool"), [3, 4]).shape == images.shape
