"""VisualBackProp against numbers worked out by hand, a slow second implementation, and what it must follow or refuse."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.visualbackprop import averages, enlarged, masks, visualbackprop
from repro.engine import chain
from repro.engine.errors import NoRuleError
from repro.lab import networks, photo_panels, scenes


def ones(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Conv2d:
    """A convolution whose weights are all one."""
    convolution = nn.Conv2d(inputs, outputs, kernel, bias=False, **options)
    nn.init.ones_(convolution.weight)
    return convolution


def images_of(count: int, size: int = 19) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_with_1x1_convolutions_it_is_the_product_of_the_means() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), ones(2, 1, 1), nn.ReLU(), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
    images = torch.tensor([[[[2.0, -4.0, 0.0, 1.0]]]])
    # means after the ReLUs: 1, 2, 0, 0.5; the sum of both channels above: 2, 4, 0, 1
    expected = torch.tensor([[[[2.0, 8.0, 0.0, 0.5]]]]) / 8
    torch.testing.assert_close(visualbackprop(model, images), expected)


def test_a_pixel_spreads_over_the_field_that_it_sees() -> None:
    """Through two 3 by 3 convolutions: the outer product of 1 2 3 2 1 with itself."""
    mask, window = torch.zeros(1, 1, 7, 7), chain.Window(torch.Size((1, 4, 7, 7)), (3, 3), (1, 1), (1, 1), (1, 1))
    mask[0, 0, 3, 3] = 1
    row = torch.tensor([0.0, 1, 2, 3, 2, 1, 0])
    assert torch.equal(enlarged(enlarged(mask, window), window)[0, 0], torch.outer(row, row))


def slow(model: nn.Module, images: Tensor) -> Tensor:
    """Bojarski et al. 2018, layer by layer: each value of a mask is added to all places that its window covers."""
    grids, means, given = [], [], images
    for layer in model.features:
        if not isinstance(layer, nn.ReLU):
            grids.append((layer, given.shape[2:]))
        given = layer(given)
        means.append((len(grids), given.mean(1))) if isinstance(layer, nn.ReLU) else None
    depth, mask = means.pop()
    while depth:
        layer, (height, width) = grids[depth - 1]
        kernel, stride, padding = (layer.kernel_size, layer.stride, layer.padding)
        kernel, stride, padding = (each[0] if isinstance(each, tuple) else each for each in (kernel, stride, padding))
        larger = torch.zeros(len(images), height, width, dtype=images.dtype)
        for y in range(mask.shape[1]):
            for x in range(mask.shape[2]):
                top, left = y * stride - padding, x * stride - padding
                rows, columns = slice(max(top, 0), top + kernel), slice(max(left, 0), left + kernel)
                larger[:, rows, columns] += mask[:, y, x, None, None]
        depth, mask = depth - 1, larger
        if means and means[-1][0] == depth:
            mask = mask * means.pop()[1]
    low, high = mask.amin((1, 2), keepdim=True), mask.amax((1, 2), keepdim=True)
    return ((mask - low) / (high - low))[:, None]


class Net(nn.Module):
    """Strides, padding and overlapping pooling, of which some leave rows over; ReLUs in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 5, 5, stride=2, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.ReLU()]
        layers += [nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 3, 2), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images).mean((2, 3)).relu()


@pytest.mark.parametrize("size", [19, 20, 22])
def test_equals_the_slow_one(size: int) -> None:
    model, images = Net(), images_of(3, size)
    with torch.no_grad():
        torch.testing.assert_close(visualbackprop(model, images), slow(model, images), rtol=1e-10, atol=1e-12)


def test_the_longer_path_counts_where_two_meet() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.short = (
                ones(3, 2, 3, stride=2, padding=1),
                ones(2, 2, 3, padding=1),
                ones(3, 2, 1, stride=2),
            )

        def forward(self, images: Tensor) -> Tensor:
            out = self.second(self.first(images).relu())
            out += self.short(images)
            return functional.relu_(out).mean((2, 3))

    found = averages(Block(), images_of(1).float())
    assert [[window.kernel for window in path] for path, _ in found] == [[(3, 3)], [(3, 3), (3, 3)]]


def test_no_average_of_a_real_network_is_lost() -> None:
    """EfficientNet-Lite0 has 33 ReLU6, and pads by hand before convolutions with a stride."""
    found = averages(photo_panels.network(), photo_panels.view("cat"))
    assert len(found) == 33
    assert masks(found)[-1].shape == (1, 1, 224, 224)
    assert len(averages(networks.load("residual-scenes", 0), torch.from_numpy(scenes.load(1, 0).images) / 255)) == 7


@pytest.mark.parametrize(
    "model",
    [nn.Flatten(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Flatten())],
    ids=["no convolution", "no ReLU"],
)
def test_without_a_relu_there_is_nothing_to_follow(model: nn.Module) -> None:
    with pytest.raises(NoRuleError):
        visualbackprop(model, images_of(1).float())


def test_what_cannot_be_seen_is_refused() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    with pytest.raises(NoRuleError):
        visualbackprop(nn.Sequential(scripted, nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Flatten()), images_of(1).float())
