"""Sobolev gradients: a dense solve, what a smoothing filter must keep, and an ascent in loops."""

import math

import pytest
import torch
from torch import Tensor, nn

from repro.engine import steps
from repro.engine.errors import OptionsError
from repro.engine.optimise import optimise
from repro.visualisation.sobolev_regularisation import RATE, along, sobolev_gradient, sobolev_regularisation

CONTRACT = {"sobolev_regularisation": {"steps": 3}}
BENCHMARK = {
    "sobolev_regularisation": {
        "floor": "to_the_pixels",
        "ours": lambda s: sobolev_regularisation(s.model, s.classes, shape=s.images.shape[1:], steps=1),
        "models": ("resnet50",),
        "batches": (1,),
    }
}
SHAPE = (1, 4, 6)


def some(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(strength: float, height: int, width: int) -> Tensor:
    """I - lambda Laplace of a torus, one row a pixel, from its neighbours."""
    matrix = torch.eye(height * width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            for other in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                matrix[y * width + x, y * width + x] += strength
                matrix[y * width + x, other[0] % height * width + other[1] % width] -= strength
    return matrix


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("size", [(8, 8), (5, 3)])
def test_the_filter_solves_the_equation(size: tuple[int, int], order: int) -> None:
    gradient = some(0, 2, 3, *size)
    matrix = torch.linalg.matrix_power(dense(2.5, *size), order)
    expected = torch.linalg.solve(matrix, gradient.flatten(2).transpose(1, 2)).transpose(1, 2).view_as(gradient)
    torch.testing.assert_close(sobolev_gradient(gradient, 2.5, order), expected, rtol=0, atol=1e-10)


def test_a_constant_passes_a_chequerboard_is_damped_by_a_known_factor_and_no_strength_changes_nothing() -> None:
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    chequered = (1.0 - 2.0 * ((rows + columns) % 2)).double()[None, None]
    constant, any_one = torch.full((1, 1, 4, 6), 3.0, dtype=torch.float64), some(1, 1, 1, 4, 6)
    torch.testing.assert_close(sobolev_gradient(constant, 7.0), constant)
    torch.testing.assert_close(sobolev_gradient(chequered, 1.0), chequered / 9)
    torch.testing.assert_close(sobolev_gradient(chequered, 1.0, order=2), chequered / 81)
    torch.testing.assert_close(sobolev_gradient(any_one, 0.0), any_one)


def test_it_is_symmetric_and_never_turns_against_the_gradient() -> None:
    first, second = some(2, 5, 3, 7, 4), some(3, 5, 3, 7, 4)
    left, right = (first * sobolev_gradient(second, 3.0)).sum(), (sobolev_gradient(first, 3.0) * second).sum()
    torch.testing.assert_close(left, right)
    assert ((first * sobolev_gradient(first, 30.0)).sum((1, 2, 3)) > 0).all()


def test_details_finer_than_the_stated_period_lose_half_or_more() -> None:
    period = 16
    wave = torch.cos(2 * math.pi * torch.arange(64, dtype=torch.float64) / period).expand(1, 1, 64, 64)
    strength = (period / (2 * math.pi)) ** 2
    assert float(sobolev_gradient(wave, strength).max()) == pytest.approx(0.5, abs=0.01)


def curved() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(24, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def slow(model: nn.Module, start: Tensor, target: int, inverse: Tensor, count: int) -> Tensor:
    """One picture, its gradient by differences, one pixel at a time, and the filter as a matrix."""
    x, h = start.flatten().clone(), 1e-6

    def score(values: Tensor) -> float:
        with torch.no_grad():
            return float(model(0.5 + values.view(1, *SHAPE))[0, target])

    for number in range(count):
        unit = torch.eye(len(x), dtype=torch.float64) * h
        gradient = torch.tensor([(score(x + each) - score(x - each)) / (2 * h) for each in unit], dtype=torch.float64)
        smooth = inverse @ gradient
        x = x + RATE * (count - number) / count * smooth / smooth.square().mean().sqrt()
    return (0.5 + x).clamp(0, 1).view(SHAPE)


def test_ascent_equals_the_definition_in_loops() -> None:
    model, options = curved(), {"shape": SHAPE, "strength": 2.0, "seed": 3}
    start = sobolev_regularisation(model, [0, 0], steps=0, **options)
    assert torch.equal(start[0], start[1])
    found = sobolev_regularisation(model, [2, 1], steps=9, **options)
    for picture, target in zip(found, (2, 1), strict=True):
        expected = slow(model, start[0] - 0.5, target, dense(2.0, 4, 6).inverse(), 9)
        torch.testing.assert_close(picture, expected, rtol=0, atol=1e-6)


def test_it_changes_the_way_and_not_the_goal() -> None:
    """A quadratic has one optimum, which both gradients reach; after a few steps they are apart."""
    goal, start = some(4, 1, 1, 4, 6), torch.zeros(1, 1, 4, 6, dtype=torch.float64)

    def misfit(x: Tensor) -> Tensor:
        return -(x - goal).square().sum((1, 2, 3))

    def ascended(strength: float, count: int) -> Tensor:
        return optimise(start, misfit, along(lambda x, gradient, _: x + 0.4 * gradient, strength), count)[0]

    assert (ascended(0.0, 3) - ascended(2.0, 3)).norm() > 0.5 * goal.norm()
    torch.testing.assert_close(ascended(2.0, 800), goal)


def test_the_step_is_as_long_as_without_the_filter() -> None:
    x, gradient = torch.zeros(2, 3, 8, 8, dtype=torch.float64), some(5, 2, 3, 8, 8)
    moved = along(steps.normalised([0.5]), 9.0)(x, gradient, x[:, 0, 0, 0])
    torch.testing.assert_close(moved.square().mean((1, 2, 3)).sqrt(), torch.full((2,), 0.5, dtype=torch.float64))


def test_progress_is_reported_and_what_cannot_be_is_refused() -> None:
    model, shares = curved(), []
    sobolev_regularisation(model, [0], shape=SHAPE, steps=4, report=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    for wrong in ({"steps": -1}, {"strength": -1.0}, {"strength": math.nan}, {"order": 0}, {"shape": (2, 4, 6)}):
        with pytest.raises(OptionsError):
            sobolev_regularisation(model, [0], **({"shape": SHAPE} | wrong))
