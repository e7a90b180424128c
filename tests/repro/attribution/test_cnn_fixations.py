"""CNN fixations against numbers worked out by hand, a slow second implementation, and where the authors' code goes wrong."""

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.cnn_fixations import cnn_fixations, fixations, without_outliers
from repro.engine.errors import NoRuleError
from repro.lab import networks, photo_panels, scenes


def set_weights(layer: nn.Module, values: Tensor) -> nn.Module:
    with torch.no_grad():
        layer.get_parameter("weight").copy_(values)
    return layer


def test_a_network_by_hand() -> None:
    """One map; class 0 looks left, class 1 right, and both have a weight against what the other looks at."""
    linear = set_weights(nn.Linear(4, 2, bias=False), torch.tensor([[3.0, -1, 2, -1], [-1.0, 3, -1, 2]]))
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), linear)
    set_weights(model[0], torch.ones(1, 1, 1, 1))
    image = torch.tensor([[[[1.0, 1.0], [4.0, 1.0]]]])
    # contributions to class 0: 3, -1, 8, -1, of which only the largest counts; to class 1: -1, 3, -4, 2
    assert fixations(model, image, torch.tensor([0])).tolist() == [[0, 1, 0]]
    assert fixations(model, image, torch.tensor([1])).tolist() == [[0, 0, 1]]


def test_above_fully_connected_layers_all_that_is_positive_counts() -> None:
    hidden = set_weights(nn.Linear(3, 3, bias=False), torch.eye(3))
    last = set_weights(nn.Linear(3, 2, bias=False), torch.tensor([[1.0, -1, 2], [-1.0, 1, -1]]))
    model = nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), last)
    image = torch.tensor([[[[1.0, 1.0, 0.5]]]])
    assert fixations(model, image, torch.tensor([0])).tolist() == [[0, 0, 0], [0, 0, 2]]
    assert fixations(model, image, torch.tensor([1])).tolist() == [[0, 0, 1]]


