"""First-layer filters against gratings of a known direction, weights folded by hand, and sums written out."""

import math

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import LayerError
from repro.lab import networks
from repro.lab.controls import as_smooth, shuffled
from repro.visualisation.first_layer_filters import by_orientation, described, first_layer_filters


def gratings(orientations: list[float], frequency: float, side: int = 15) -> Tensor:
    """Gabor filters: stripes of these directions, in degrees anticlockwise, under a round window; ``(K, 3, side, side)``."""
    places = torch.arange(side).double() - side // 2
    down, across = torch.meshgrid(places, places, indexing="ij")
    found = []
    for degrees in orientations:
        radians = math.radians(degrees)
        beside = across * math.sin(radians) + down * math.cos(radians)  # distance from the stripe through the middle
        found.append((2 * math.pi * frequency * beside).sin() * (-(down**2 + across**2) / (2 * 3.5**2)).exp())
    return torch.stack(found)[:, None].expand(-1, 3, -1, -1)


@pytest.mark.parametrize("frequency", [0.15, 0.25, 0.35])
def test_gratings_have_their_direction_and_frequency(frequency: float) -> None:
    degrees = [0.0, 20.0, 45.0, 90.0, 120.0, 155.0]
    found = described(gratings(degrees, frequency))
    apart = (found.orientation - torch.tensor(degrees) + 90) % 180 - 90
    assert apart.abs().max() < 2
    torch.testing.assert_close(found.frequency, torch.full((6,), frequency).double(), rtol=0.05, atol=0)
    assert (found.selectivity > 0.8).all()
    assert ((found.smoothness > 0.5) == (frequency < 0.2)).all() or frequency == 0.25
    assert found.colour.abs().max() < 1e-12


def test_each_number_is_that_of_sums_over_frequencies() -> None:
    weights = torch.randn(3, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = described(weights)
    for number, one in enumerate(weights):
        total, low, turned, largest = 0.0, 0.0, 0j, (0.0, 0.0)
        for u in range(-32, 32):
            for v in range(-32, 32):
                radius = math.hypot(u, v) / 64
                if not 0 < radius <= 0.5:
                    continue
                waves = torch.tensor(
                    [[-2 * math.pi * (u * y + v * x) / 64 for x in range(5)] for y in range(4)], dtype=torch.float64
                )
                power = float(((one * waves.cos()).sum((1, 2)) ** 2 + (one * waves.sin()).sum((1, 2)) ** 2).sum())
                turned += power * complex(math.cos(2 * math.atan2(-u, v)), math.sin(2 * math.atan2(-u, v)))
                total, low = total + power, low + power * (radius < 0.25)
                largest = max(largest, (round(power, 9), radius))
        assert float(found.selectivity[number]) == pytest.approx(abs(turned) / total, abs=1e-10)
        assert float(found.smoothness[number]) == pytest.approx(low / total, abs=1e-10)
        assert float(found.frequency[number]) == pytest.approx(largest[1], abs=1e-12)


def test_colour_is_0_for_grey_and_1_if_the_colours_cancel() -> None:
    grey, opponent, red = torch.ones(3, 2, 2), torch.tensor([1.0, -1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    filters = torch.stack([grey, *(each[:, None, None].expand(3, 2, 2) for each in (opponent, red)), 0 * grey])
    found = described(filters)
    torch.testing.assert_close(found.colour, torch.tensor([0.0, 1.0, 2 / 3, 0.0]))
    assert found.selectivity[3] == 0  # a dead filter prefers nothing


def test_a_turned_filter_is_turned_and_nothing_else() -> None:
    weights = torch.randn(5, 3, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before, after = described(weights), described(weights.rot90(1, (2, 3)))
    torch.testing.assert_close((before.orientation + 90) % 180, after.orientation, rtol=0, atol=1e-8)
    for name in ("selectivity", "frequency", "smoothness", "colour"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), rtol=1e-9, atol=1e-12)


class Normalised(nn.Module):
    """A normalisation of the input, a convolution and BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.norm = nn.Conv2d(3, 4, (3, 5), 2, (1, 0), dilation=(1, 2)), nn.BatchNorm2d(4)
        self.norm.running_var = torch.rand(4) + 0.5
        nn.init.normal_(self.norm.weight)
        self.head = nn.Linear(4, 2)
        self.register_buffer("spread", torch.tensor([0.2, 0.25, 0.5])[:, None, None])
        self.double().eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.convolution((images - 0.5) / self.spread)).relu_().mean((2, 3)))


def test_a_normalisation_is_undone_and_batch_normalisation_folded_in() -> None:
    model = Normalised()
    found = first_layer_filters(model, shape=(3, 20, 20))
    scale = model.norm.weight / (model.norm.running_var + model.norm.eps).sqrt()
    folded = model.convolution.weight * scale[:, None, None, None] / model.spread
    assert found.weights.shape == (4, 3, 3, 9)  # a dilated filter has gaps
    torch.testing.assert_close(found.weights[..., ::2], folded.detach(), rtol=1e-12, atol=1e-14)
    assert not found.weights[..., 1::2].any()
    # and it is what the first layer computes at one place
    image = torch.rand(1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    grey = torch.full_like(image, 0.5)
    maps = [model.norm(model.convolution((each - 0.5) / model.spread)) for each in (image, grey)]
    by_hand = ((image - grey)[0, :, 7:10, 6:15] * found.weights).sum((1, 2, 3))  # of the unit in row 4, column 3
    torch.testing.assert_close((maps[0] - maps[1])[0, :, 4, 3], by_hand, rtol=1e-10, atol=1e-12)


def test_the_filters_of_a_plain_network_are_its_weights() -> None:
    lenet, scenes = networks.build("lenet-mnist"), networks.build("zf-scenes")
    torch.testing.assert_close(first_layer_filters(lenet, shape=(1, 28, 28)).weights, lenet.features[0].weight.data)
    torch.testing.assert_close(
        first_layer_filters(scenes, shape=(3, 64, 64)).weights, 4 * scenes.features[0].weight.data
    )


def test_same_padding_is_understood() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 5, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(200, 2)).double()
    torch.testing.assert_close(first_layer_filters(model, shape=(3, 10, 10)).weights, model[0].weight.detach())


def test_the_order_goes_by_direction_and_from_coarse_to_fine() -> None:
    filters = described(torch.cat([gratings([90.0, 1.0], 0.3), gratings([179.0, 92.0], 0.15)]))
    assert by_orientation(filters).tolist() == [2, 1, 3, 0]


def test_what_has_no_first_filters_is_refused() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    blurred = nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(128, 2))
    for model, side in ((linear, 4), (blurred, 10)):
        with pytest.raises(LayerError):
            first_layer_filters(model, shape=(3, side, side))


def test_the_controls_keep_what_they_should_and_lose_direction() -> None:
    weights, generator = gratings([10.0, 100.0], 0.2), torch.Generator().manual_seed(0)
    mixed, noise = shuffled(weights, generator), as_smooth(weights, generator, copies=100)
    torch.testing.assert_close(mixed.flatten(1).sort(1).values, weights.flatten(1).sort(1).values)
    assert described(mixed).selectivity.max() < 0.3
    assert noise.shape == (200, 3, 15, 15)
    found = described(noise)
    assert found.selectivity.mean() < 0.3
    assert float(found.smoothness.mean()) == pytest.approx(float(described(weights).smoothness.mean()), abs=0.15)
