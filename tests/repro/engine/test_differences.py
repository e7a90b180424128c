"""Multipliers of single operations against their definition, and what is refused."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from repro.engine.differences import Differences, check_rules
from repro.engine.errors import NoRuleError


def multipliers(function, images: Tensor, reference: Tensor, reveal_cancel: bool = False) -> Tensor:
    """Of the sum of what the function returns."""
    pixels = images.clone().requires_grad_()
    with Differences(reveal_cancel) as both:
        with torch.no_grad():
            function(reference.clone())
        both.to_images()
        result = function(pixels)
    check_rules(result)
    return torch.autograd.grad(result.sum(), pixels)[0]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_nonlinearity_sends_back_the_ratio_of_differences() -> None:
    images, reference = random(4, 3), random(4, 3, seed=1)
    for function in (torch.relu, torch.tanh, torch.sigmoid, functional.gelu, torch.exp, torch.abs):
        expected = (function(images) - function(reference)) / (images - reference)
        torch.testing.assert_close(multipliers(function, images, reference), expected)


def test_where_both_are_equal_it_is_the_derivative() -> None:
    images = random(4, 3)
    pixels = images.clone().requires_grad_()
    expected = torch.autograd.grad(pixels.tanh().sum(), pixels)[0]
    torch.testing.assert_close(multipliers(torch.tanh, images, images), expected)
    torch.testing.assert_close(multipliers(torch.tanh, images, images + 1e-12), expected)


def test_one_reference_serves_all_images() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2))
    model = model.double().requires_grad_(False)
    images, reference = random(4, 2, 8, 8), random(1, 2, 8, 8, seed=1)
    for rule in (False, True):
        found = multipliers(model, images, reference, rule)
        torch.testing.assert_close(found, multipliers(model, images, reference.expand(4, 2, 8, 8), rule))


@pytest.mark.parametrize("in_place", ["relu_", "functional", "a view"])
def test_an_operation_in_place_is_the_same(in_place: str) -> None:
    def function(images: Tensor) -> Tensor:
        maps = images * 2
        if in_place == "relu_":
            maps.relu_()
        elif in_place == "functional":
            functional.relu(maps, inplace=True)
        else:
            maps[:, :1].relu_()
            maps[:, 1:].relu_()
        return maps * 3

    images, reference = random(4, 3), random(4, 3, seed=1)
    expected = multipliers(lambda each: (each * 2).relu() * 3, images, reference)
    torch.testing.assert_close(multipliers(function, images, reference), expected)


def test_max_pooling_sends_all_to_one_input_also_where_windows_overlap() -> None:
    """(0, 5, 1) and (0, 2, 3), windows of two: the image wins the first, 5 - 2 over 5 - 2; and the second, 5 - 3 over
    5 - 2.
    """
    images, reference = torch.tensor([0.0, 5, 1]).view(1, 1, 1, 3), torch.tensor([0.0, 2, 3]).view(1, 1, 1, 3)
    found = multipliers(lambda each: functional.max_pool2d(each, (1, 2), 1), images, reference)
    torch.testing.assert_close(found.flatten(), torch.tensor([0, 1 + 2 / 3, 0]))
    found = multipliers(lambda each: functional.max_pool2d(each, (1, 2), 1), reference, images)
    torch.testing.assert_close(found.flatten(), torch.tensor([0, 1 + 2 / 3, 0]))  # likewise if the reference wins


POOLINGS = {
    "margin and dilation": lambda maps: functional.max_pool2d(maps, 3, 2, 1, 2),
    "adaptive": lambda maps: functional.adaptive_max_pool2d(maps, 3),
    "with indices": lambda maps: functional.max_pool2d(maps, 3, return_indices=True)[0],
    "torch's": lambda maps: torch.max_pool2d(maps, 3),
    "of a line": lambda maps: functional.max_pool1d(maps.flatten(2), 5),
    "in space": lambda maps: functional.max_pool3d(maps[:, None], 2),
}


@pytest.mark.parametrize("how", POOLINGS)
def test_max_pooling_of_any_kind_sums(how: str) -> None:
    pool, images, reference = POOLINGS[how], random(2, 3, 9, 9), random(2, 3, 9, 9, seed=1)
    contributions = multipliers(pool, images, reference) * (images - reference)
    torch.testing.assert_close(contributions.sum(), (pool(images) - pool(reference)).sum())


LAYERS = {
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(72, 5)),
    "stride and groups": nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2),
    "same": nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"),
    "transposed": nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1),
}


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Sigmoid(), nn.ReLU(inplace=True)], ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_reveal_cancel_sums_and_has_both_orders(layer: str, activation: nn.Module) -> None:
    """Of the first unit input by input from the definition: negative contributions change with the positive ones."""
    images, reference = random(2, 2, 6, 6), random(2, 2, 6, 6, seed=1)
    linear = LAYERS[layer].double().requires_grad_(False)
    model = nn.Sequential(linear, activation)
    found = multipliers(model, images, reference, True) * (images - reference)
    torch.testing.assert_close(found.sum(), (model(images) - model(reference)).sum().detach())

    unit = multipliers(lambda each: model(each).flatten(1)[:, :1], images[:1], reference[:1], True)
    change, start = (images - reference)[0].flatten(), linear(reference[:1]).flatten()[0].detach()
    pixels = images[:1].clone().requires_grad_()
    w = torch.autograd.grad(linear(pixels).flatten()[0], pixels)[0].flatten()
    z = w * change
    up, down = z.clamp(min=0).sum(), z.clamp(max=0).sum()

    def f(value: Tensor) -> Tensor:
        return activation(value.clone())

    y_up = (f(start + up) - f(start) + f(start + up + down) - f(start + down)) / 2
    y_down = (f(start + down) - f(start) + f(start + up + down) - f(start + up)) / 2
    expected = torch.where(z > 0, z * y_up / up, torch.where(z < 0, z * y_down / down, 0))
    torch.testing.assert_close(unit[0].flatten() * change, expected)


def test_reveal_cancel_follows_copies_and_multiples() -> None:
    layer = LAYERS["same"].double().requires_grad_(False)
    images, reference = random(2, 2, 6, 6), random(2, 2, 6, 6, seed=1)
    expected = multipliers(lambda each: layer(each).relu() * 2, images, reference, True)
    found = multipliers(lambda each: (2 * layer(each).clone()).relu(), images, reference, True)
    torch.testing.assert_close(found, expected)


def test_reveal_cancel_leaves_what_a_shortcut_was_added_to() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 4).double().requires_grad_(False)

    def function(images: Tensor) -> Tensor:
        sums = layer(images)
        sums += images
        return sums.relu()

    images, reference = random(3, 4), random(3, 4, seed=1)
    torch.testing.assert_close(multipliers(function, images, reference, True), multipliers(function, images, reference))


REFUSED = {
    "a product": lambda each: each * each.relu(),
    "an unknown operation": lambda each: each.sin(),
    "a power": lambda each: each**2,
    "other operations for the reference": lambda each: each.relu() if each.requires_grad else each.tanh().relu(),
    "more of them": lambda each: each.relu().relu() if each.requires_grad else each.relu(),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_has_no_rule_is_refused(how: str) -> None:
    with pytest.raises(NoRuleError):
        multipliers(REFUSED[how], random(2, 3), random(2, 3, seed=1))
