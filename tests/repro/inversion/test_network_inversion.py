"""Network inversion against a slow second implementation without autograd, numbers by hand, and what can be inverted."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from repro.engine.errors import GradientError, ImagesError, LayerError, OptionsError
from repro.engine.hog import Hog
from repro.engine.representations import representation
from repro.inversion.network_inversion import (
    RATES,
    network_inversion,
    range_prior,
    total_variation,
)
from repro.lab import metrics

CONTRACT = {"network_inversion": {"rates": [0.01] * 3}}


def small() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.LazyLinear(5),
    ]
    model = nn.Sequential(*layers)
    model(torch.rand(2, 3, 4, 4))
    return model.double().eval()


def images_of(count: int, channels: int = 3, size: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, size, size, dtype=torch.float64, generator=generator)


def slow_variation(image: Tensor, beta: float) -> float:
    """R_V of one image, place by place."""
    total, (channels, height, width) = 0.0, image.shape
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                right = (image[c, i, j + 1] - image[c, i, j]).item() if j + 1 < width else 0.0
                down = (image[c, i + 1, j] - image[c, i, j]).item() if i + 1 < height else 0.0
                total += (right**2 + down**2) ** (beta / 2)
    return total


def slow_inversion(represent, image, start, rates, alpha, beta, weights, sigma) -> Tensor:
    """The paper's descent for one image ``(C, H, W)``; every derivative is a difference of two objectives."""
    target, values = represent(image), image.numel()
    norm = sigma * values**0.5

    def objective(x: Tensor) -> float:
        fit = ((represent(norm * x + 0.5) - target) ** 2).sum() / (target**2).sum()
        size = sum(abs(value) ** alpha for value in x.flatten().tolist())
        return fit.item() + (
            weights[0] * values ** (alpha / 2 - 1) * size
            + weights[1] * values ** (beta / 2 - 1) * slow_variation(x, beta)
        )

    x, step = start.clone(), 1e-6
    velocity, last = torch.zeros_like(x), None
    for rate in rates:
        gradient = torch.zeros_like(x)
        for place in itertools.product(*(range(size) for size in x.shape)):
            ends = []
            for sign in (1, -1):
                moved = x.clone()
                moved[place] += sign * step
                ends.append(objective(moved))
            gradient[place] = (ends[0] - ends[1]) / (2 * step)
        if rate != last:
            velocity = torch.zeros_like(x)
        change = -rate * gradient
        if change.norm() > 0.02:
            change = change / change.norm() * 0.02
        velocity, last = 0.9 * velocity + change, rate
        x = x + velocity
    return norm * x + 0.5


@pytest.mark.parametrize(("alpha", "beta"), [(6, 2), (4, 1)])
def test_equals_the_slow_descent(alpha: float, beta: float) -> None:
    model, images = small(), images_of(2)
    weights, rates, sigma = (0.02, 0.1), (0.02, 0.02, 0.004, 0.004), 0.3
    options = {"lambda_alpha": weights[0], "lambda_tv": weights[1], "alpha": alpha, "beta": beta, "sigma": sigma}
    start = network_inversion(model, images[:1], model[1], rates=(1e-12,), **options)[0]
    start = (start - 0.5) / (sigma * 48**0.5)
    assert abs(start.norm().item() - 1) < 1e-9
    found = network_inversion(model, images, model[1], rates=rates, **options)
    for image, pre_image in zip(images, found, strict=True):
        with torch.no_grad():
            expected = slow_inversion(
                lambda each: model[:2](each[None]), image, start, rates, alpha, beta, weights, sigma
            )
        torch.testing.assert_close(pre_image, expected, rtol=0, atol=1e-7)
        assert (pre_image - (sigma * 48**0.5 * start + 0.5)).abs().max() > 0.03  # it has moved


def test_the_schedule_of_the_paper() -> None:
    phases = [(rate, len(list(steps))) for rate, steps in itertools.groupby(RATES)]
    assert phases == [(0.004, 100), (0.0004, 200), (0.00004, 100)]


