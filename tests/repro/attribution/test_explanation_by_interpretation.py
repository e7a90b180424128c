"""The units' responses, the choice of units and the maps against slow second implementations; the way back by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.attribution.explanation_by_interpretation import (
    explanation_by_interpretation,
    relevant_units,
    responses,
    unit_maps,
    unit_responses,
)
from repro.engine.errors import ImagesError, LayerError, OptionsError
from repro.engine.strides import Resampled
from repro.lab import networks, scenes

EXAMPLES = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(2))
LABELS = torch.arange(24) % 4
CONTRACT = {"explanation_by_interpretation": {"examples": EXAMPLES, "labels": LABELS}}


def images_of(count: int, size: int = 12) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def chain(stride: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, stride, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).double().eval()


@torch.no_grad()
def test_responses_unit_by_unit() -> None:
    model, images = chain(), images_of(3)
    found, logits = unit_responses(model, images, batch=2)
    torch.testing.assert_close(logits, model(images))
    for image, row in zip(images, found, strict=True):
        maps, slow = image[None], []
        for layer in model[:5]:
            maps = layer(maps)
            if isinstance(layer, nn.ReLU):
                energy = [float((each**2).sum()) for each in maps[0]]
                slow += [each / sum(energy) for each in energy]
        expected = torch.tensor(slow, dtype=torch.float64)
        torch.testing.assert_close(row, expected / expected.square().sum().sqrt())


def test_a_layer_that_is_silent_has_no_response() -> None:
    found = responses([-torch.ones(1, 2, 3, 3), torch.tensor([[[[3.0]], [[4.0]]]])])
    torch.testing.assert_close(found, torch.tensor([[0, 0, 9.0, 16.0]]).double() / (81 + 256) ** 0.5)


def test_planted_units_are_found() -> None:
    """Two classes are made of one unit each; the third is neither, so that both are evidence against it."""
    told = torch.rand(300, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.where(told[:, 3] > 0.6, 0, torch.where(told[:, 8] > 0.6, 1, 2))
    weights = relevant_units(told, labels, 3, penalty=0.05)
    assert weights[0].argmax() == 3
    assert weights[1].argmax() == 8
    assert set(weights[2].nonzero()[:, 0].tolist()) == {3, 8}
    assert (weights[2] <= 0).all()
    assert (weights != 0).sum() <= 6


def slow_map(model: nn.Sequential, image: Tensor, layer: int, unit: int) -> Tensor:
    """Guided backpropagation of one unit's map, layer by layer; of maps after the ReLU ``layer``."""
    values = [image[None]]
    for module in model[: layer + 1]:
        values.append(module(values[-1]))
    signal = torch.zeros_like(values[-1])
    signal[:, unit] = values[-1][:, unit]
    signal = signal * (values[-1] > 0)
    for module, given in zip(reversed(model[:layer]), reversed(values[:-2]), strict=True):
        if isinstance(module, nn.ReLU):
            signal = signal.clamp(min=0) * (given > 0)
        elif isinstance(module, nn.MaxPool2d):
            _, places = functional.max_pool2d(given, 2, return_indices=True)
            signal = functional.max_unpool2d(signal, places, 2, output_size=given.shape)
        else:
            signal = functional.conv_transpose2d(signal, module.weight, None, module.stride, module.padding)
    total = signal.abs().sum(1)[0].detach()
    return (total - total.min()) / (total.max() - total.min())


def test_maps_are_guided_backpropagation_of_the_strongest_weighted_units() -> None:
    model, images = chain(), images_of(2)
    weights = torch.zeros(3, 9, dtype=torch.float64)
    weights[1, [2, 5, 7]] = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    weights[1, 3] = -9.0
    found = unit_maps(model, images, [1, 1], weights, units=4)
    told, _ = unit_responses(model, images)
    for image, row, maps in zip(images, told, found, strict=True):
        strength = {unit: float(row[unit]) * float(weights[1, unit]) for unit in (2, 5, 7)}
        ranked = sorted((unit for unit in strength if strength[unit] > 0), key=lambda unit: -strength[unit])
        assert len(ranked) > 1
        for rank, unit in enumerate(ranked):
            layer, channel = (1, unit) if unit < 4 else (4, unit - 4)
            torch.testing.assert_close(maps[rank], slow_map(model, image, layer, channel), rtol=1e-9, atol=1e-12)
        assert maps[len(ranked) :].abs().max() == 0


def test_the_explanation_is_the_largest_of_the_maps() -> None:
    model, images, examples = chain(), images_of(2), images_of(20)
    labels = model(examples).argmax(1)
    told, _ = unit_responses(model, examples)
    weights = relevant_units(told, labels, 3, penalty=1e-3)
    found = explanation_by_interpretation(model, images, [0, 1], examples, labels, units=2)
    assert torch.equal(found, unit_maps(model, images, [0, 1], weights, units=2).amax(1, keepdim=True))


def test_with_stride_one_resampling_changes_nothing() -> None:
    """On vgg-scenes, which has max poolings but no strides; gap-scenes has strides."""
    one = scenes.one_object(2, 0)
    images, classes = networks.inputs(one.images, one.labels)
    for name, same in (("vgg-scenes", True), ("gap-scenes", False)):
        model = networks.load(name, 0)
        count = unit_responses(model, images)[0].shape[1]
        weights = torch.ones(10, count, dtype=torch.float64)
        with_it, without = (unit_maps(model, images, classes, weights, resample=each) for each in (True, False))
        assert torch.equal(with_it, without) == same


@pytest.mark.parametrize(("padding", "dilation", "groups"), [(0, 1, 1), (1, 1, 2), (2, 2, 1)])
def test_the_way_back_through_a_stride_by_hand(padding: int, dilation: int, groups: int) -> None:
    """The gradient of the convolution with stride 1, of the signal enlarged pixel by pixel; forward as ever."""
    torch.manual_seed(0)
    weight = torch.randn(4, 4 // groups, 3, 3).double()
    given = torch.randn(2, 4, 9, 8).double().requires_grad_()
    options = {"padding": padding, "dilation": dilation, "groups": groups}
    with Resampled():
        found = functional.conv2d(given, weight, stride=(2, 3), **options)
    assert torch.equal(found, functional.conv2d(given, weight, stride=(2, 3), **options))
    signal = torch.randn_like(found)
    whole = functional.conv2d(given, weight, **options)
    rows, columns = whole.shape[2:]
    enlarged = torch.zeros_like(whole)
    for y in range(rows):
        for x in range(columns):
            enlarged[:, :, y, x] = signal[:, :, y * signal.shape[2] // rows, x * signal.shape[3] // columns] / 6
    expected = torch.autograd.grad(whole, given, enlarged)[0]
    torch.testing.assert_close(torch.autograd.grad(found, given, signal)[0], expected)


def test_what_does_not_fit_is_refused() -> None:
    model, images = chain(), images_of(2)
    for units in (0, 10):
        with pytest.raises(OptionsError):
            unit_maps(model, images, [0, 0], torch.ones(3, 9), units=units)
    with pytest.raises(LayerError):
        unit_responses(nn.Sequential(nn.Flatten(), nn.Linear(432, 3)).double(), images)
    with pytest.raises(ImagesError):
        unit_responses(model.half(), images.half())
