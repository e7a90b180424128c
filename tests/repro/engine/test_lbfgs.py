"""The batched box-constrained L-BFGS against minima worked out by hand, and against scipy's L-BFGS-B."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from repro.engine import lbfgs


def quadratic(centres: Tensor, weights: Tensor) -> lbfgs.Objective:
    def objective(points: Tensor) -> tuple[Tensor, Tensor]:
        away = points - centres
        return (weights * away.square()).sum(1), 2 * weights * away

    return objective


def random_problem(batch: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(batch, 2 * size, size, dtype=torch.float64, generator=generator)
    shift = torch.randn(batch, 2 * size, dtype=torch.float64, generator=generator)
    return mixing, shift, torch.rand(batch, size, dtype=torch.float64, generator=generator)


def curved(mixing: Tensor, shift: Tensor) -> lbfgs.Objective:
    """Convex, not quadratic, its minimum at several bounds: sum_i softplus(A p + b)_i + |p - 0.9|^2."""

    def objective(points: Tensor) -> tuple[Tensor, Tensor]:
        inner = torch.einsum("bij,bj->bi", mixing, points) + shift
        values = functional.softplus(inner).sum(1) + (points - 0.9).square().sum(1)
        return values, torch.einsum("bij,bi->bj", mixing, inner.sigmoid()) + 2 * (points - 0.9)

    return objective


def test_minima_worked_out_by_hand() -> None:
    centres = torch.tensor([[0.25, 1.5, -1.0], [0.5, 0.75, 2.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 3.0, 0.5], [10.0, 0.1, 1.0]], dtype=torch.float64)
    found = lbfgs.minimise(quadratic(centres, weights), torch.full_like(centres, 0.4), 60)
    expected = torch.tensor([[0.25, 1.0, 0.0], [0.5, 0.75, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    assert found[0, 1:].tolist() == [1.0, 0.0]  # at a bound, to the last bit


def test_as_low_as_scipy(require_module) -> None:
    optimize = require_module("scipy.optimize", "pip install scipy")
    mixing, shift, start = random_problem(4, 12)
    objective = curved(mixing, shift)
    found = lbfgs.minimise(objective, start, 400)
    values, _ = objective(found)
    assert ((found == 0) | (found == 1)).any(1).all()  # bounds matter
    assert ((found > 0) & (found < 1)).any(1).all()
    for b in range(4):
        alone = curved(mixing[b : b + 1], shift[b : b + 1])

        def numbers(point: np.ndarray, alone=alone) -> tuple[float, np.ndarray]:
            value, gradient = alone(torch.from_numpy(point)[None])
            return value.item(), gradient[0].numpy()

        best = optimize.minimize(
            numbers,
            start[b].numpy(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, 1)] * 12,
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        assert values[b].item() == pytest.approx(best.fun, rel=1e-10)
        torch.testing.assert_close(found[b], torch.from_numpy(best.x), rtol=0, atol=1e-5)


def test_never_out_of_the_box_and_never_above_the_start() -> None:
    seen = []

    def rugged(points: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(points)
        return (2 + (40 * points).sin()).sum(1), 40 * (40 * points).cos()

    start = torch.rand(5, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for evaluations in (1, 2, 5, 25):
        found = lbfgs.minimise(rugged, start, evaluations)
        assert (rugged(found)[0] <= rugged(start)[0]).all()
    assert all(((points >= 0) & (points <= 1)).all() for points in seen)
    assert (rugged(found)[0] < rugged(start)[0] - 5).all()


def test_a_batch_equals_one_by_one() -> None:
    mixing, shift, start = random_problem(4, 12)
    together = lbfgs.minimise(curved(mixing, shift), start, 40)
    alone = [lbfgs.minimise(curved(mixing[b : b + 1], shift[b : b + 1]), start[b : b + 1], 40) for b in range(4)]
    # a search amplifies the last bit of the points; near a minimum the values differ by the square of that
    values = curved(mixing, shift)
    torch.testing.assert_close(values(together)[0], values(torch.cat(alone))[0], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_the_loop_waits_for_nothing(unwaiting) -> None:
    mixing, shift, start = random_problem(2, 6)
    unwaiting(0)
    lbfgs.minimise(curved(mixing, shift), start, 10)


def test_the_first_step_is_as_long_as_if_the_value_fell_to_zero_in_a_straight_line() -> None:
    centres, weights = torch.tensor([[0.75, 0.5], [0.2, 0.3]]), torch.tensor([[1.0, 1.0], [50.0, 50.0]])
    seen = []

    def watched(points: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(points)
        return quadratic(centres, weights)(points)

    start = torch.full((2, 2), 0.5)
    lbfgs.minimise(watched, start, 2)
    # a value of w d^2 and a slope of 2 w d are zero d / 2 away, however steep: half the way to the minimum
    torch.testing.assert_close(seen[1], (start + centres) / 2)


def test_asks_for_no_more_evaluations_than_it_may() -> None:
    calls = []

    def counted(points: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(len(points))
        return points.square().sum(1), 2 * points

    lbfgs.minimise(counted, torch.ones(3, 2), 7)
    assert calls == [3] * 7


def test_a_start_at_the_minimum_stays_there() -> None:
    start = torch.tensor([[0.0, 1.0]])
    assert torch.equal(lbfgs.minimise(quadratic(torch.tensor([[0.0, 3.0]]), torch.ones(1, 2)), start, 10), start)