@pytest.mark.parametrize("beta", [1, 1.5, 2, 3])
def test_variation_equals_the_definition(beta: float) -> None:
    images = images_of(2, size=5)[:, :, :4]
    expected = torch.tensor([slow_variation(image, beta) for image in images], dtype=torch.float64)
    torch.testing.assert_close(total_variation(images, beta), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total_variation(images.mT, beta), expected, rtol=1e-12, atol=1e-12)


def test_variation_of_edges_and_of_nothing() -> None:
    edge = torch.zeros(1, 1, 4, 6)
    edge[..., 3:] = 0.5
    corner = torch.zeros(1, 1, 4, 6)
    corner[..., 3, 5] = 3.0  # two places see it, one from the left and one from above
    corner[..., 0, 0] = 4.0  # one place sees it in both directions
    for beta, of_edge, of_corner in ((1, 2.0, 6 + 4 * 2**0.5), (2, 1.0, 18 + 32)):
        assert total_variation(edge, beta).item() == pytest.approx(of_edge)
        assert total_variation(edge.mT, beta).item() == pytest.approx(of_edge)  # either direction counts
        assert total_variation(corner, beta).item() == pytest.approx(of_corner)
        flat = torch.full((2, 3, 4, 4), 0.3, requires_grad=True)
        assert total_variation(flat, beta).tolist() == [0, 0]
        (gradient,) = torch.autograd.grad(total_variation(flat, beta).sum(), flat)
        assert gradient.count_nonzero() == 0  # and no NaN


def test_pytorch_cnn_visualizations_misses_a_direction() -> None:
    def theirs(images: Tensor, beta: float) -> float:  # the differences as its inverted_representation.py has them
        here, below, beside = images[:, :-1, :-1], images[:, 1:, :-1], images[:, :-1, 1:]
        return ((here - below).square() + (here - beside).square()).pow(beta / 2).sum().item()

    across = torch.linspace(0, 1, 6).expand(1, 3, 6, 6)
    assert theirs(across, 2) == 0
    assert theirs(across.mT, 2) > 0
    assert total_variation(across).item() == pytest.approx(total_variation(across.mT).item())
    assert total_variation(across).item() == pytest.approx(3 * 6 * 5 * 0.04)


def test_range_by_hand() -> None:
    x = torch.tensor([1.0, -2.0, 0.5, 0.0]).view(1, 1, 2, 2)
    assert range_prior(x, 6).item() == 1 + 64 + 1 / 64
    assert range_prior(x, 2).item() == 5.25


@pytest.mark.parametrize("flattened", [False, True])
def test_what_loses_nothing_is_inverted_exactly_without_a_prior(flattened: bool) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 3, 1).double()
    nn.init.orthogonal_(convolution.weight)
    turn = nn.Linear(48, 48).double()
    nn.init.orthogonal_(turn.weight)
    model = nn.Sequential(convolution, nn.Flatten(), turn)
    layer = model[2] if flattened else model[0]
    images = images_of(3)
    found = network_inversion(model, images, layer, lambda_alpha=0, lambda_tv=0, rates=(0.01,) * 600)
    torch.testing.assert_close(found, images, rtol=0, atol=1e-6)


def test_what_is_lost_is_left_as_it_began() -> None:
    """A layer that sees only one colour says nothing of the others, and without a prior no step changes them."""
    model = nn.Conv2d(3, 1, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([0, 1, 0]).view(1, 3, 1, 1))
    images, options = images_of(2), {"lambda_alpha": 0.0, "lambda_tv": 0.0}
    found = network_inversion(model, images, model, rates=(0.02,) * 300, **options)
    start = network_inversion(model, images, model, rates=(1e-12,), **options)
    torch.testing.assert_close(found[:, 1], images[:, 1], rtol=0, atol=1e-6)
    torch.testing.assert_close(found[:, [0, 2]], start[:, [0, 2]], rtol=0, atol=1e-12)


