"""Filter visualisation: the ascent in loops, a filter whose picture is known, and channels that never respond."""

import math

import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import LayerError, OptionsError, UnitsError
from repro.lab import made_images, networks
from repro.visualisation.filter_visualisation import NOISE, filter_visualisation, filters

CONTRACT = {"filter_visualisation": {"steps": 3}}
BENCHMARK = {
    "filter_visualisation": {
        "floor": "to_the_pixels",
        "ours": lambda s: filter_visualisation(s.model, s.last, [0], shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}
SHAPE = (1, 5, 4)


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Softplus(), nn.Conv2d(3, 3, 3), nn.Flatten()).double()


def of_one_filter(weight: Tensor) -> nn.Sequential:
    """A filter (h, w) on one grey image, less its mean, and its ReLU."""
    model = nn.Sequential(nn.Conv2d(1, 1, tuple(weight.shape), bias=False), nn.ReLU(inplace=True)).double()
    with torch.no_grad():
        model[0].weight.copy_(weight - weight.mean())
    return model


def gabor(frequency: float, size: int = 9) -> Tensor:
    """Stripes across, under a Gaussian."""
    at = torch.arange(size, dtype=torch.float64) - size // 2
    bell = torch.exp(-at.square() / 8)
    return bell[:, None] * (bell * torch.cos(2 * math.pi * frequency * at))


def slow(model: nn.Sequential, start: Tensor, layer: int, channel: int, steps: int, rate: float) -> Tensor:
    """One picture, its gradient by differences of the channel's mean, one pixel at a time."""

    def activation(x: list[float]) -> float:
        with torch.no_grad():
            return float(model[: layer + 1](torch.tensor(x, dtype=torch.float64).view(1, *SHAPE))[0, channel].mean())

    x, h = start.flatten().tolist(), 1e-6
    for _ in range(steps):
        g = []
        for i in range(len(x)):
            up, down = ([*x[:i], x[i] + sign * h, *x[i + 1 :]] for sign in (1, -1))
            g.append((activation(up) - activation(down)) / (2 * h))
        size = (sum(each**2 for each in g) / len(g)) ** 0.5
        x = [min(max(value + rate * each / size, 0.0), 1.0) for value, each in zip(x, g, strict=True)]
    return torch.tensor(x, dtype=torch.float64).view(SHAPE)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_ascent_equals_the_definition_in_loops(layer: int) -> None:
    model, options = small(), {"shape": SHAPE, "rate": 0.1, "seed": 2}
    start = filter_visualisation(model, model[layer], [0], steps=0, **options)[0]
    found = filters(model, model[layer], [2, 0], steps=8, **options)
    for picture, channel in zip(found.images, (2, 0), strict=True):
        expected = slow(model, start, layer, channel, 8, 0.1)
        torch.testing.assert_close(picture, expected, rtol=0, atol=1e-6)
    assert ((found.images == 0) | (found.images == 1)).any()  # the cut was tested too
    with torch.no_grad():
        last = model[: layer + 1](found.images).mean((2, 3))[[0, 1], [2, 0]]
    torch.testing.assert_close(found.activations[-1], last)
    assert (found.activations[-1] > found.activations[0]).all()


@pytest.mark.parametrize("frequency", [0.125, 0.25])
def test_the_picture_of_a_striped_filter_has_its_stripes(frequency: float) -> None:
    """After a ReLU: without it every place counts alike, and the mean sees the filter's sum only."""
    model = of_one_filter(gabor(frequency))
    picture = filter_visualisation(model, model[1], [0], shape=(1, 32, 32))
    power = torch.fft.rfft2(picture[0, 0] - picture.mean()).abs().square()
    row, column = divmod(int(power.argmax()), power.shape[1])
    assert row == 0
    assert column / 32 == pytest.approx(frequency, abs=1 / 32)
    assert made_images.mean_frequency(picture) == pytest.approx(frequency, rel=0.5)


def test_the_size_of_a_filter_does_not_matter() -> None:
    pictures = [
        filter_visualisation(model, model[1], [0], shape=(1, 16, 16))
        for model in (of_one_filter(gabor(0.25)), of_one_filter(1e-6 * gabor(0.25)))
    ]
    torch.testing.assert_close(*pictures, rtol=0, atol=1e-9)


def test_a_channel_that_never_responds_is_dead_and_its_picture_the_start() -> None:
    model = small()
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = 0, -1
    found = filters(nn.Sequential(model[0], relu := nn.ReLU()), relu, [0, 1, 2], shape=SHAPE, steps=5)
    assert found.dead.tolist()[1] is True
    assert not found.dead[[0, 2]].all()
    start = filter_visualisation(model, model[0], [0], shape=SHAPE, steps=0)[0]
    assert torch.equal(found.images[1], start)
    assert start.min() >= 0.5
    assert start.max() <= 0.5 + NOISE


def test_trained_channels_respond_more_than_to_the_start() -> None:
    model = networks.load("gap-scenes", 0)
    found = filters(model, model.features[4], range(4), shape=(3, 64, 64), steps=8)
    assert not found.dead.any()
    assert (found.activations[-1] > 2 * found.activations[0].abs()).all()


def test_a_unit_without_places_is_its_own_mean_and_company_does_not_matter() -> None:
    model = small()
    together = filter_visualisation(model, model[3], [5, 0, 5], shape=SHAPE, steps=6)
    assert torch.equal(together[0], together[2])
    torch.testing.assert_close(filter_visualisation(model, model[3], [0], shape=SHAPE, steps=6)[0], together[1])


def test_progress_is_reported() -> None:
    shares: list[float] = []
    model = small()
    filter_visualisation(model, model[0], [0], shape=SHAPE, steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_what_cannot_be_is_refused() -> None:
    model = small()
    for options in ({"steps": -1}, {"rate": 0.0}, {"shape": (2, 5, 4)}):
        with pytest.raises(OptionsError):
            filter_visualisation(model, model[0], [0], **({"shape": SHAPE} | options))
    for channels in ([3], [-1], [0.5]):
        with pytest.raises(UnitsError):
            filter_visualisation(model, model[0], channels, shape=SHAPE)
    with pytest.raises(LayerError):
        filter_visualisation(model, nn.ReLU(), [0], shape=SHAPE)