def slow(model: nn.Module, image: Tensor, target: int) -> list[list[int]]:
    """The steps one unit at a time, for a chain of modules; indices are of (channel, row, column)."""
    parts = [list(model.get_submodule(name).children()) for name in ("features", "classifier")]
    given, layers = [image], [*parts[0], nn.Flatten(0), *parts[1]]
    for layer in layers:
        given.append(layer(given[-1].clone()[None])[0] if not isinstance(layer, nn.Flatten) else given[-1].flatten())
    units: set[tuple[int, ...]] = {(target,)}
    for number in reversed(range(len(layers))):
        layer, below, chosen = layers[number], given[number], set[tuple[int, ...]]()
        for unit in units:
            if isinstance(layer, nn.Linear):
                contributions = below * layer.weight[unit[0]]
                if isinstance(layers[number - 1], nn.Flatten):
                    chosen.add((int(contributions.argmax()),))
                else:
                    chosen |= {(j,) for j in range(len(below)) if contributions[j] > 0}
            elif isinstance(layer, nn.Flatten):
                _, height, width = below.shape
                chosen.add((unit[0] // (height * width), unit[0] // width % height, unit[0] % width))
            elif isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                chosen.add(slow_window(layer, below, unit))
            else:
                chosen.add(unit)
        units = chosen
    return sorted([0, row, column] for _, row, column in units)


def slow_window(layer: nn.Conv2d | nn.MaxPool2d, below: Tensor, unit: tuple[int, ...]) -> tuple[int, int, int]:
    def side(name: str) -> int:
        value = getattr(layer, name)
        return int(value[0] if isinstance(value, tuple) else value)

    kernel, stride, padding = side("kernel_size"), side("stride"), side("padding")
    channel, row, column = unit
    sums: dict[int, float] = {}
    largest: dict[int, tuple[int, int]] = {}
    for k in range(len(below)) if isinstance(layer, nn.Conv2d) else [channel]:
        inside = {}
        for y in range(kernel):
            for x in range(kernel):
                at = row * stride - padding + y, column * stride - padding + x
                if 0 <= at[0] < below.shape[1] and 0 <= at[1] < below.shape[2]:
                    weight = layer.weight[channel, k, y, x] if isinstance(layer, nn.Conv2d) else 1
                    inside[at] = float(below[k][at] * weight)
        sums[k], largest[k] = sum(inside.values()), max(inside, key=inside.__getitem__)
    best = max(sums, key=sums.__getitem__)
    return best, *largest[best]


@pytest.mark.parametrize("name", ["zf-scenes", "vgg-scenes"])
def test_equals_the_slow_one(name: str) -> None:
    model, some = networks.load(name, 0).double(), scenes.one_object(2, 0)
    images, classes = networks.inputs(some.images, some.labels)
    found = fixations(model, images.double(), classes)
    for i, image in enumerate(images.double()):
        with torch.no_grad():
            expected = slow(model, (image - 0.5) / 0.25, int(classes[i]))
        assert sorted([0, *each[1:]] for each in found[found[:, 0] == i].tolist()) == expected


def test_a_window_without_padding_is_where_it_is_and_not_at_its_corner() -> None:
    """The authors' convolution goes on at (S i, S j) with the unpadded input: with AlexNet's first kernel, 11 pixels with
    a stride of 4 and no padding, that is the window's corner.  Here a bright pixel in its middle is found."""
    convolution = set_weights(nn.Conv2d(1, 1, 11, stride=4, bias=False), torch.ones(1, 1, 11, 11))
    model = nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(16, 2, bias=False))
    weight = torch.zeros(2, 16)
    weight[0, 5] = 1  # the unit in row 1, column 1
    set_weights(model[3], weight)
    image, stride, unit = torch.zeros(1, 1, 23, 23), 4, 1
    image[0, 0, 9, 9] = 1
    (found,) = fixations(model, image, torch.tensor([0])).tolist()
    corner = [0, stride * unit, stride * unit]  # what the authors' formula gives
    assert found == [0, 9, 9]
    assert [a - b for a, b in zip(found, corner, strict=True)] == [0, 5, 5]


def test_where_paths_meet_the_larger_is_followed_and_a_batchnorm_counts_with_its_sign() -> None:
    class Meets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = (nn.Conv2d(1, 1, (1, 3), padding=(0, 1), bias=False) for _ in range(2))
            set_weights(self.left, torch.tensor([[[[-1.0, 0, 0]]]]))  # looks one pixel to the left
            set_weights(self.right, torch.tensor([[[[0.0, 0, 1]]]]))
            self.normalisation = nn.BatchNorm2d(1)
            set_weights(self.normalisation, -torch.ones(1))
            self.last = set_weights(nn.Linear(5, 2, bias=False), torch.tensor([[0.0, 0, 1, 0, 0], [0.0, 0, 1, 0, 0]]))

        def forward(self, images: Tensor) -> Tensor:
            out = self.normalisation(self.left(images))
            out += self.right(images)
            logits: Tensor = self.last(out.relu_().flatten(1))
            return logits

    images = torch.tensor([[[[0.0, 3, 0, 1, 0]]], [[[0.0, 1, 0, 3, 0]]]])
    assert fixations(Meets(), images, torch.tensor([0, 1])).tolist() == [[0, 0, 1], [1, 0, 3]]


def test_outliers_have_few_neighbours() -> None:
    crowd, lonely = torch.full((40, 2), 10.0), torch.tensor([[60.0, 60.0]])
    assert without_outliers(torch.cat([crowd, lonely]), 90.0).tolist() == crowd.tolist()
    assert len(without_outliers(torch.cat([crowd[:10], lonely]), 90.0)) == 11  # one is more than 5% of eleven


def test_the_map_is_a_gaussian_around_each_fixation() -> None:
    model = nn.Sequential(nn.Flatten(), set_weights(nn.Linear(100, 2, bias=False), torch.eye(2, 100)))
    heatmap = cnn_fixations(model, torch.ones(1, 1, 10, 10), torch.tensor([1]), sigma=0.1)
    assert heatmap[0, 0, 0, :3].tolist() == pytest.approx(
        [torch.tensor(-0.5).exp().item(), 1, torch.tensor(-0.5).exp().item()]
    )


def test_a_real_network_is_followed_to_its_pixels() -> None:
    """EfficientNet-Lite0: depthwise convolutions, shortcuts, BatchNorm, padding by hand, a mean at the end."""
    points = fixations(photo_panels.network(), photo_panels.view("cat"), torch.tensor([photo_panels.CAT]))
    assert len(points) > 20
    assert points.amin() >= 0
    assert points.amax() < 224


def test_what_has_no_step_is_named() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(NoRuleError):
        fixations(model, torch.rand(1, 3, 8, 8), torch.tensor([0]))
