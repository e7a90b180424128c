"""Deep visual explanation against both equations with the transform written out, single frequencies, and limits."""

import cmath
import math

import pytest
import torch
from torch import Tensor, nn

from repro.attribution.deep_visual_explanation import both_scales, deep_visual_explanation, filtered
from repro.engine.errors import LayerError, OptionsError

BENCHMARK = {
    "deep_visual_explanation": {
        "floor": "forward",
        "ours": lambda s: deep_visual_explanation(s.model, s.images, s.last),
        "peers": {},
    }
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.maps(images).mean((2, 3)))


def images_of(count: int, size: int = 6) -> Tensor:
    return torch.rand(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def slow_low_pass(values: list[list[float]], width: float) -> list[list[float]]:
    """One map: reflected, transformed frequency by frequency as the notes write it, weighted, and transformed back."""
    size = len(values)
    order = [abs(k) if abs(k) < size else 2 * size - 2 - k for k in range(1 - size, 2 * size - 1)]
    whole, n = [[values[y][x] for x in order] for y in order], len(order)
    turn = [[cmath.exp(-2j * math.pi * u * k / n) for k in range(n)] for u in range(n)]
    rows = [[sum(whole[k][j] * turn[v][j] for j in range(n)) for v in range(n)] for k in range(n)]
    spectrum = [[sum(rows[k][v] * turn[u][k] for k in range(n)) for v in range(n)] for u in range(n)]
    for u in range(n):
        for v in range(n):
            squared = (min(u, n - u) ** 2 + min(v, n - v) ** 2) / n**2
            spectrum[u][v] *= math.exp(-squared / (2 * width**2))
    back = [[sum(spectrum[u][v] * turn[v][j].conjugate() for v in range(n)) for j in range(n)] for u in range(n)]
    whole = [
        [sum(back[u][j] * turn[u][k].conjugate() for u in range(n)).real / n**2 for j in range(n)] for k in range(n)
    ]
    return [row[size - 1 : 2 * size - 1] for row in whole[size - 1 : 2 * size - 1]]


def slow_both(values: Tensor, low: float, high: float) -> Tensor:
    kept, lost = (torch.tensor(slow_low_pass(values.tolist(), each), dtype=torch.float64) for each in (low, high))
    return kept * (values - lost)


@pytest.mark.parametrize("targeted", [False, True])
def test_equals_the_equations(targeted: bool) -> None:
    net, images = Net(), images_of(1)
    found = deep_visual_explanation(net, images, low=0.1, high=0.2, targeted=targeted)
    with torch.no_grad():
        expected = sum(slow_both(each, 0.1, 0.2) for each in net.maps(images)[0])
    expected = slow_both(expected, 0.1, 0.2) if targeted else expected
    torch.testing.assert_close(found[0, 0], expected, rtol=1e-9, atol=1e-12)
    assert found.abs().max() > 1e-5


@pytest.mark.parametrize("cycles", [0, 1, 2, 3])
def test_a_single_frequency_is_weakened_as_the_gaussian_says(cycles: int) -> None:
    """A cosine with its crests on the borders is reflected into itself; in the middle its cut end is far away."""
    size, width = 9, 0.1
    frequency = cycles / (2 * (size - 1))
    wave = torch.cos(2 * math.pi * frequency * torch.arange(size, dtype=torch.float64)).expand(1, 1, size, size)
    middle = (..., slice(4, 5), slice(3, 6))
    gain = math.exp(-(frequency**2) / (2 * width**2))
    torch.testing.assert_close(filtered(wave, width)[middle], gain * wave[middle], rtol=0, atol=0.02)


def test_a_flat_map_has_no_high_frequencies_and_a_wide_gaussian_keeps_all() -> None:
    maps = images_of(2)
    flat = torch.full_like(maps, 0.7)
    torch.testing.assert_close(filtered(flat, 0.1), flat)
    assert both_scales(flat, 0.1, 0.1).abs().max() < 1e-12
    torch.testing.assert_close(filtered(maps, 1e4), maps)
    assert both_scales(maps, 0.1, 1e4).abs().max() < 1e-6


def test_it_is_of_no_class_and_grows_with_the_square_of_the_maps() -> None:
    net, images = Net(), images_of(2)
    before = deep_visual_explanation(net, images)
    with torch.no_grad():
        net.linear.weight.neg_()
        torch.testing.assert_close(deep_visual_explanation(net, images), before)
        for each in net.maps.parameters():
            each.mul_(3)
    torch.testing.assert_close(deep_visual_explanation(net, images), 9 * before)


@pytest.mark.parametrize("options", [{"low": 0.0}, {"high": -1.0}])
def test_widths_that_do_not_fit_are_refused(options) -> None:
    with pytest.raises(OptionsError):
        deep_visual_explanation(Net(), images_of(1), **options)


def test_a_layer_without_maps_is_refused() -> None:
    net = Net()
    with pytest.raises(LayerError):
        deep_visual_explanation(net, images_of(1), net.linear)