def test_a_stronger_prior_is_smoother_and_fits_less() -> None:
    model, images = small(), images_of(3, size=4)
    fits, variations = [], []
    for strength in (0.0, 0.5, 5.0):
        found = network_inversion(model, images, model[0], lambda_tv=strength, rates=(0.004,) * 150)
        with torch.no_grad():
            fits.append((model[0](found) - model[0](images)).square().sum().item())
        variations.append(total_variation(found).sum().item())
    assert fits == sorted(fits)
    assert variations == sorted(variations, reverse=True)


def test_batch_equals_one_by_one() -> None:
    model, images = small(), images_of(4)
    options = {"rates": (0.004,) * 30 + (0.0004,) * 10}
    for layer in (model[0], model[5]):
        one_by_one = [network_inversion(model, images[i : i + 1], layer, **options) for i in range(4)]
        found = network_inversion(model, images, layer, **options)
        torch.testing.assert_close(found, torch.cat(one_by_one), rtol=0, atol=1e-7)  # 40 steps
        assert (found[0] - found[1]).abs().max() > 0.01


def test_the_seed_decides_the_start() -> None:
    model, images = small(), images_of(1)
    first, again, other = (network_inversion(model, images, model[5], rates=(0.004,) * 5, seed=s) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


def test_no_images_have_no_pre_images_and_rates_may_be_a_tensor() -> None:
    model, images = small(), images_of(2)
    assert network_inversion(model, images[:0], model[2], rates=(0.004,)).shape == (0, 3, 4, 4)
    rates = (0.004, 0.004, 0.0004)
    found = network_inversion(model, images, model[2], rates=torch.tensor(rates, dtype=torch.float64))
    assert torch.equal(found, network_inversion(model, images, model[2], rates=rates))


def test_the_descent_waits_for_nothing(unwaiting) -> None:
    model = small()
    network_inversion(model, images_of(2), model[2], rates=(0.004,) * 3 + (0.0004,), report=unwaiting)


def test_errors_positions_and_spikes_worked_out_by_hand() -> None:
    images = torch.tensor([0.0, 1.0, 3.0]).view(3, 1, 1, 1)
    # squared distances of all nine pairs: 0, 0, 0, twice 1, 4 and 9; the two found are 1 and 2 off
    error = metrics.relative_error(
        nn.Flatten(), images[:2] + torch.tensor([1.0, 2.0]).view(2, 1, 1, 1), images[:2], images
    )
    assert error == pytest.approx((1 + 4) / 2 / (28 / 9))

    picture, mask = torch.full((1, 3, 20, 20), 0.5), np.zeros((1, 20, 20), bool)
    picture[:, 0, 5:9, 5:9] = 0.9
    mask[0, 5:9, 5:9] = True
    assert metrics.unusual_colour_auc(picture, mask) > 0.97
    assert metrics.unusual_colour_auc(picture.flip(3), mask) < 0.5
    assert metrics.unusual_colour_auc(torch.full_like(picture, 0.5), mask) == 0.5

    grid = torch.zeros(1, 1, 22, 22)  # 400 values of the Laplacian, of which the largest four are a hundredth
    grid[0, 0, 5, 5] = 1  # one is 1, and four 1/4
    assert metrics.laplacian_spikes(grid) == pytest.approx((1 + 3 / 16) / (1 + 4 / 16))


def test_float32_and_the_report() -> None:
    model, shares = small().float(), []
    found = network_inversion(model, images_of(2).float(), model[2], rates=(0.004,) * 4, report=shares.append)
    assert found.dtype == torch.float32
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_the_layer_is_what_it_returns_and_nothing_after_it_runs() -> None:
    """Also where an in-place ReLU follows; what comes after could not even be computed."""

    class Fails(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise AssertionError("nobody asked for this layer")

    convolution = nn.Conv2d(3, 4, 3).double()
    images = images_of(2)
    found = representation(nn.Sequential(convolution, nn.ReLU(inplace=True), Fails()), images, convolution)
    assert torch.equal(found, convolution(images).flatten(1))
    assert (found < 0).any()
    network_inversion(nn.Sequential(convolution, Fails()), images, convolution, rates=(0.004,))


@pytest.mark.parametrize("bilinear", [False, True])
def test_hog_is_inverted_by_the_same_function(bilinear: bool) -> None:
    hog, images = Hog(bilinear, cell=4), torch.zeros(2, 1, 16, 16, dtype=torch.float64)
    images[0, 0, 4:12, 4:12] = 1
    images[1, 0, :, 6:] = 0.7
    found = network_inversion(hog, images, hog, lambda_tv=0.05, rates=(0.004,) * 100)
    start = network_inversion(hog, images, hog, rates=(1e-12,))
    errors = [
        (hog(each) - hog(images)).square().sum((1, 2, 3)) / hog(images).square().sum((1, 2, 3))
        for each in (found, start)
    ]
    assert (errors[0] < 0.5 * errors[1]).all()


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(fails: bool, around) -> None:
    model = small().train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    model[5].bias.grad = torch.ones_like(model[5].bias)
    before = copy.deepcopy(model.state_dict())
    with around():
        images = images_of(2)
        kept = images.clone()
        if fails:

            def stop(_: float) -> None:
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                network_inversion(model, images, model[4], report=stop)
        else:
            first, second = (network_inversion(model, images, model[4], rates=(0.004,) * 3) for _ in range(2))
            assert torch.equal(first, second)  # no dropout: it was evaluated, although it trains
            assert not first.requires_grad
        assert torch.equal(images, kept)
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert [parameter.requires_grad for parameter in model.parameters()] == [False] + [True] * 5
    assert [None if p.grad is None else p.grad.tolist() for p in model.parameters()] == [None] * 5 + [[1.0] * 5]
    assert all(not module._forward_hooks and not module._backward_hooks for module in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


class Odd(nn.Module):
    """Layers that can't be inverted, each in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 1).double()
        self.pair, self.rounds, self.dead, self.unused = Pair(), Rounds(), Dead(), nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.convolution(images)
        self.pair(maps)
        self.dead(maps)
        return self.rounds(maps)


class Pair(nn.Module):
    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return maps, maps


class Rounds(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.detach().round()


class Dead(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return 0 * maps


@pytest.mark.parametrize(
    ("layer", "error"),
    [
        ("pair", LayerError),
        ("rounds", GradientError),
        ("dead", LayerError),
        ("unused", LayerError),
        (None, LayerError),
    ],
)
def test_layers_that_can_not_be_inverted_are_refused(layer: str | None, error: type[ValueError]) -> None:
    model = Odd()
    with pytest.raises(error):
        network_inversion(model, images_of(2) + 1, getattr(model, layer) if layer else nn.ReLU())


@pytest.mark.parametrize(
    ("images", "rates", "error"),
    [
        (torch.zeros(3, 4, 4), (0.1,), ImagesError),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), (0.1,), ImagesError),
        (torch.zeros(1, 3, 4, 4), (), OptionsError),
        (torch.zeros(1, 3, 4, 4), (0.1, 0.0), OptionsError),
        (torch.zeros(1, 3, 4, 4), (math.nan, 0.1), OptionsError),
        (torch.zeros(1, 3, 4, 4), (0.1, math.inf), OptionsError),
        (torch.zeros(1, 3, 4, 4, dtype=torch.float16), (0.1,), ImagesError),
    ],
)
def test_images_and_rates_that_do_not_fit_are_refused(
    images: Tensor, rates: tuple[float, ...], error: type[ValueError]
) -> None:
    model = small().float()
    with pytest.raises(error):
        network_inversion(model, images, model[0], rates=rates)
