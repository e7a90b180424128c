"""Linear combinations of filters: sums written out, and the gradient of a network without nonlinearities."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import LayerError, OptionsError, UnitsError
from repro.visualisation.linear_combination import linear_combination

CONTRACT = {"linear_combination": {}}


def stack(*widths: int) -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Linear(below, above).double() for below, above in pairwise(widths)]


def slow(layers: list[nn.Module], unit: int) -> Tensor:
    """From the first layer up, as the method is defined: a unit's picture is the weighted sum of those one layer below."""
    pictures = list(layers[0].weight.detach())
    for layer in layers[1:]:
        pictures = [
            sum(float(w) * each for w, each in zip(row, pictures, strict=True)) for row in layer.weight.detach()
        ]
    return pictures[unit]


def test_it_equals_the_sum_from_below() -> None:
    layers = stack(7, 5, 4, 3)
    found = linear_combination(layers, [2, 0])
    for row, unit in zip(found, (2, 0), strict=True):
        torch.testing.assert_close(row, slow(layers, unit), rtol=0, atol=1e-12)


def test_of_one_layer_it_is_the_filter_and_a_hand_written_case() -> None:
    (layer,) = stack(6, 4)
    assert torch.equal(linear_combination([layer], [3, 1]), layer.weight[[3, 1]])
    lower, upper = nn.Linear(2, 3), nn.Linear(3, 1)
    with torch.no_grad():
        lower.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        upper.weight.copy_(torch.tensor([[2.0, -3.0, 0.5]]))
    assert linear_combination([lower, upper], [0]).tolist() == [[2.5, -2.5]]
    assert linear_combination([lower, upper], [0], strongest=2).tolist() == [[2.0, -3.0]]  # inhibition counts
    assert linear_combination([lower, upper], [0], strongest=1).tolist() == [[0.0, -3.0]]


@pytest.mark.parametrize("stride", [1, 2])
def test_of_convolutions_without_nonlinearities_it_is_the_gradient(stride: int) -> None:
    torch.manual_seed(1)
    layers = [nn.Conv2d(2, 4, 3, stride=stride).double(), nn.Conv2d(4, 3, 2, dilation=2).double()]
    found = linear_combination(layers, [1, 2])
    image = torch.zeros(1, *found.shape[1:], dtype=torch.float64, requires_grad=True)
    outputs = layers[1](layers[0](image))
    assert outputs.shape[2:] == (1, 1)  # as large as the receptive field
    for row, unit in zip(found, (1, 2), strict=True):
        (gradient,) = torch.autograd.grad(outputs[0, unit, 0, 0], image, retain_graph=True)
        torch.testing.assert_close(row, gradient[0])


def test_all_of_the_strongest_are_the_whole_and_a_channel_is_kept_whole() -> None:
    layers = stack(7, 5, 3)
    torch.testing.assert_close(linear_combination(layers, [1], strongest=99), linear_combination(layers, [1]))
    torch.manual_seed(2)
    lower, upper = nn.Conv2d(1, 3, 2).double(), nn.Conv2d(3, 2, 2).double()
    best = int(upper.weight[1].flatten(1).norm(dim=1).argmax())
    found = linear_combination([lower, upper], [1], strongest=1)
    with torch.no_grad():
        upper.weight[1, [k for k in range(3) if k != best]] = 0
    torch.testing.assert_close(found, linear_combination([lower, upper], [1]))


def test_what_cannot_be_is_refused() -> None:
    layers = stack(4, 3, 2)
    for wrong in (
        [],
        [layers[1], layers[0]],
        [nn.ReLU()],
        [nn.Conv2d(2, 2, 1, groups=2)],
        [layers[0], nn.Conv2d(3, 2, 1)],
    ):
        with pytest.raises(LayerError):
            linear_combination(wrong, [0])
    with pytest.raises(UnitsError):
        linear_combination(layers, [2])
    with pytest.raises(OptionsError):
        linear_combination(layers, [0], strongest=0)
